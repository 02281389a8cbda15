"""The sessions in memory. There is at most one object for each session, shared by all its users."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from weakref import WeakValueDictionary

from opencode import ids
from opencode.cluster import Ownership
from opencode.errors import Elsewhere, NotFound
from opencode.schema.session import Session
from opencode.store import Store

RECENT = 500
"""How many recently used sessions stay in memory, a few KB each. Sessions that are held always stay."""


class LiveSession:
    """A session in memory. `info` is immutable; only `Sessions.edit` replaces it.

    Hold `lock` to change the session or its messages. Do not wait for a turn while holding it: the turn's
    steps need the lock to be stored.
    """

    def __init__(self, session_id: str) -> None:
        self.id = session_id
        self.lock = asyncio.Lock()
        self.removed = False
        self._info: Session | None = None
        self._newest = ""

    @property
    def info(self) -> Session:
        """The session as stored."""
        assert self._info is not None
        return self._info

    @info.setter
    def info(self, session: Session) -> None:
        self._info = session

    @property
    def is_loaded(self) -> bool:
        return self._info is not None

    def check(self) -> None:
        """Raise NotFound if the session is deleted."""
        if self.removed:
            raise not_found(self.id)

    def load(self, session: Session, newest: str) -> None:
        """Set the stored session. `newest`: the id of its last message, "" if it has none."""
        self._info, self._newest = session, newest

    def new_message_id(self) -> str:
        """Return an id that sorts after all message ids of this session, client-chosen ones included."""
        self._newest = ids.ascending("msg", after=self._newest)
        return self._newest

    def note_message_id(self, message_id: str) -> None:
        """Make later ids sort after `message_id`, which a client may have chosen."""
        self._newest = max(self._newest, message_id)


class SessionCache:
    """Loads sessions and keeps recent ones. A session that is in use is never evicted."""

    def __init__(self, store: Store, ownership: Ownership) -> None:
        self._store = store
        self._ownership = ownership
        self._live: WeakValueDictionary[str, LiveSession] = WeakValueDictionary()
        self._recent: OrderedDict[str, LiveSession] = OrderedDict()

    async def get(self, session_id: str) -> LiveSession:
        """Return a session; raises NotFound, and Elsewhere if it belongs to another server."""
        if not self._ownership.owns(session_id):
            peer = await self._ownership.claim(session_id)
            if peer is not None:
                raise Elsewhere(peer.id)
        live = self._live.get(session_id)
        if live is None:
            live = self._live[session_id] = LiveSession(session_id)
        if not live.is_loaded:
            async with live.lock:  # an edit of the same session waits for this read
                if not live.is_loaded:
                    await self._load(live)
        live.check()
        self._keep(live)
        return live

    def add(self, session: Session, newest: str = "") -> LiveSession:
        """Add a session that has just been stored. `newest`: the id of its last message."""
        live = self._live.get(session.id)
        if live is None or live.removed:
            live = self._live[session.id] = LiveSession(session.id)
        live.load(session, newest)
        self._keep(live)
        return live

    def forget(self, is_lost: Callable[[str], bool]) -> list[str]:
        """Keep the sessions no longer for which `is_lost` returns True; return their ids."""
        lost = [session_id for session_id in self._live if is_lost(session_id)]
        for session_id in lost:
            self._recent.pop(session_id, None)
            self._live.pop(session_id, None)
        return lost

    def remove(self, live: LiveSession) -> None:
        """Mark a session as deleted for everyone, including those that hold it."""
        live.removed = True
        self._recent.pop(live.id, None)
        if self._live.get(live.id) is live:
            del self._live[live.id]

    async def _load(self, live: LiveSession) -> None:
        stored = await self._store.session(live.id)
        if stored is None:
            raise not_found(live.id)
        live.load(*stored)

    def _keep(self, live: LiveSession) -> None:
        self._recent[live.id] = live
        self._recent.move_to_end(live.id)
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)


def not_found(session_id: str) -> NotFound:
    return NotFound(f"Session not found: {session_id}")
