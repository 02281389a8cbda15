"""Renders a session's events into partials: HTML, each with the place on the page that it replaces.

A partial is always a state, never an addition: applying one twice, or after a missed one, does no harm.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from functools import partial

from msgspec import UNSET, UnsetType

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
    SessionCreated,
    SessionDeleted,
    SessionStatusChanged,
    SessionUpdated,
    ToastShown,
    TodoUpdated,
)
from opencode.schema.message import AssistantMessage, Message, MessageWithParts
from opencode.schema.part import Part, ReasoningPart, TextPart
from opencode.schema.session import Session, SessionRevert

from .live_text import LiveText
from .markdown import STREAM_SECONDS, Markdown
from .render import fragment
from .usage import Usage

RENDER_SECONDS = 0.05
"""Minimum interval between two renderings of a text that is being written."""

CHARACTERS_PER_SECOND = 400_000
"""Limit for the rendering of growing text: after n characters comes a pause of n / limit seconds."""


def hx_partial(target: str, swap: str, html: str) -> str:
    """Return HTML as an htmx partial for the element with the id `target`."""
    return f'<hx-partial hx-target="#{target}" hx-swap="{swap}">{html}</hx-partial>'


def removal(target: str) -> str:
    """Return the partial that removes an element."""
    return hx_partial(target, "delete", "")


def session_partials(session: Session) -> str:
    """Return the partials of the session's title and menu."""
    items = {"title": "heading", "menu-pin": "pin_item", "menu-share": "share_item"}
    return "".join(
        hx_partial(target, "outerMorph", fragment(macro, session)) for target, macro in items.items()
    )


async def _session(session: Session) -> str:
    """Return the partials of a session once they are due: its name may be learned until then."""
    return session_partials(session)


def usage_partials(session_id: str, used: Usage) -> str:
    """Return the partials of what a session has used."""
    figures = hx_partial("usage-now", "outerMorph", fragment("usage_figures", used))
    return figures + hx_partial("menu-compact", "outerMorph", fragment("compact_item", session_id, used))


async def message_partials(messages: Collection[MessageWithParts], markdown: Markdown) -> str:
    """Return the partials of whole messages."""
    html = await markdown.rendered(texts(messages), STREAM_SECONDS)
    return "".join(
        hx_partial("messages", "place", fragment("message", message, html)) for message in messages
    )


def texts(messages: Iterable[MessageWithParts]) -> Iterator[str]:
    """Yield the texts of messages that are shown as Markdown."""
    for message in messages:
        for part in message.parts:
            if isinstance(part, TextPart | ReasoningPart):
                yield part.text


def request_partial(event: EventProperties) -> str:
    """Return what an event changes in the list of pending requests, "" if nothing."""
    match event:
        case PermissionAsked() | QuestionAsked():
            html = fragment("pending_request", event, template="requests.html")
            return hx_partial("requests", "place", html)
        case (
            PermissionReplied(request_id=request_id)
            | QuestionReplied(request_id=request_id)
            | QuestionRejected(request_id=request_id)
        ):
            return removal(request_id)
    return ""


def notice_partial(event: EventProperties) -> str:
    """Return the notice that an event is, "" if it is none."""
    if not isinstance(event, ToastShown):
        return ""
    return hx_partial("notice", "innerHTML", fragment("notice", f"{event.title}: {event.message}"))


