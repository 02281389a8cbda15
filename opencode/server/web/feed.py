"""Updates for open pages. Each event is rendered once, however many pages show it."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

import msgspec

from opencode.bus import Bus, Event, Lagged, Subscription
from opencode.errors import NotFound
from opencode.schema.event import (
    PermissionAsked,
    PermissionReplied,
    QuestionAsked,
    QuestionRejected,
    QuestionReplied,
    SessionCreated,
    SessionDeleted,
    SessionStatusChanged,
    SessionUpdated,
)
from opencode.schema.session import Session
from opencode.session.branches import Point
from opencode.session.reverted import without_reverted
from opencode.session.services import Services

from . import branches, conversation, names
from .live_view import LiveView, hx_partial, message_partials, removal, request_partial, texts, usage_partials
from .markdown import Markdown
from .render import fragment
from .usage import Usage, usage

SIDE_BAR_SECONDS = 0.5
"""Minimum interval between two renderings of the list of sessions."""


Points = Mapping[str, Point]


class Prompt(msgspec.Struct, frozen=True):
    """What the versions of a prompt are rendered from."""

    id: str
    session_id: str


class Frame(msgspec.Struct, frozen=True):
    """HTML as one encoded server-sent event."""

    frame: bytes


def frame(html: str, event_id: str | None = None) -> Frame:
    """Return HTML as a frame; a stream can be resumed from a frame with an event id."""
    head = f"id: {event_id}\n" if event_id else ""
    data = "".join(f"data: {line}\n" for line in html.replace("\r", "").split("\n"))
    return Frame(f"{head}{data}\n".encode())


class Feed:
    """Updates of one kind, rendered by one task for all pages that subscribe."""

    def __init__(self, bus: Bus, session_id: str | None) -> None:
        self._bus = bus
        self._session_id = session_id
        self._listeners: set[Subscription[Frame]] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        return not self._listeners

    def add(self, listener: Subscription[Frame]) -> None:
        """Have a listener get what happens from now on."""
        self._listeners.add(listener)
        if self._task is None or self._task.done():
            # Subscribe now, not when the task first runs: the caller reads the present state after this.
            self._events = self._bus.subscribe(self._session_id)
            self.begin()
            self._task = asyncio.create_task(self._run(self._events), name=f"feed-{self._session_id}")

    def remove(self, listener: Subscription[Frame]) -> None:
        """Have a listener get nothing more; without any, nothing is rendered."""
        self._listeners.discard(listener)
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None
            self._events.leave()  # a task that never ran does not

    def begin(self) -> None:
        """Take the state before the first event that `show` gets."""

    async def show(self, events: Subscription[Event]) -> None:
        """Render `events` until they end."""
        raise NotImplementedError

    def publish(self, new: Frame) -> None:
        for listener in tuple(self._listeners):
            listener.offer(new)

    async def _run(self, subscribed: Subscription[Event]) -> None:
        try:
            async with subscribed as events:
                await self.show(events)
        except (Lagged, NotFound):
            pass  # the listeners' streams end; they reconnect and get the present state
        finally:
            task = asyncio.current_task()
            if task is not None and not task.cancelling():
                for listener in tuple(self._listeners):
                    listener.end()


class SessionFeed(Feed):
    """The updates of one conversation."""

    def __init__(self, services: Services, session_id: str, markdown: Markdown) -> None:
        super().__init__(services.bus, session_id)
        self._markdown = markdown
        self._services = services
        self._id = session_id

    def begin(self) -> None:
        live = conversation.running(self._services, self._id).message
        self._view = LiveView(live, lambda: self._services.deletion.can_restore(self._id), self._markdown)
        self._position = self._bus.position

    async def show(self, events: Subscription[Event]) -> None:
        view, position = self._view, self._position
        view.revert = (await self._services.sessions.get(self._id)).revert
        points = await self._services.branches.points(self._id)
        shown = used = Usage()
        while not events.ended:
            for event in await events.next(view.pause()):
                view.take(event.properties)
                position = event.id
            before = points
            if view.has_changed:
                view.has_changed = False
                points = await self._services.branches.points(self._id)
                await self._learn_name()
                with suppress(NotFound):  # it was deleted, which has an event of its own
                    used = await usage(self._services, await self._services.sessions.get(self._id))
            with branches.showing(points):
                html = await view.due() + await self._read(view)
            if html:
                self.publish(frame(html, position))
            if used != shown:
                shown = used
                self.publish(frame(usage_partials(self._id, used), position))
            if points != before:  # on their own: htmx looks for all targets before it swaps any
                self.publish(frame(branch_partials(self._id, before, points), position))

    async def _learn_name(self) -> None:
        with suppress(NotFound):  # it was deleted, which has an event of its own
            await names.learn(self._services, [await self._services.sessions.get(self._id)])

    async def _read(self, view: LiveView) -> str:
        """Return what must be read from the store: a stale list, or messages not seen from their start."""
        message_ids, view.unknown = view.unknown, set()
        if not (message_ids or view.is_stale):
            return ""
        try:
            session = await self._services.sessions.get(self._id)
        except NotFound:
            return ""  # it was deleted, which has an event of its own
        if view.is_stale:
            view.is_stale = False
            return await message_list(self._services, session, self._markdown)
        messages = []
        for message_id in sorted(message_ids):
            try:
                messages.append(await self._services.sessions.message(self._id, message_id, outlines=True))
            except NotFound:
                continue  # it was removed, which has an event of its own
        return await message_partials(without_reverted(session, messages), self._markdown)


class SideBarFeed(Feed):
    """The list of sessions. `pass_on` sends requests of sub-tasks to the pages of the sessions above them."""

    def __init__(self, services: Services, pass_on: Callable[[str, Frame], None]) -> None:
        super().__init__(services.bus, None)
        self._services = services
        self._pass_on = pass_on

    async def show(self, events: Subscription[Event]) -> None:
        loop = asyncio.get_running_loop()
        due: float | None = None
        while not events.ended:
            for event in await events.next(None if due is None else max(0.0, due - loop.time())):
                if due is None and _changes_list(event):
                    due = loop.time() + SIDE_BAR_SECONDS
                if isinstance(event.properties, SessionDeleted):
                    self.publish(frame(unlisted(event.properties.info.id)))
                if html := request_partial(event.properties):
                    request = frame(html)
                    for session_id in await conversation.ancestors(self._services, str(event.session_id)):
                        self._pass_on(session_id, request)
            if due is not None and loop.time() >= due:
                due = None
                self.publish(frame(await side_bar(self._services)))


def branch_partials(session_id: str, before: Points, points: Points) -> str:
    """Return the partials of the versions of prompts that are not as they were before."""
    changed = [each for each in {**before, **points} if before.get(each) != points.get(each)]
    with branches.showing(points):
        return "".join(
            hx_partial(f"{each}-branches", "outerMorph", fragment("branches", Prompt(each, session_id)))
            for each in changed
        )


def _changes_list(event: Event) -> bool:
    return isinstance(
        event.properties,
        SessionCreated
        | SessionUpdated
        | SessionDeleted
        | SessionStatusChanged
        | PermissionAsked
        | PermissionReplied
        | QuestionAsked
        | QuestionReplied
        | QuestionRejected,
    )


def unlisted(session_id: str) -> str:
    """Return the partials that remove a session from the pages of the list that are rendered once."""
    return removal(f"older-{session_id}") + removal(f"found-{session_id}")


async def message_list(services: Services, session: Session, markdown: Markdown) -> str:
    """Return the partial of a session's newest messages."""
    messages, more = await conversation.messages(services, session)
    html = await markdown.rendered(texts(messages))
    with branches.showing(await services.branches.points(session.id)):
        return hx_partial("messages", "innerMorph", fragment("message_list", session, messages, more, html))


