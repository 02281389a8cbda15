"""A client that only listens: what it has been told, and when."""

import time
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


class Grown:
    """The text of a part that grows: its deltas with the monotonic time at which each came."""

    def __init__(self, text: str) -> None:
        self.pieces = [(time.monotonic(), text)]

    def add(self, text: str) -> None:
        self.pieces.append((time.monotonic(), text))

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.pieces)

    def first_after(self, length: int) -> float:
        """Return when the first character beyond `length` came."""
        for at, text in self.pieces:
            length -= len(text)
            if length < 0:
                return at
        return time.monotonic()


class Mirror:
    """Sessions, their messages with parts by id, todos and statuses, as the events tell them.

    `heard`: the monotonic time at which each part was told of last.
    """

    def __init__(self) -> None:
        self.last_id = ""
        self.sessions: dict[str, Json] = {}
        self.deleted: set[str] = set()
        self.messages: dict[str, dict[str, Json]] = {}
        self.parts: dict[str, dict[str, Json]] = {}
        self.growing: dict[str, Grown] = {}
        self.heard: dict[str, float] = {}
        self.todos: dict[str, list[Json]] = {}
        self.statuses: dict[str, str] = {}
        self.idles: dict[str, int] = {}
        self.errors: list[Json] = []

    def take(self, event_id: str, event: Json) -> None:
        """Apply an event as any client would."""
        self.last_id = event_id
        told = event["properties"]
        session_id = told.get("sessionID", "")
        match event["type"]:
            case "session.created" | "session.updated":
                self.sessions[session_id] = told["info"]
            case "session.deleted":
                self.forget(session_id)
            case "session.status":
                self.statuses[session_id] = told["status"]["type"]
            case "session.idle":
                self.idles[session_id] = self.idles.get(session_id, 0) + 1
            case "session.error":
                self.errors.append(told["error"])
            case "message.updated":
                self.messages.setdefault(session_id, {})[told["info"]["id"]] = told["info"]
            case "message.removed":
                self.messages.get(session_id, {}).pop(told["messageID"], None)
                self.parts.pop(told["messageID"], None)
            case "message.part.updated":
                self._part(told["part"])
            case "message.part.delta":
                self.growing[told["partID"]].add(told["delta"])
                self.parts[told["messageID"]][told["partID"]]["text"] += told["delta"]
            case "message.part.removed":
                self.parts.get(told["messageID"], {}).pop(told["partID"], None)
            case "todo.updated":
                self.todos[session_id] = told["todos"]

    def of(self, session_id: str) -> list[Json]:
        """Return a session as GET /session/{id}/message gives it."""
        known = self.messages.get(session_id, {})
        return [
            {"info": known[key], "parts": [part for _, part in sorted(self.parts.get(key, {}).items())]}
            for key in sorted(known)
        ]

    def all_parts(self, session_id: str) -> Iterator[Json]:
        for message in self.of(session_id):
            yield from message["parts"]

    def _part(self, part: Json) -> None:
        self.parts.setdefault(part["messageID"], {})[part["id"]] = part
        self.heard[part["id"]] = time.monotonic()
        if part["type"] in ("text", "reasoning"):
            self.growing[part["id"]] = Grown(part["text"])

    def forget(self, session_id: str) -> None:
        self.deleted.add(session_id)
        self.sessions.pop(session_id, None)
        self.todos.pop(session_id, None)
        for message_id in self.messages.pop(session_id, {}):
            self.parts.pop(message_id, None)


def is_finished(part: Json) -> bool:
    """Tell whether a part, as it was told, changes no more."""
    if part["type"] in ("text", "reasoning"):
        return "time" not in part or "end" in part["time"]
    return part["type"] != "tool" or part["state"]["status"] in ("completed", "error")
