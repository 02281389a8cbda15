"""From a session's events to the pieces of its page that they change.

Every piece is a state, never an addition: applying it twice, or after one was missed, does no harm.
"""

import time
from collections.abc import Iterable

from opencode.schema.event import (
    EventProperties,
    MessageRemoved,
    MessageUpdated,
    PartDelta,
    PartRemoved,
    PartUpdated,
    PermissionAsked,
    PermissionReplied,
    QuestionAsked,
    QuestionRejected,
    QuestionReplied,
    SessionDeleted,
    SessionStatusChanged,
    SessionUpdated,
    TodoUpdated,
)
from opencode.schema.message import AssistantMessage, Message, MessageWithParts
from opencode.schema.part import Part, ReasoningPart, TextPart
from opencode.schema.session import Session

from .markdown import LiveMarkdown, blocks
from .render import piece

RENDER_SECONDS = 0.05
"""The shortest time between two looks at a text that grows."""

CHARACTERS_PER_SECOND = 400_000
"""A look at n characters is followed by a pause that keeps to this: long blocks cost no more than short."""


def put(target: str, swap: str, html: str) -> str:
    """Return HTML for a place of the page."""
    return f'<hx-partial hx-target="#{target}" hx-swap="{swap}">{html}</hx-partial>'


def removed(target: str) -> str:
    return put(target, "delete", "")


def head(session: Session) -> str:
    """Return what a page shows of the session itself."""
    items = {"title": "heading", "menu-pin": "pin_item", "menu-share": "share_item"}
    return "".join(put(target, "outerMorph", piece(macro, session)) for target, macro in items.items())


def whole_message(message: MessageWithParts) -> str:
    return put("messages", "place", piece("message", message))


def ask(event: EventProperties) -> str:
    """Return what an event changes in what waits for the reader's answer, "" where that is nothing."""
    match event:
        case PermissionAsked() | QuestionAsked():
            return put("asks", "place", piece("ask", event, template="asks.html"))
        case (
            PermissionReplied(request_id=request_id)
            | QuestionReplied(request_id=request_id)
            | QuestionRejected(request_id=request_id)
        ):
            return removed(request_id)
    return ""


class Screen:
    """What is known of one session's messages since the first page looked at it."""

    def __init__(self, live: MessageWithParts | None) -> None:
        self._messages: dict[str, MessageWithParts] = {}
        self._growing: dict[str, LiveMarkdown] = {}
        self._dirty: set[str] = set()
        self._whole: dict[str, MessageWithParts] = {}
        self._pieces: list[str] = []
        self._next_look = 0.0
        self.unknown: set[str] = set()
        if live is not None:
            self._messages[live.info.id] = live
            for part in live.parts:
                self._begin(part)

    def take(self, event: EventProperties) -> None:
        """Note what an event changes; ids of messages that have to be read first are put into `unknown`."""
        match event:
            case PartDelta(part_id=part_id, delta=delta) if part_id in self._growing:
                self._growing[part_id].add(delta)
                self._dirty.add(part_id)
            case PartUpdated(part=part):
                self._take_part(part)
            case MessageUpdated(info=info):
                self._take_message(info)
            case PartRemoved(part_id=part_id):
                self._end(part_id)
                self._pieces.append(removed(part_id))
            case MessageRemoved(message_id=message_id):
                self._messages.pop(message_id, None)
                self._whole.pop(message_id, None)
                self._pieces.append(removed(message_id))
            case SessionStatusChanged(status=status):
                self._pieces.append(put("activity", "outerMorph", piece("activity", status)))
            case SessionUpdated(info=session):
                self._pieces.append(head(session))
            case TodoUpdated(todos=todos):
                self._pieces.append(put("todos", "outerMorph", piece("todo_panel", todos)))
            case SessionDeleted():
                text = "This chat was deleted."
                self._pieces.append(put("notice", "innerHTML", piece("notice", text)))
            case _ if html := ask(event):
                self._pieces.append(html)

    def pause(self) -> float | None:
        """Return for how many seconds nothing is due, None for as long as no event comes."""
        return max(0.0, self._next_look - time.monotonic()) if self._dirty else None

    def due(self) -> str:
        """Return the pieces that are to be shown now.

        htmx looks all targets of one event up before it puts anything there: a text grows in an event of its
        own, after the one that brought its place.
        """
        if not (self._whole or self._pieces) and self._dirty and time.monotonic() >= self._next_look:
            self._look()
        html = states(self._whole.values()) + "".join(self._pieces)
        self._whole, self._pieces = {}, []
        return html

    def _look(self) -> None:
        size = 0
        for part_id in self._dirty:
            text = self._growing[part_id]
            size += text.size
            self._pieces.append(put(f"{part_id}-body", "place", self._fresh(part_id, text)))
        self._dirty.clear()
        self._next_look = time.monotonic() + max(RENDER_SECONDS, size / CHARACTERS_PER_SECOND)

    def _fresh(self, part_id: str, text: LiveMarkdown) -> str:
        return "".join(piece("block", part_id, number, html) for number, html in text.fresh())

    def _take_part(self, part: Part) -> None:
        grown = self._growing.get(part.id)
        self._end(part.id)
        message = self._messages.get(part.message_id)
        if message is None:
            self.unknown.add(part.message_id)
            return
        others = [each for each in message.parts if each.id != part.id]
        message.parts = sorted([*others, part], key=lambda each: each.id)
        self._begin(part)
        if message.info.id in self._whole:
            return
        if isinstance(part, TextPart) and grown is not None and part.id not in self._growing:
            self._finish(part, grown)
        else:
            self._pieces.append(put(f"{message.info.id}-parts", "place", piece("part", part)))

    def _finish(self, part: TextPart, grown: LiveMarkdown) -> None:
        """Show what the end of a text changes in it: most of it is on the page already."""
        final = dict(enumerate(blocks(part.text)))
        changed = [(number, html) for number, html in final.items() if grown.shown.get(number) != html]
        html = "".join(piece("block", part.id, number, html) for number, html in changed)
        self._pieces.append(put(f"{part.id}-body", "place", html))
        self._pieces += [removed(f"{part.id}-{number:05}") for number in grown.shown if number not in final]

    def _take_message(self, info: Message) -> None:
        known = self._messages.get(info.id)
        if known is None and isinstance(info, AssistantMessage) and info.time.completed:
            self.unknown.add(info.id)
            return
        message = MessageWithParts(info=info, parts=known.parts if known else [])
        self._messages[info.id] = message
        if known and isinstance(info, AssistantMessage) and not info.summary and info.id not in self._whole:
            self._pieces.append(put(info.id, "place", piece("message_end", message)))
        else:
            self._whole[info.id] = message
        if isinstance(info, AssistantMessage) and info.time.completed:
            del self._messages[info.id]

    def _begin(self, part: Part) -> None:
        """Watch a text that may grow."""
        if isinstance(part, TextPart | ReasoningPart) and not (part.time and part.time.end):
            text = LiveMarkdown()
            text.add(part.text)
            self._growing[part.id] = text

    def _end(self, part_id: str) -> None:
        self._growing.pop(part_id, None)
        self._dirty.discard(part_id)


def states(messages: Iterable[MessageWithParts]) -> str:
    """Return whole messages as pieces."""
    return "".join(map(whole_message, messages))
