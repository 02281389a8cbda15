"""The page's event stream: what its feeds render, and for a page that comes back what it missed."""

import asyncio
from collections.abc import AsyncGenerator

from quart import Blueprint, Response, current_app, request

from opencode.bus import Lagged, Subscription
from opencode.errors import NotFound
from opencode.schema.event import (
    MessageRemoved,
    MessageUpdated,
    PartDelta,
    PartRemoved,
    PartUpdated,
    SessionDeleted,
)
from opencode.session.services import Services

from ..app_state import services
from ..sse import HEARTBEAT_SECONDS, event_stream, last_event_id
from . import conversation
from .feed import Feeds, Frame, frame, side_bar
from .render import piece
from .screen import head, put, removed, states

blueprint = Blueprint("stream", __name__)

_KEY = "opencode-feeds"
BEAT = b": \n\n"


def feeds() -> Feeds:
    """Return the feeds of the app that serves this request."""
    found: Feeds = current_app.extensions.setdefault(_KEY, Feeds(services()))
    return found


@blueprint.get("/chats/stream")
async def chats() -> Response:
    """Follow the list of sessions."""
    return event_stream(_list_only(services(), feeds(), asyncio.get_running_loop()))


@blueprint.get("/chat/<session_id>/stream")
async def chat(session_id: str) -> Response:
    """Follow a session's page, from the event id in `from` or in Last-Event-ID."""
    found = services()
    await found.sessions.get(session_id)
    since = last_event_id() or request.args.get("from", "")
    return event_stream(_page(found, feeds(), session_id, since))


async def _list_only(
    found: Services, pages: Feeds, loop: asyncio.AbstractEventLoop
) -> AsyncGenerator[bytes, None]:
    async with pages.side_bar() as listener:
        yield frame(await side_bar(found)).frame
        async for data in _merged(listener, loop=loop):
            yield data


async def _page(found: Services, pages: Feeds, session_id: str, since: str) -> AsyncGenerator[bytes, None]:
    async with pages.session(session_id) as listener, pages.side_bar() as sessions:
        try:
            missed = await catch_up(found, session_id, since)
            listed = await side_bar(found)
        except NotFound:
            return
        yield frame(missed + listed, found.bus.position).frame
        async for data in _merged(listener, sessions, loop=asyncio.get_running_loop()):
            yield data


async def _merged(
    *listeners: Subscription[Frame], loop: asyncio.AbstractEventLoop
) -> AsyncGenerator[bytes, None]:
    """Yield what any listener gets, with a heartbeat; ends where one of them does."""
    waiting = {asyncio.create_task(each.next()): each for each in listeners}
    try:
        while True:
            done, _ = await asyncio.wait(
                waiting, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                yield BEAT
            for task in done:
                listener = waiting.pop(task)
                if frames := task.result():
                    yield b"".join(each.frame for each in frames)
                if listener.ended:
                    return
                waiting[loop.create_task(listener.next())] = listener
    except Lagged:
        return
    finally:
        for task in waiting:
            task.cancel()


async def catch_up(found: Services, session_id: str, since: str) -> str:
    """Return the pieces that bring a page from an event id to the present."""
    replay = found.bus.replay(since, session_id)
    session = await found.sessions.get(session_id)
    now = conversation.running(found, session_id)
    pieces = [head(session), put("activity", "outerMorph", piece("activity", now.status))]
    todos = await found.sessions.todos(session_id)
    pieces.append(put("todos", "outerMorph", piece("todo_panel", todos)))
    waiting = [
        piece("ask", asked, template="asks.html") for asked in await conversation.asks(found, session_id)
    ]
    pieces.append(put("asks", "innerMorph", "".join(waiting)))
    if not replay.complete:
        newest, more = await conversation.messages(found, session_id)
        older = piece("older_link", session_id, newest[0].info.id) if more else ""
        pieces.append(
            put("messages", "innerMorph", older + "".join(piece("message", each) for each in newest))
        )
        return "".join(pieces)
    changed: dict[str, None] = {}
    for event in replay.events:
        match event.properties:
            case MessageUpdated(info=info):
                changed[info.id] = None
            case PartUpdated(part=part):
                changed[part.message_id] = None
            case PartDelta(message_id=message_id) | PartRemoved(message_id=message_id):
                changed[message_id] = None
            case MessageRemoved(message_id=message_id):
                changed.pop(message_id, None)
                pieces.append(removed(message_id))
            case SessionDeleted():
                raise NotFound(f"Session not found: {session_id}")
    for message_id in changed:
        if now.message is not None and now.message.info.id == message_id:
            pieces.append(states([now.message]))
        else:
            pieces.append(states([await found.sessions.message(session_id, message_id)]))
    return "".join(pieces)
