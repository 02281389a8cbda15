"""The state of sessions as events, for a client that comes back after too long for a replay."""

from collections.abc import Iterable, Iterator
from math import inf

from opencode.agent.pending_requests import PendingRequests
from opencode.clock import now_ms
from opencode.errors import NotFound
from opencode.schema.base import given
from opencode.schema.event import (
    EventProperties,
    MessageRemoved,
    MessageUpdated,
    PartUpdated,
    SessionStatusChanged,
    SessionUpdated,
    TodoUpdated,
)
from opencode.schema.message import AssistantMessage, MessageWithParts
from opencode.schema.session import StatusIdle
from opencode.store import SessionQuery, Store

from .sessions import Sessions
from .turns import Turns

SESSIONS = 50
"""How many changed sessions a client of all sessions is sent."""

MESSAGES = 200
"""How many messages of a session it is sent."""


PUBLISHED_WITHIN = 10_000
"""Milliseconds: a change carries the time at which it was made, and is published once it is on disk."""


class Snapshot:
    """Describes states in full: applying one twice does no harm."""

    def __init__(
        self, store: Store, sessions: Sessions, turns: Turns, pending_requests: PendingRequests
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._turns = turns
        self._pending_requests = pending_requests

    async def since(self, session_id: str | None, since: int) -> list[EventProperties]:
        """Return what is stored of all sessions, or of one, that changed since `since` (Unix ms)."""
        since -= PUBLISHED_WITHIN
        if session_id is None:
            query = SessionQuery(updated_since=since, limit=SESSIONS)
            changed = [session.id for session in await self._store.sessions(query)]
        else:
            changed = [session_id]
        events: list[EventProperties] = []
        for changed_id in changed:
            try:
                events += await self._session_since(changed_id, since)
            except NotFound:
                continue  # deleted meanwhile, which has an event of its own
        return events

    def present(self, session_id: str | None = None) -> Iterator[EventProperties]:
        """Yield the state of running turns (status, message and its parts), and what waits for users."""
        for key, running in self._turns.all().items():
            if session_id is not None and key != session_id:
                continue
            yield SessionStatusChanged(session_id=key, status=running.state)
            if (message := running.turn.current()) is not None:
                yield from _anew(message)
        yield from self._pending_requests.of(session_id)

    async def _session_since(self, session_id: str, since: int) -> list[EventProperties]:
        session = await self._sessions.get(session_id)
        messages = await self._store.messages(session_id, limit=MESSAGES)
        todos = await self._store.todos(session_id)
        events: list[EventProperties] = [SessionUpdated(session_id=session_id, info=session)]
        if self._turns.get(session_id) is None:
            events.append(SessionStatusChanged(session_id=session_id, status=StatusIdle()))
        for message in _since(messages, since):
            events += _anew(message)
        events.append(TodoUpdated(session_id=session_id, todos=todos))
        return events


def _since(messages: list[MessageWithParts], since: int) -> list[MessageWithParts]:
    """Return the messages from the first on that may have changed since a time."""
    changed = (index for index, message in enumerate(messages) if _ended(message) >= since)
    return messages[next(changed, len(messages)) :]


def _ended(message: MessageWithParts) -> float:
    """Return when a message was written last; one that is being written never ended."""
    info = message.info
    return given(info.time.completed, inf) if isinstance(info, AssistantMessage) else info.time.created


def _anew(message: MessageWithParts) -> Iterable[EventProperties]:
    """Yield a whole message in place of what a client may hold of it: parts of it may be gone."""
    info = message.info
    yield MessageRemoved(session_id=info.session_id, message_id=info.id)
    yield MessageUpdated(session_id=info.session_id, info=info)
    for part in message.parts:
        yield PartUpdated(session_id=info.session_id, part=part, time=now_ms())
