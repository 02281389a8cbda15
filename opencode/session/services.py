"""Builds all services of the server, without the web layer, and closes them at the end."""

import logging
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from opencode.agent.agents import Agents
from opencode.agent.dependencies import TurnDependencies
from opencode.agent.pending_requests import PendingRequests
from opencode.agent.retry import RetryPolicy
from opencode.bus import Bus
from opencode.config import Settings
from opencode.errors import SettingsError, Unavailable
from opencode.provider.registry import Registry
from opencode.schema.base import given
from opencode.schema.event import McpToolsChanged
from opencode.store import Store
from opencode.tasks import Tasks
from opencode.tool.mcp import McpServers
from opencode.tool.registry import Tools
from opencode.tool.task import RunTask

from .chosen_ids import ChosenIds
from .command import Commands
from .delegation import Delegation
from .deletion import Deletion
from .history import History
from .prompts import Prompts
from .recovery import recover
from .sessions import Sessions
from .snapshot import Snapshot
from .transfer import Transfer
from .turns import Turns

CHANGE_SECONDS = 5.0
"""How long the server's stop waits for changes that have begun."""

log = logging.getLogger(__name__)


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """The services that the API and the web page call."""

    settings: Settings
    sessions: Sessions
    prompts: Prompts
    history: History
    transfer: Transfer
    deletion: Deletion
    turns: Turns
    snapshot: Snapshot
    changes: Tasks
    bus: Bus
    providers: Registry
    agents: Agents
    pending_requests: PendingRequests
    store: Store
    mcp: McpServers

    async def stop(self, grace: float = 0) -> None:
        """Let turns run for up to `grace` seconds, abort the rest, store their ends, and end all streams."""
        self.turns.closing = True
        await self.changes.close(CHANGE_SECONDS)
        await self.turns.close(grace)
        await self.deletion.close()
        self.bus.close()
        await self.mcp.close()


@asynccontextmanager
async def open_services(settings: Settings, retry: RetryPolicy | None = None) -> AsyncIterator[Services]:
    """Open all services, and close them when the block ends; raises SettingsError."""
    agents = Agents(settings.config)
    instructions = tuple(_instructions(settings))
    store = await Store.open(settings.data_dir, settings.database_url)
    bus = Bus()
    pending_requests = PendingRequests(bus)

    def changed(server: str) -> None:
        bus.publish(McpToolsChanged(server=server))

    mcp = McpServers(
        settings.config.mcp,
        changed=changed,
        may_add=settings.password is not None,
    )
    tools = Tools(settings, extra=[RunTask(_for_tasks(agents))], sources=(mcp,))
    providers = Registry(settings)
    dependencies = TurnDependencies(
        store=store,
        bus=bus,
        providers=providers,
        tools=tools,
        agents=agents,
        pending_requests=pending_requests,
        instructions=instructions,
        directory=os.getcwd(),
        retry=retry or RetryPolicy(),
    )
    commands = Commands(settings.config.command, agents, mcp)
    may_share = settings.config.share != "disabled"
    changes = Tasks()
    chosen_ids = ChosenIds()
    sessions = Sessions(dependencies, may_share)
    turns = Turns(dependencies, sessions, Tasks())
    history = History(store, sessions, turns, settings.limits)
    prompts = Prompts(dependencies, sessions, turns, history, commands, chosen_ids, settings.limits, changes)
    turns.delegate = Delegation(sessions, agents, prompts.send, turns.abort)
    services = Services(
        settings=settings,
        sessions=sessions,
        prompts=prompts,
        history=history,
        transfer=Transfer(dependencies, sessions, chosen_ids, settings.limits),
        deletion=Deletion(dependencies, sessions, turns, changes),
        turns=turns,
        snapshot=Snapshot(store, sessions, turns, pending_requests),
        changes=changes,
        bus=bus,
        providers=providers,
        agents=agents,
        pending_requests=pending_requests,
        store=store,
        mcp=mcp,
    )
    try:
        mcp.begin()
        await _recover(dependencies, services)
        yield services
    finally:
        await services.stop()
        await providers.close()
        await tools.close()
        await store.close()


def _for_tasks(agents: Agents) -> list[tuple[str, str]]:
    """Return the name and description of each agent that tasks can be delegated to."""
    return [
        (agent.name, given(agent.description, "No description."))
        for agent in agents.list()
        if agent.mode != "primary" and agent.hidden is not True
    ]


async def _recover(dependencies: TurnDependencies, services: Services) -> None:
    try:
        await services.deletion.resume()
        if changed := await recover(dependencies, services.sessions):
            log.warning("closed the answers that the last stop interrupted, in %d sessions", changed)
    except Unavailable as error:
        raise SettingsError(error.message) from None


def _instructions(settings: Settings) -> Iterable[str]:
    """Yield the texts of opencode.json's `instructions`: paths or globs, from where the file is."""
    base = settings.config_path.parent if settings.config_path else Path()
    for pattern in settings.config.instructions:
        path = Path(pattern).expanduser()
        found = [path] if path.is_absolute() else sorted(base.glob(pattern))
        for file in found:
            try:
                yield file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"instructions: {file} can't be read: {error}.") from None
