"""The state of sessions as events, for a client that reconnects too late for a replay."""

from collections.abc import Iterable, Iterator
from math import inf

from opencode.agent.pending_requests import PendingRequests
from opencode.clock import now_ms
from opencode.errors import Elsewhere, NotFound
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
"""How many changed sessions are sent to a client that follows all sessions."""

MESSAGES = 200
"""How many messages of each session are sent."""

PUBLISHED_WITHIN = 10_000
"""Milliseconds between the time that a change carries and its publication, at most: it is stored first."""


class Snapshot:
    """Yields complete states as events. Applying them twice is harmless."""

    def __init__(
        self, store: Store, sessions: Sessions, turns: Turns, pending_requests: PendingRequests
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._turns = turns
        self._pending_requests = pending_requests

    async def since(self, session_id: str | None, since: int) -> list[EventProperties]:
        """Return the stored state of a session, or of all sessions changed since `since` (Unix ms)."""
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
                continue  # deleted meanwhile; the deletion has its own event
            except Elsewhere:
                events += await self._stored_since(changed_id, since)
        return events

    def present(self, session_id: str | None = None) -> Iterator[EventProperties]:
        """Yield the state of running turns (status, message and its parts), and the pending requests."""
        for running_id, running in self._turns.all().items():
            if session_id is not None and running_id != session_id:
                continue
            yield SessionStatusChanged(session_id=running_id, status=running.state)
            if (message := running.turn.current()) is not None:
                yield from _replacement(message)
        yield from self._pending_requests.of(session_id)

    async def _stored_since(self, session_id: str, since: int) -> list[EventProperties]:
        """Return the state of another server's session, as far as it is on disk."""
        stored = await self._store.session(session_id)
        if stored is None:
            return []
        events: list[EventProperties] = [SessionUpdated(session_id=session_id, info=stored[0])]
        for message in _since(await self._store.messages(session_id, limit=MESSAGES), since):
            events += _replacement(message)
        events.append(TodoUpdated(session_id=session_id, todos=await self._store.todos(session_id)))
        return events

    async def _session_since(self, session_id: str, since: int) -> list[EventProperties]:
        session = await self._sessions.get(session_id)
        messages = await self._store.messages(session_id, limit=MESSAGES)
        todos = await self._store.todos(session_id)
        events: list[EventProperties] = [SessionUpdated(session_id=session_id, info=session)]
        if self._turns.get(session_id) is None:
            events.append(SessionStatusChanged(session_id=session_id, status=StatusIdle()))
        for message in _since(messages, since):
            events += _replacement(message)
        events.append(TodoUpdated(session_id=session_id, todos=todos))
        return events


def _since(messages: list[MessageWithParts], since: int) -> list[MessageWithParts]:
    """Return the messages from the first one that may have changed since `since` (Unix ms)."""
    changed = (index for index, message in enumerate(messages) if _ended(message) >= since)
    return messages[next(changed, len(messages)) :]


def _ended(message: MessageWithParts) -> float:
    """Return when a message was completed (Unix ms); infinity for one that is being written."""
    info = message.info
    return given(info.time.completed, inf) if isinstance(info, AssistantMessage) else info.time.created


def _replacement(message: MessageWithParts) -> Iterable[EventProperties]:
    """Yield events that replace a client's copy of a message, which may hold parts that were removed."""
    info = message.info
    yield MessageRemoved(session_id=info.session_id, message_id=info.id)
    yield MessageUpdated(session_id=info.session_id, info=info)
    for part in message.parts:
        yield PartUpdated(session_id=info.session_id, part=part, time=now_ms())
