"""The sessions in use, one object each: whoever holds a session holds the same one as everyone else."""

import asyncio
from collections import OrderedDict
from weakref import WeakValueDictionary

from opencode import ids
from opencode.errors import NotFound
from opencode.schema.session import Session
from opencode.store import Store

RECENT = 500
"""How many sessions stay in memory after their last use, a few KB each. Those that are held always do."""


class LiveSession:
    """A session in memory. `info` is never changed but replaced, by `Sessions.edit` alone.

    `lock` is held by whoever changes the session or what belongs to it. A turn must not be waited for under
    it: its steps take the lock to be stored.
    """

    def __init__(self, session_id: str) -> None:
        self.id = session_id
        self.lock = asyncio.Lock()
        self.removed = False
        self._info: Session | None = None
        self._newest = ""

    @property
    def info(self) -> Session:
        """The session as it is stored."""
        assert self._info is not None
        return self._info

    @info.setter
    def info(self, session: Session) -> None:
        self._info = session

    @property
    def is_loaded(self) -> bool:
        return self._info is not None

    def check(self) -> None:
        """Raise NotFound once the session is deleted."""
        if self.removed:
            raise not_found(self.id)

    def load(self, session: Session, newest: str) -> None:
        """Take over what is stored. `newest`: the id of the session's last message, "" if it has none."""
        self._info, self._newest = session, newest

    def new_message_id(self) -> str:
        """Return an id that sorts after all messages of this session, those with ids of clients too."""
        self._newest = ids.ascending("msg", after=self._newest)
        return self._newest

    def note_message_id(self, message_id: str) -> None:
        """Have later messages sort after one whose id a client chose."""
        self._newest = max(self._newest, message_id)


class SessionCache:
    """Looks sessions up. What is held elsewhere stays the same object, however many others are asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._live: WeakValueDictionary[str, LiveSession] = WeakValueDictionary()
        self._recent: OrderedDict[str, LiveSession] = OrderedDict()

    async def get(self, session_id: str) -> LiveSession:
        """Return a session; raises NotFound."""
        live = self._live.get(session_id)
        if live is None:
            live = self._live[session_id] = LiveSession(session_id)
        if not live.is_loaded:
            async with live.lock:  # an edit of the same session waits for this read, and then sees it
                if not live.is_loaded:
                    await self._load(live)
        live.check()
        self._keep(live)
        return live

    def add(self, session: Session, newest: str = "") -> LiveSession:
        """Hold a session that has been stored just now. `newest`: the id of its last message."""
        live = self._live[session.id] = LiveSession(session.id)
        live.load(session, newest)
        self._keep(live)
        return live

    def remove(self, live: LiveSession) -> None:
        """Refuse a session to everyone, those who hold it too."""
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
