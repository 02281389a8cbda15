"""The sessions that are in use, each as one object: whoever changes a session changes the same one."""

from collections import OrderedDict

from opencode.bus import Bus
from opencode.clock import now_ms
from opencode.errors import NotFound
from opencode.schema.event import SessionUpdated
from opencode.schema.session import Session
from opencode.store import Store

KEPT = 500
"""How many sessions are held in memory after their last use; a few KB each."""


class SessionCache:
    """Looks sessions up, and writes their changes. A change is made without awaiting, so none is lost."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store = store
        self._bus = bus
        self._open: OrderedDict[str, Session] = OrderedDict()

    async def get(self, session_id: str) -> Session:
        """Return a session; raises NotFound."""
        session = self._open.get(session_id)
        if session is None:
            stored = await self._store.session(session_id)
            if stored is None:
                raise NotFound(f"Session not found: {session_id}")
            session = self._open.setdefault(session_id, stored)
        self._open.move_to_end(session_id)
        self._trim()
        return session

    def add(self, session: Session) -> None:
        """Hold a new session, which is stored already."""
        self._open[session.id] = session
        self._trim()

    def write(self, session: Session) -> None:
        """Note that a session has changed just now; it is stored with the next commit."""
        session.time.updated = max(now_ms(), session.time.updated)
        self._store.put_session(session)

    def tell(self, session: Session) -> None:
        """Tell everyone how a session stands."""
        self._bus.publish(SessionUpdated(session_id=session.id, info=session))

    def drop(self, session_id: str) -> None:
        self._open.pop(session_id, None)

    def current(self, sessions: list[Session]) -> list[Session]:
        """Return stored sessions, each as the object in use where there is one."""
        return [self._open.get(session.id, session) for session in sessions]

    def _trim(self) -> None:
        while len(self._open) > KEPT:
            self._open.popitem(last=False)
