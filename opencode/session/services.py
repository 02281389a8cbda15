"""Builds all services of the server, without the web layer, and closes them at the end."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import msgspec
from msgspec import structs

from opencode.agent.agents import Agents
from opencode.agent.dependencies import TurnDependencies
from opencode.agent.fallback import Fallbacks
from opencode.agent.pending_requests import PendingRequests
from opencode.agent.retry import RetryPolicy
from opencode.bus import Bus
from opencode.cluster import ALONE, Cluster
from opencode.config import Reload, Settings
from opencode.errors import RequestError, SettingsError, Unavailable
from opencode.offload.jobs import JSON_SCHEMA
from opencode.offload.pool import Pool
from opencode.provider.keys import Keys
from opencode.provider.registry import Registry
from opencode.provider.shared_keys import open_keys
from opencode.schema.event import McpToolsChanged
from opencode.store import SharedSecrets, Store
from opencode.tasks import Tasks
from opencode.tool.egress import Egress
from opencode.tool.mcp import McpServers
from opencode.tool.registry import Tools
from opencode.tool.skill import Skills
from opencode.tool.workspace import WorkspaceTools
from opencode.workspace import Changes, Workspace
from opencode.workspace.setup import described, open_workspace

from .active_setup import ActiveSetup, Setup, of_agents, of_settings, setup_warnings
from .branches import Branches
from .chosen_ids import ChosenIds
from .command import Commands
from .delegation import Delegation
from .deletion import Deletion
from .file_history import FileHistory
from .history import History
from .instructions import Instructions
from .prompts import Prompts
from .recovery import recover
from .saved_settings import SavedSettings
from .sessions import Sessions
from .snapshot import Snapshot
from .transfer import Transfer
from .turns import Turns

CHANGE_SECONDS = 5.0
"""How long the server's stop waits for changes that have begun."""

log = logging.getLogger(__name__)


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """The services that the API and the web page call.

    Each is built from those above it in `open_services`, and knows nothing of those below. `setup`: the
    set-up in use; `reload` replaces it when its files have changed, `saved` changes one of them. `secrets`:
    those of all servers of a PostgreSQL database, None with SQLite.
    """

    setup: ActiveSetup
    reload: Reload
    saved: SavedSettings
    sessions: Sessions
    prompts: Prompts
    history: History
    branches: Branches
    transfer: Transfer
    deletion: Deletion
    turns: Turns
    snapshot: Snapshot
    changes: Tasks
    bus: Bus
    pending_requests: PendingRequests
    store: Store
    secrets: SharedSecrets | None
    mcp: McpServers
    workspace: Workspace | None
    files: FileHistory
    cluster: Cluster | None

    @property
    def settings(self) -> Settings:
        return self.setup.settings

    @property
    def providers(self) -> Registry:
        return self.setup.dependencies.providers

    @property
    def agents(self) -> Agents:
        return self.setup.dependencies.agents

    @property
    def skills(self) -> Skills:
        return self.setup.dependencies.skills

    async def stop(self, grace: float = 0) -> None:
        """Let turns run for up to `grace` seconds, abort the rest, store their ends, and end all streams."""
        self.turns.closing = True
        await self.changes.close(CHANGE_SECONDS)
        await self.turns.close(grace)
        await self.files.close()
        await self.deletion.close()
        if self.cluster is not None:
            with suppress(Unavailable):
                await self.store.commit()
            await self.cluster.leave()
        self.bus.close()
        await self.mcp.close()


@asynccontextmanager
async def open_services(settings: Settings, retry: RetryPolicy | None = None) -> AsyncIterator[Services]:
    """Open all services, and close them in the opposite order when the block ends; raises SettingsError."""
    async with AsyncExitStack() as stack:
        store = await Store.open(settings.data_dir, settings.database_url)
        stack.push_async_callback(store.close)
        # A file's secrets stay in files beside it, where one server alone finds them.
        secrets = await store.shared_secrets(settings.secret) if settings.database_url else None
        keys = await open_keys(settings.data_dir / "auth.json", secrets)
        bus = Bus()
        cluster = Cluster(store) if store.server_id is not None else None
        workspace = open_workspace(settings)
        file_changes = None
        if workspace is not None:
            stack.callback(workspace.close)
            file_changes = Changes(workspace, store, bus)
            log.info(described(workspace))
        pending_requests = PendingRequests(bus)
        egress = Egress(settings.fetch_allow)

        def changed(server: str) -> None:
            bus.publish(McpToolsChanged(server=server))

        mcp = McpServers(
            settings.config.mcp,
            changed=changed,
            may_add=settings.password is not None,
            left_out=settings.left_out_mcp,
            egress=egress,
        )
        first = await _first_setup(
            stack,
            settings,
            store=store,
            keys=keys,
            bus=bus,
            pending_requests=pending_requests,
            mcp=mcp,
            changes=file_changes,
            egress=egress,
            retry=retry or RetryPolicy(),
        )
        setup = ActiveSetup(first, mcp)
        stack.push_async_callback(setup.close)
        dependencies = first.dependencies
        changes = Tasks(refusals=(RequestError,))
        chosen_ids = ChosenIds()
        sessions = Sessions(setup, cluster or ALONE)
        turns = Turns(setup, sessions, Tasks(), settings.resume)
        files = FileHistory(file_changes, store, sessions, bus)
        history = History(store, sessions, turns, files, settings.limits)
        prompts = Prompts(
            setup,
            sessions,
            turns,
            history,
            Branches(store, files, sessions, turns),
            chosen_ids,
            settings.limits,
            changes,
        )
        turns.delegation = Delegation(sessions, setup, prompts.send, turns.abort, turns.last_answer)
        reload = Reload(settings, setup.use)
        services = Services(
            setup=setup,
            reload=reload,
            saved=SavedSettings(setup, reload),
            sessions=sessions,
            prompts=prompts,
            history=history,
            branches=prompts.branches,
            transfer=Transfer(setup, sessions, chosen_ids, settings.limits),
            deletion=Deletion(dependencies, sessions, turns, changes),
            turns=turns,
            snapshot=Snapshot(store, sessions, turns, pending_requests),
            changes=changes,
            bus=bus,
            pending_requests=pending_requests,
            store=store,
            secrets=secrets,
            mcp=mcp,
            workspace=workspace,
            files=files,
            cluster=cluster,
        )
        stack.push_async_callback(services.stop)
        mcp.begin()
        await _recover(services)
        if cluster is not None:
            cluster.start()
        watching = asyncio.create_task(
            services.reload.watch(lambda: bool(bus.subscribers)), name="watch the set-up"
        )
        try:
            yield services
        finally:
            watching.cancel()
            await asyncio.wait({watching})


