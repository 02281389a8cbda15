"""The page's event stream: its feeds' updates, and after a reconnect everything it missed."""

from quart import Blueprint, Response, request

from opencode.schema.event import (
    MessageRemoved,
    MessageUpdated,
    PartDelta,
    PartRemoved,
    PartUpdated,
    SessionUpdated,
)
from opencode.session.services import Services

from .. import event_stream
from ..app_state import app_state, services
from ..event_stream import EventStream
from ..resume import last_event_id
from . import branches, conversation, names
from .feed import Frame, frame, message_list, side_bar
from .live_view import hx_partial, message_partials, removal, session_partials, usage_partials
from .markdown import Markdown
from .render import fragment
from .usage import usage

blueprint = Blueprint("stream", __name__)

_KEY = "opencode-feeds"
HEARTBEAT = b"event: heartbeat\n\n"
"""No comment, which the page's script would not see: it connects anew when two have not come."""


@blueprint.get("/chats/stream")
async def chats() -> Response:
    """Follow the list of sessions."""
    await app_state().listening()
    stream = EventStream(app_state().feeds.join_list(), FrameForm(), event_stream.HEARTBEAT_SECONDS)
    with stream.opening():
        listed = await side_bar(services())
    return stream.response(frame(listed).frame)


@blueprint.get("/chat/<session_id>/stream")
async def chat(session_id: str) -> Response:
    """Follow a session's page, from the event id in `from` or in Last-Event-ID."""
    await services().sessions.get(session_id)
    since = last_event_id() or request.args.get("from", "")
    await app_state().listening()
    stream = EventStream(app_state().feeds.join_chat(session_id), FrameForm(), event_stream.HEARTBEAT_SECONDS)
    with stream.opening():
        with branches.showing(await services().branches.points(session_id)):
            missed = await catch_up(services(), session_id, since, app_state().markdown)
        listed = await side_bar(services())
    return stream.response(frame(missed + listed, services().bus.position).frame)


class FrameForm:
    """How the page's stream writes what feeds have rendered."""

    def event(self, event: Frame) -> bytes:
        return event.frame

    def heartbeat(self, _last: Frame | None) -> bytes:
        return HEARTBEAT


async def catch_up(services: Services, session_id: str, since: str, markdown: Markdown) -> str:
    """Return the partials that bring a page from an event id to the present; raises NotFound."""
    replay = services.bus.replay(since, session_id)
    session = await services.sessions.get(session_id)
    await names.learn(services, [session])
    turn = conversation.running(services, session_id)
    partials = [
        removal("deleted"),  # it may have been restored since
        session_partials(session),
        hx_partial("activity", "outerMorph", fragment("activity", turn.status)),
    ]
    partials.append(usage_partials(session_id, await usage(services, session)))
    todos = await services.sessions.todos(session_id)
    partials.append(hx_partial("todos", "outerMorph", fragment("todo_panel", todos)))
    requests = [
        fragment("pending_request", pending, template="requests.html")
        for pending in await conversation.pending_requests(services, session_id)
    ]
    partials.append(hx_partial("requests", "innerMorph", "".join(requests)))
    changes = [event.properties for event in replay.events]
    updates = [change.info for change in changes if isinstance(change, SessionUpdated)]
    if not replay.complete or session.revert or any(update.revert for update in updates):
        return "".join([*partials, await message_list(services, session, markdown)])
    if updates:  # messages that the page knows as reverted may have been restored
        newest, _ = await conversation.messages(services, session)
        partials += [removal("reverted"), await message_partials(newest, markdown)]
    changed: dict[str, None] = {}
    for change in changes:
        match change:
            case MessageUpdated(info=info):
                changed[info.id] = None
            case PartUpdated(part=part):
                changed[part.message_id] = None
            case PartDelta(message_id=message_id) | PartRemoved(message_id=message_id):
                changed[message_id] = None
            case MessageRemoved(message_id=message_id):
                changed.pop(message_id, None)
                partials.append(removal(message_id))

    for message_id in changed:
        if turn.message is not None and turn.message.info.id == message_id:
            message = turn.message
        else:
            message = await services.sessions.message(session_id, message_id, outlines=True)
        partials.append(await message_partials([message], markdown))
    return "".join(partials)
