"""The server without its web interface: everything that is opened at start and closed at the end."""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
from .instructions import instruction_texts
from .prompts import Prompts
from .recovery import recover
from .sessions import Sessions
from .snapshot import Snapshot
from .start_checks import start_warnings
from .transfer import Transfer
from .turns import Turns

CHANGE_SECONDS = 5.0
"""How long the end of the server waits for changes that have begun."""

log = logging.getLogger(__name__)


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What the API and the page call. Built from the bottom up: nothing here knows what is built after it.

    `warnings`: sentences about probable mistakes in the settings, for the log.
    """

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
    warnings: tuple[str, ...]

    async def stop(self, grace: float = 0) -> None:
        """Let turns end within `grace` seconds, abort the rest, publish their ends, end all streams."""
        self.turns.closing = True
        await self.changes.close(CHANGE_SECONDS)
        await self.turns.close(grace)
        await self.deletion.close()
        self.bus.close()
        await self.mcp.close()


@asynccontextmanager
async def open_services(settings: Settings, retry: RetryPolicy | None = None) -> AsyncIterator[Services]:
    """Open everything, and close it in the opposite order; raises SettingsError."""
    agents = Agents(settings.config)
    instructions = instruction_texts(settings)
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
        warnings=tuple(start_warnings(settings, tools, providers)),
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
    """Return the agents that tasks may be delegated to, with their descriptions."""
    return [
        (agent.name, given(agent.description, "No description."))
        for agent in agents.list()
        if agent.mode != "primary" and agent.hidden is not True
    ]


async def _recover(dependencies: TurnDependencies, services: Services) -> None:
    try:
        await services.deletion.resume()
        if cut := await recover(dependencies, services.sessions):
            log.warning("%d answers were interrupted when the server last stopped; they are closed now", cut)
    except Unavailable as error:
        raise SettingsError(error.message) from None