class LiveView:
    """The messages of one session that changed since its first page was opened, and what is due of them."""

    def __init__(
        self, live: MessageWithParts | None, can_restore: Callable[[], bool], markdown: Markdown
    ) -> None:
        """`live`: the message being written; `can_restore`: whether the deleted session can be restored."""
        self._markdown = markdown
        self._can_restore = can_restore
        self.revert: SessionRevert | UnsetType = UNSET
        self.is_stale = False
        """Whether messages were reverted or restored, so that the list must be read again."""
        self.has_changed = False
        """Whether the session was edited, so that prompts may have other versions."""
        self._messages: dict[str, MessageWithParts] = {}
        self._growing: dict[str, LiveText] = {}
        self._dirty: set[str] = set()
        self._unsent: set[str] = set()
        """Parts whose element is in no event yet, so that it can't be the target of a partial."""
        self._whole: dict[str, MessageWithParts] = {}
        self._partials: list[str | Callable[[], Awaitable[str]]] = []
        self._next_render = 0.0
        self.unknown: set[str] = set()
        if live is not None:
            self._messages[live.info.id] = live
            for part in live.parts:
                self._begin(part)

    def take(self, event: EventProperties) -> None:
        """Apply an event. Ids of messages that must be read from the store first are added to `unknown`."""
        match event:
            case PartDelta(part_id=part_id, delta=delta) if part_id in self._growing:
                self._growing[part_id].add(delta)
                self._dirty.add(part_id)
            case PartUpdated(part=part):
                self._take_part(part)
            case MessageUpdated(info=info):
                self._take_message(info)
            case PartRemoved(part_id=part_id, message_id=message_id):
                self._remove_part(part_id, message_id)
            case MessageRemoved(message_id=message_id):
                self._messages.pop(message_id, None)
                self._whole.pop(message_id, None)
                self._partials.append(removal(message_id))
            case SessionStatusChanged(status=status):
                self._partials.append(hx_partial("activity", "outerMorph", fragment("activity", status)))
            case SessionUpdated(info=session):
                self.has_changed = True
                self._partials.append(partial(_session, session))
                if session.revert != self.revert:
                    self.revert, self.is_stale = session.revert, True
            case TodoUpdated(todos=todos):
                self._partials.append(hx_partial("todos", "outerMorph", fragment("todo_panel", todos)))
            case SessionDeleted(info=session):
                html = fragment("deleted", session.id, self._can_restore())
                self._partials.append(hx_partial("notice", "innerHTML", html))
            case SessionCreated():  # restored
                self._partials.append(removal("deleted"))
                self.is_stale = True  # an answer that was cut by the deletion has ended meanwhile
            case _ if html := notice_partial(event) or request_partial(event):
                self._partials.append(html)

    def pause(self) -> float | None:
        """Return the seconds until something is due, None if only an event can change that."""
        return max(0.0, self._next_render - time.monotonic()) if self._dirty else None

    async def due(self) -> str:
        """Return the partials that are due now.

        htmx looks up all targets of one event before it swaps any of them, so growing text is sent in a later
        event than its element.
        """
        if not (self._whole or self._partials) and self._dirty and time.monotonic() >= self._next_render:
            await self._render_growing()
        whole, partials = self._whole, self._partials
        self._whole, self._partials = {}, []
        self._unsent.clear()
        html = await message_partials(whole.values(), self._markdown)
        return html + "".join([each if isinstance(each, str) else await each() for each in partials])

    async def _render_growing(self) -> None:
        size = 0
        for part_id in self._dirty:
            text = self._growing[part_id]
            size += text.size
            fresh = await text.fresh(self._markdown)
            self._partials.append(hx_partial(f"{part_id}-body", "place", fresh))
        self._dirty.clear()
        self._next_render = time.monotonic() + max(RENDER_SECONDS, size / CHARACTERS_PER_SECOND)

    def _take_part(self, part: Part) -> None:
        grown = self._growing.get(part.id)
        self._end(part.id)
        message = self._messages.get(part.message_id)
        if message is None:
            self.unknown.add(part.message_id)
            return
        others = [other for other in message.parts if other.id != part.id]
        message.parts = sorted([*others, part], key=lambda part: part.id)
        self._begin(part)
        if message.info.id in self._whole:
            return
        has_ended = grown is not None and part.id not in self._growing
        if isinstance(part, TextPart) and grown is not None and has_ended and part.id not in self._unsent:
            self._partials.append(partial(self._finished, part, grown))
        else:
            self._unsent.add(part.id)
            self._partials.append(partial(self._part, part))

    async def _part(self, part: Part) -> str:
        text = [part.text] if isinstance(part, TextPart | ReasoningPart) else []
        html = await self._markdown.rendered(text, STREAM_SECONDS)
        return hx_partial(f"{part.message_id}-parts", "place", fragment("part", part, html))

    async def _finished(self, part: TextPart, grown: LiveText) -> str:
        """Return the blocks that the end of a text changes; most of it is on the page already."""
        final = (await self._markdown.rendered([part.text], STREAM_SECONDS))[part.text]
        html, removed = grown.changes(final)
        return hx_partial(f"{part.id}-body", "place", html) + "".join(map(removal, removed))

    def _take_message(self, info: Message) -> None:
        known = self._messages.get(info.id)
        if known is None and isinstance(info, AssistantMessage) and info.time.completed:
            self.unknown.add(info.id)
            return
        message = MessageWithParts(info=info, parts=known.parts if known else [])
        self._messages[info.id] = message
        if known and isinstance(info, AssistantMessage) and not info.summary and info.id not in self._whole:
            self._partials.append(hx_partial(info.id, "place", fragment("message_end", message)))
        else:
            self._whole[info.id] = message
        if isinstance(info, AssistantMessage) and info.time.completed:
            self.has_changed = True  # what the session has used, too
            del self._messages[info.id]

    def _remove_part(self, part_id: str, message_id: str) -> None:
        self._end(part_id)
        if message := self._messages.get(message_id):
            message.parts = [part for part in message.parts if part.id != part_id]
        self._partials.append(removal(part_id))

    def _begin(self, part: Part) -> None:
        """Track a text that may grow."""
        if isinstance(part, TextPart | ReasoningPart) and not (part.time and part.time.end):
            self._growing[part.id] = LiveText(part)

    def _end(self, part_id: str) -> None:
        self._growing.pop(part_id, None)
        self._dirty.discard(part_id)
