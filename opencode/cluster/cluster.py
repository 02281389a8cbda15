"""This server among others: it says that it lives, notices who is gone, and knows whose each session is."""

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy.exc import SQLAlchemyError

from opencode.clock import now_ms
from opencode.errors import Unavailable
from opencode.store import Store, servers

from .peers import Peer

LOOK_SECONDS = 0.5
"""How often a server says that it lives and looks who else does."""

LOST_MS = 750
"""How long a server was silent whose lock is free before it counts as gone: it may be connecting anew."""

VANISHED_MS = 10_000
"""How long a server may be silent that holds its lock: its machine may be gone."""

CONFIRM_SECONDS = 2.0
"""How long a server has been connected before it declares others gone: they may have lost it just as well."""

IDLE_SECONDS = 60.0
"""How long a session stays a server's that nobody uses."""

ROOTS_KEPT = 100_000
"""How many sessions' topmost ancestors are remembered."""

log = logging.getLogger(__name__)


class Cluster:
    """This server's part in the cluster. Implements Ownership.

    `take`: called with root sessions of a server that is gone and that are this one's now. `busy`: the
    sessions in which something runs. `forget`: called before trees are given up that nobody uses. `fenced`:
    called once others have taken this server for gone; nothing that it holds counts any more.
    """

    take: Callable[[list[str]], Awaitable[None]]
    busy: Callable[[], Iterable[str]]
    forget: Callable[[Callable[[str], bool]], Awaitable[None]]
    fenced: Callable[[], None]

    def __init__(self, store: Store) -> None:
        assert store.server_id is not None
        self.id = store.server_id
        self.token = secrets.token_urlsafe(32)
        self.address = ""
        self.started = 0
        self._store = store
        self._leases: dict[
            str, float
        ] = {}  # trees of sessions that are this server's: when each was last used
        self._roots: OrderedDict[str, str] = OrderedDict()
        self._users: dict[str, int] = {}
        self._moving = asyncio.Lock()
        self._being_taken: dict[str, asyncio.Event] = {}
        self._peers: dict[str, Peer] = {}
        self._connected = 0.0
        self._task: asyncio.Task[None] | None = None

    async def join(self, host: str, port: int, address: str) -> None:
        """Become one of the servers; raises Unavailable.

        `address`: where the others reach this one, "" for that of the connection to the database.
        """
        if not address:
            if host in ("0.0.0.0", "::", ""):
                found: str | None = await self._store.ask(servers.client_address)
                host = found or "127.0.0.1"
            address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self.address, self.started = address, now_ms()
        await self._store.tell(lambda c: servers.join(c, self.id, address, self.token))
        self._store.joined()
        await self._look()

    def start(self) -> None:
        """Watch over the others until `leave`."""
        self._task = asyncio.create_task(self._watch(), name="cluster")

    async def leave(self) -> None:
        """Give all sessions to other servers, or free them; their turns go on there."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        heirs = list(self._peers)
        with suppress(Unavailable, SQLAlchemyError):
            await self._store.tell(lambda c: servers.leave(c, self.id, heirs))

    @property
    def peers(self) -> list[Peer]:
        """The other servers that are alive."""
        return list(self._peers.values())

    def peer(self, server_id: str) -> Peer | None:
        return self._peers.get(server_id)

    def owns(self, session_id: str) -> bool:
        return self._roots.get(session_id) in self._leases

    async def claim(self, session_id: str) -> Peer | None:
        if self.owns(session_id):
            return None
        root = await self.root(session_id)
        return None if root is None else await self._claim(session_id, root)

    async def claim_new(self, session_id: str, parent_id: str | None) -> Peer | None:
        root = session_id if parent_id is None else await self.root(parent_id)
        return None if root is None else await self._claim(session_id, root)

    async def _claim(self, session_id: str, root: str) -> Peer | None:
        given: list[str] = []
        async with self._moving:
            if root not in self._leases:
                owner, is_given = await self._store.tell(lambda c: servers.claim(c, root, self.id))
                if owner != self.id:
                    return self._peers.get(owner) or await self._newcomer(owner)
                if is_given:
                    given = await self._accept([root])
                else:
                    self._leases[root] = asyncio.get_running_loop().time()
            self._remember(session_id, root)
        await self._take(given)
        return None

    async def _newcomer(self, server_id: str) -> Peer:
        """Return a server that this one has not heard of yet; raises Unavailable if it has just stopped."""
        found = await self._store.ask(lambda c: servers.look(c, self.id))
        for row in found.servers:
            if row.id == server_id:
                return _peer(row)
        raise Unavailable("The server of this session has just stopped; try again in a moment.")

    @contextmanager
    def in_use(self, session_id: str) -> Iterator[None]:
        """Keep a session this server's until the block ends."""
        self._users[session_id] = self._users.get(session_id, 0) + 1
        try:
            yield
        finally:
            self._users[session_id] -= 1
            if not self._users[session_id]:
                del self._users[session_id]
            if (root := self._roots.get(session_id, "")) in self._leases:
                self._leases[root] = asyncio.get_running_loop().time()

    async def root(self, session_id: str) -> str | None:
        """Return the topmost session above a session, which may be itself; None if it is not stored."""
        known = self._roots.get(session_id)
        if known is None:
            known = await self._store.ask(lambda c: servers.root_of(c, session_id))
            if known is not None:
                self._remember(session_id, known)
        return known

    def _remember(self, session_id: str, root: str) -> None:
        self._roots[session_id] = root
        while len(self._roots) > ROOTS_KEPT:
            oldest, above = self._roots.popitem(last=False)
            if above in self._leases:  # in use: remembered as long as it is this server's
                self._roots[oldest] = above
                return

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        sweep = loop.time() + IDLE_SECONDS / 2
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
                if loop.time() > sweep:
                    sweep = loop.time() + IDLE_SECONDS / 2
                    await self._release_idle()
            except (Unavailable, SQLAlchemyError):
                self._connected = 0.0
            except Exception:
                log.exception("the other servers could not be looked at")

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        found = await self._store.ask(lambda c: servers.look(c, self.id))
        if not found.known:
            self.fenced()
            return
        self._connected = self._connected or now
        others = [row for row in found.servers if row.id != self.id]
        gone = [row for row in others if row.silent > (VANISHED_MS if row.holds_lock else LOST_MS)]
        alive = [row for row in others if row not in gone]
        self._peers = {row.id: _peer(row) for row in alive}
        if now - self._connected >= CONFIRM_SECONDS:
            for row in gone:
                await self._bury(row)
        if found.given:
            async with self._moving:
                given = await self._accept(found.given)
            await self._take(given)

    async def settle(self) -> None:
        """Wait until all servers that are gone have been noticed, at the start."""
        while True:
            found = await self._store.ask(lambda c: servers.look(c, self.id))
            others = [row for row in found.servers if row.id != self.id]
            gone = [row for row in others if not row.holds_lock]
            if not gone:
                async with self._moving:
                    await self._accept(found.given)
                self._end_taking(found.given)  # they are recovered with all that the start finds
                return
            for row in gone:
                if row.silent > LOST_MS:
                    await self._bury(row)
            await asyncio.sleep(LOOK_SECONDS)

    async def _bury(self, row: servers.ServerRow) -> None:
        heirs = [self.id, *self._peers]
        if row.holds_lock:
            await self._store.ask(lambda c: servers.disconnect(c, row.id))
        if await self._store.tell(lambda c: servers.bury(c, row.id, heirs)):
            log.warning("server %s at %s is gone: its sessions are taken over", row.id, row.address)

    async def _accept(self, roots: list[str]) -> list[str]:
        """Make sessions this server's that it was given; return those that it had not accepted yet.

        They are to be taken over next; until then requests for them wait.
        """
        new = [root for root in roots if root not in self._leases]
        if new:
            await self._store.tell(lambda c: servers.accept(c, self.id, new))
        for root in new:
            self._being_taken[root] = asyncio.Event()
            self._leases[root] = asyncio.get_running_loop().time()
            self._remember(root, root)
        return new

    async def _take(self, roots: list[str]) -> None:
        """Go on with what was running in sessions that were accepted."""
        if not roots:
            return
        try:
            await self.take(roots)
        finally:
            self._end_taking(roots)

    def _end_taking(self, roots: list[str]) -> None:
        for root in roots:
            if (taken := self._being_taken.pop(root, None)) is not None:
                taken.set()

    async def taken(self, session_id: str) -> None:
        """Wait until a session that this server was given can be used."""
        taken = self._being_taken.get(self._roots.get(session_id, ""))
        if taken is not None:
            await taken.wait()

    async def _release_idle(self) -> None:
        """Give up the sessions that nobody has used lately, so that they go to who uses them next."""
        before = asyncio.get_running_loop().time() - IDLE_SECONDS
        async with self._moving:
            used = {self._roots.get(session_id) for session_id in (*self._users, *self.busy())}
            roots = {root for root, at in self._leases.items() if at < before and root not in used}
            if not roots:
                return
            await self.forget(lambda session_id: self._roots.get(session_id) in roots)
            await self._store.tell(lambda c: servers.release(c, self.id, list(roots)))
            for root in roots:
                del self._leases[root]


def _peer(row: servers.ServerRow) -> Peer:
    return Peer(row.id, row.address, row.token, row.started, row.silent)