async def _first_setup(
    stack: AsyncExitStack,
    settings: Settings,
    *,
    store: Store,
    keys: Keys,
    bus: Bus,
    pending_requests: PendingRequests,
    mcp: McpServers,
    changes: Changes | None,
    egress: Egress,
    retry: RetryPolicy,
) -> Setup:
    """Return the set-up that the server starts with; what it opens, `stack` closes.

    `changes`: of the workspace's files, None without a workspace.
    """
    agents, skills = of_settings(settings)
    instructions = Instructions(settings, egress)
    workspace = changes.workspace if changes is not None else None
    of_workspace = [WorkspaceTools(changes.workspace, changes)] if changes is not None else []
    tools = Tools(settings, extra=of_agents(agents), sources=[*of_workspace, skills, mcp])
    stack.push_async_callback(tools.close)
    providers = Registry(settings, keys=keys)
    schemas = Pool("JSON_SCHEMA", JSON_SCHEMA)
    stack.push_async_callback(schemas.close)
    dependencies = TurnDependencies(
        store=store,
        bus=bus,
        providers=providers,
        tools=tools,
        skills=skills,
        agents=agents,
        fallbacks=Fallbacks(providers, agents),
        pending_requests=pending_requests,
        schemas=schemas,
        instructions=instructions.texts,
        directory=str(settings.directory),
        retry=retry,
        workspace=workspace,
    )
    setup = Setup(
        settings=settings,
        dependencies=dependencies,
        commands=Commands(settings.config.command, agents, mcp, skills, workspace),
        instructions=instructions,
    )
    return structs.replace(setup, warnings=setup_warnings(setup, await instructions.warnings()))


async def _recover(services: Services) -> None:
    """Go on with, or end, what the last stop of this server cut, and of those that are gone."""
    cluster, settings = services.cluster, services.settings
    try:
        if cluster is not None:
            join_turns(cluster, services)
            await cluster.join(settings.host, settings.port, settings.cluster_address)
            await cluster.settle()
        await services.deletion.resume()
        await services.files.recover()
        await _go_on(services, services.sessions.is_own)
    except Unavailable as error:
        raise SettingsError(error.message) from None


def join_turns(cluster: Cluster, services: Services) -> None:
    """Let the cluster know what runs here, and give it what it has to do when a server is gone."""

    async def take(roots: list[str]) -> None:
        taken = set(roots)

        async def concerns(session_id: str) -> bool:
            return await cluster.root(session_id) in taken

        await services.deletion.resume()
        await _go_on(services, concerns)

    async def forget(is_lost: Callable[[str], bool]) -> None:
        await services.store.commit()
        services.sessions.forget(is_lost)

    def start_anew() -> None:
        log.critical("the other servers have taken this one for gone, and its sessions; it starts anew")
        logging.shutdown()
        os.closerange(3, 65_536)  # the address is free for the program that takes this one's place
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

    cluster.fenced = start_anew
    cluster.take = take
    cluster.forget = forget
    cluster.busy = services.turns.all


async def _go_on(services: Services, concerns: Callable[[str], Awaitable[bool]]) -> None:
    dependencies = services.setup.dependencies
    recovered = await recover(
        dependencies, services.sessions, services.turns, services.settings.resume, concerns
    )
    if recovered.closed:
        log.warning("closed the answers that a stop interrupted, in %d sessions", recovered.closed)
    if recovered.resumed:
        log.warning("the answers that a stop interrupted go on, in %d sessions", recovered.resumed)