async def side_bar(services: Services) -> str:
    """Return the partial of the list of sessions."""
    listed = await conversation.listing(services)
    html = fragment("session_groups", listed, await conversation.states(services), template="lists.html")
    return hx_partial("sessions", "innerMorph", html)


class Feeds:
    """The feeds that pages are subscribed to."""

    def __init__(self, services: Services, markdown: Markdown) -> None:
        self._services = services
        self._markdown = markdown
        self._sessions: dict[str, SessionFeed] = {}
        self._side_bar = SideBarFeed(services, self._publish)

    def join_list(self) -> Subscription[Frame]:
        """Return what a page of the list alone is sent from now on."""
        listener: Subscription[Frame] = Subscription(self._side_bar.remove, None)
        self._side_bar.add(listener)
        return listener

    def join_chat(self, session_id: str) -> Subscription[Frame]:
        """Return what a session's page is sent from now on: the session's pieces and the list's."""
        feed = self._sessions.setdefault(session_id, SessionFeed(self._services, session_id, self._markdown))

        def leave(listener: Subscription[Frame]) -> None:
            self._side_bar.remove(listener)
            feed.remove(listener)
            if feed.is_idle and self._sessions.get(session_id) is feed:
                del self._sessions[session_id]

        listener: Subscription[Frame] = Subscription(leave, session_id)
        feed.add(listener)
        self._side_bar.add(listener)
        return listener

    def _publish(self, session_id: str, new: Frame) -> None:
        if feed := self._sessions.get(session_id):
            feed.publish(new)
