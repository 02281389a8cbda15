"""Set-ups: what this server makes of them beside what opencode's own server makes of the same folder.

`setups/differences` says what may differ, and docs/compatibility.md states it. opencode takes several seconds
for each: a run of all tests compares every fifth that needs no server of opencode's own, `make setups` all.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from .setups import SETUPS
from .setups.differences import Words, ours_compared, theirs_compared, without_unusable
from .setups.servers import Opencodes, ask_ours, opencodes
from .setups.setup import VARIABLES, Setup

NOTHING = Setup({})
BY_SERVER = sorted(SETUPS, key=lambda name: (SETUPS[name].key != NOTHING.key, SETUPS[name].key))
"""Set-ups that one server of opencode can have at the same time follow each other: its start takes long."""

ALL = os.environ.get("OPENCODE_SETUPS") == "all"
SAMPLE = [name for name in BY_SERVER if SETUPS[name].key == NOTHING.key][::5]


@dataclass(frozen=True)
class Both:
    """Both servers. `words`: what each of them says without a set-up, opencode first."""

    opencodes: Opencodes
    words: tuple[Words, Words]
    folder: Path

    async def compare(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return opencode's side and this server's side of a set-up, without what may differ."""
        setup = SETUPS[name]
        folder = self.folder / name.replace(" ", "_")
        setup.write(folder, self.opencodes.llm.url)
        home = self.opencodes.home(setup)
        # This server first: opencode writes into the folders of a set-up.
        mine = await ask_ours(setup, folder, home, self.opencodes.llm)
        theirs = await self.opencodes.ask(setup, folder)
        env = {**VARIABLES, **setup.environment(folder), "HOME": str(home)}
        agent = setup.agent or "build"
        first = theirs_compared(theirs, self.words[0], agent)
        second = ours_compared(mine, self.words[1], agent, env, folder / setup.directory)
        second["mcp"] = without_unusable(second["mcp"], first["mcp"])
        return first, second


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(tmp_path_factory: pytest.TempPathFactory, published_clients: Path) -> AsyncIterator[Both]:
    directory = tmp_path_factory.mktemp("setups")
    async with opencodes(directory) as servers:
        folder = directory / "none"
        NOTHING.write(folder, servers.llm.url)
        mine = await ask_ours(NOTHING, folder, servers.home(NOTHING), servers.llm)
        theirs = await servers.ask(NOTHING, folder)
        yield Both(servers, (Words(theirs), Words(mine)), directory)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", BY_SERVER if ALL else SAMPLE)
async def test_a_set_up_means_the_same_as_to_opencode(both: Both, name: str) -> None:
    theirs, mine = await both.compare(name)
    assert mine.keys() == theirs.keys()
    for part, value in theirs.items():
        assert mine[part] == value, part
