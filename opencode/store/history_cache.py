"""Decoded histories of sessions: the next prompt of a session reads only what came since the last one.

Everything here was read from the database, and any write to a cached message evicts its session.
"""

from collections import OrderedDict

import msgspec

from opencode.schema.message import MessageWithParts

KEPT_BYTES = 8 * 1024 * 1024
"""JSON that is kept decoded; that takes two to three times as much memory."""

NEW_KEPT = 2_000
"""Sessions that are remembered as new."""


class History(msgspec.Struct):
    """The first messages of a session, in order. `size`: bytes of their JSON."""

    messages: list[MessageWithParts] = []
    size: int = 0
    being_read: bool = True

    @property
    def newest(self) -> str:
        """The id of the last message."""
        return self.messages[-1].info.id if self.messages else ""


class HistoryCache:
    """The histories that were read last, by session."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._known: OrderedDict[str, History] = OrderedDict()
        self._size = 0
        self._new: dict[str, str] = {}

    def begin(self, session_id: str) -> History:
        """Return the cached messages of a session; the later ones are about to be read."""
        known = self._known.get(session_id)
        begun = History(known.messages, known.size) if known else History()
        self._forget(session_id)
        self._keep(session_id, begun)
        return begun

    def end(self, session_id: str, begun: History, longer: History) -> None:
        """Cache a history that was read, unless the session has changed since `begin`."""
        if self._known.get(session_id) is not begun:
            return
        self._forget(session_id)
        longer.being_read = False
        self._keep(session_id, longer)
        while self._size > self._limit:
            self._forget(next(iter(self._known)))

    def begin_new(self, session_id: str) -> None:
        """Note that a session is new: it has no messages."""
        self._new[session_id] = ""
        if len(self._new) > NEW_KEPT:
            del self._new[next(iter(self._new))]

    def has_only(self, session_id: str, message_id: str) -> bool:
        """Return whether a session is known to have this message only."""
        return self._new.get(session_id) == message_id

    def changed(self, session_id: str, message_id: str, last: str) -> None:
        """Note that the messages from this one to `last` are about to be written; "" for any."""
        if session_id in self._new:
            if message_id == last and self._new[session_id] in ("", message_id):
                self._new[session_id] = message_id
            else:
                del self._new[session_id]
        known = self._known.get(session_id)
        if known is not None and (known.being_read or message_id <= known.newest):
            self._forget(session_id)

    def forget(self, session_id: str) -> None:
        """Keep nothing of a session."""
        self._new.pop(session_id, None)
        self._forget(session_id)

    def _keep(self, session_id: str, history: History) -> None:
        self._known[session_id] = history
        self._size += history.size

    def _forget(self, session_id: str) -> None:
        if (known := self._known.pop(session_id, None)) is not None:
            self._size -= known.size
