"""What is done outside of commits: the write-ahead log stays small, texts are entered into the indexes."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from opencode.store import Store, maintenance
from opencode.store.database import Database

from .test_search import find, say
from .test_store import make_prompt, make_session, make_text


@pytest.fixture
def url() -> None:
    """SQLite's alone: PostgreSQL maintains itself."""


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "opencode.db-wal"


def size(file: Path) -> int:
    return file.stat().st_size


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.02)


async def write_much(store: Store, megabytes: float, after_each: Callable[[], Awaitable[object]]) -> None:
    session = make_session()
    prompt = make_prompt(session.id)
    store.put_session(session)
    store.put_message(prompt)
    part = make_text(prompt, "")
    for number in range(int(megabytes * 10)):
        part.text = f"{number} " * 20_000
        store.put_part(part)
        await store.commit()
        await after_each()


async def test_the_log_stays_bounded_under_load_and_is_empty_at_rest(store: Store, log_file: Path) -> None:
    largest = 0

    async def look() -> None:
        nonlocal largest
        largest = max(largest, size(log_file))
        await asyncio.sleep(0.02)

    await write_much(store, 40, look)
    assert largest < 16_000_000
    await until(lambda: size(log_file) == 0)


async def test_a_log_that_commits_never_leave_alone_is_copied_between_two_of_them(
    store: Store, log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is copied beside commits is never all of the log here."""
    monkeypatch.setattr(maintenance, "LOG_BYTES", 400_000)
    monkeypatch.setattr(maintenance, "LONG_LOG_BYTES", 400_000)
    monkeypatch.setattr(maintenance, "LOOK_SECONDS", 0.02)
    waited = 0
    between = Database.between_writes

    async def counted(self: Database, work: Callable[[], bool]) -> bool:
        nonlocal waited
        waited += 1
        return await between(self, work)

    async def incomplete(self: maintenance.Maintenance, truncate: bool = False) -> bool:
        return False

    monkeypatch.setattr(Database, "between_writes", counted)
    monkeypatch.setattr(maintenance.Maintenance, "_checkpoint", incomplete)
    largest = 0

    async def look() -> None:
        nonlocal largest
        largest = max(largest, size(log_file))
        await asyncio.sleep(0.03)

    await write_much(store, 20, look)
    assert waited > 0
    assert largest < 10_000_000


async def test_texts_are_entered_at_rest_without_a_search(store: Store, tmp_path: Path) -> None:
    say(store, "some zebras")
    await store.commit()

    def pending() -> int:
        with sqlite3.connect(tmp_path / "opencode.db") as disk:
            (count,) = disk.execute("SELECT count(*) FROM fts_pending").fetchone()
        return int(count)

    assert pending() == 2
    await until(lambda: pending() == 0)
    with sqlite3.connect(tmp_path / "opencode.db") as disk:
        assert disk.execute("SELECT count(*) FROM text_words('zebras')").fetchone() == (1,)


async def test_a_search_finds_what_was_just_put_however_much_waits(store: Store) -> None:
    parts = [say(store, f"number{each} zebras") for each in range(200)]
    assert await find(store, "number199 zebras") == [parts[-1].session_id]
    assert len(await find(store, "zebras")) == 200


async def test_a_text_that_changes_or_goes_while_it_waits_leaves_nothing(
    store: Store, tmp_path: Path
) -> None:
    changed, removed, kept = (say(store, f"{word} zebra") for word in ("changed", "removed", "kept"))
    await store.commit()
    changed.text = "a lion"
    store.put_part(changed)
    store.remove_part(removed.session_id, removed.id)
    await store.commit()
    assert await find(store, "zebra") == [kept.session_id]
    assert await find(store, "lion") == [changed.session_id]
    store.put_part(changed)  # as it was
    await store.commit()
    changed.text = "a tiger"
    store.put_part(changed)
    assert await find(store, "lion") == []
    assert await find(store, "tiger") == [changed.session_id]
    await store.close()
    with sqlite3.connect(tmp_path / "opencode.db") as disk:
        for index in ("text_words", "text_runs", "title_runs"):
            disk.execute(f"INSERT INTO {index}({index}) VALUES('integrity-check')")
        assert disk.execute("SELECT count(*) FROM text_words('zebra OR lion OR removed')").fetchone() == (1,)


_LARGE = """
import asyncio, sys
from pathlib import Path
from opencode.store import Store
from tests.store.test_store import make_prompt, make_session, make_text

async def main():
    store = await Store.open(Path(sys.argv[1]))
    session = make_session()
    store.put_session(session)
    for number in range(3):
        prompt = make_prompt(session.id)
        store.put_message(prompt)
        for _ in range(3):
            store.put_part(make_text(prompt, f"{number} words " * 250_000))
    await store.commit()
    assert (await store.search("2 words 2", 5)).matches
    await store.close()

asyncio.run(main())
"""


def test_a_large_message_needs_no_directory_for_temporary_files(tmp_path: Path) -> None:
    """As in a container whose root is read-only."""
    data = tmp_path / "data"
    data.mkdir()
    mounts = f"mount --bind {data} {data} && mount -o remount,bind,ro / && cd / && exec "
    command = ["unshare", "--mount", "sh", "-c", mounts + '"$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], check=False).returncode:
        pytest.skip("mounts need root: run the tests as root to have this one")
    root = str(Path(__file__).parents[2])
    program = [sys.executable, "-c", _LARGE, str(data)]
    environ = {**os.environ, "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run([*command, *program], check=False, env=environ, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
