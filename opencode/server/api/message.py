"""Messages: send one and get the answer as events or as JSON; read what was said."""

from typing import Annotated

import msgspec
from msgspec import UNSET
from quart import Blueprint, Response, request

from opencode.bus import Event
from opencode.schema.base import encode
from opencode.schema.event import AnyEvent, MessageUpdated, SessionDeleted, SessionIdle
from opencode.schema.message import MessageWithParts
from opencode.schema.prompt import CommandBody, PromptBody, SummarizeBody
from opencode.session.prompts import Prompted

from ..app_state import services
from ..endpoint import JSON, endpoint
from ..event_stream import EventForm, EventStream
from ..examples import ANSWER, PROMPTS
from .session import NEXT_CURSOR

blueprint = Blueprint("message", __name__, url_prefix="/session/<session_id>")


MOST = 1_000_000

HEARTBEAT_SECONDS = 4.0
"""Between two heartbeats of an answer's stream: HTTP clients give up after five silent seconds by default."""


class MessageListQuery(msgspec.Struct):
    """Which messages to list."""

    limit: (
        Annotated[int, msgspec.Meta(ge=1, le=MOST, description="How many of the newest; all by default.")]
        | None
    ) = None
    before: (
        Annotated[
            str,
            msgspec.Meta(pattern="^msg", description="Only messages before this id or X-Next-Cursor."),
        ]
        | None
    ) = None


@blueprint.post("/message")
@endpoint(
    MessageWithParts,
    body=PromptBody,
    errors=(400, 404, 409, 413, 502),
    stream=AnyEvent,
    examples=PROMPTS,
    answer=ANSWER,
)
async def send_message(session_id: str, body: PromptBody) -> MessageWithParts | Response:
    """Send a message and get the answer.

    `{"content": "…"}` is answered with server-sent events, from the stored message to `session.idle`; then
    the stream ends. `{"parts": […]}` is answered with one JSON object when the turn has ended. `Accept` with
    `text/event-stream` or `application/json` chooses either form for either body.

    A message that is sent while a turn runs joins it: the next step answers it. A client that goes away ends
    nothing; only `/abort` does.

    An answer that failed has `info.error`. In a session whose rules deny `question`, `plan_enter` and
    `plan_exit`, as `opencode run` makes them, the JSON form is status 502 with its name and message, so
    that a script ends as it should.
    """
    prompts = services().prompts
    if not _wants_events(body):
        prompted = await prompts.send(session_id, body)
        return prompted.checked(await prompted.answer())
    bus = services().bus
    subscription = bus.subscribe(session_id)
    stream = EventStream(subscription, EventForm(bus), HEARTBEAT_SECONDS, until=_ends)
    with stream.opening():
        prompted = await prompts.send(session_id, body)
    first = stream.piece(_from_prompt(subscription.take(), prompted))
    return stream.response(first, has_ended=prompted.running is None)


@blueprint.post("/prompt_async")
@endpoint(None, body=PromptBody, status=204, errors=(400, 404, 409, 413), examples=PROMPTS)
async def send_message_async(session_id: str, body: PromptBody) -> None:
    """Send a message and don't wait: the answer comes as events."""
    await services().prompts.send(session_id, body)


@blueprint.post("/command")
@endpoint(
    MessageWithParts,
    body=CommandBody,
    errors=(400, 404, 409, 413, 502),
    examples={"A command of opencode.json": {"command": "translate", "arguments": "German"}},
    answer=ANSWER,
)
async def run_command(session_id: str, body: CommandBody) -> MessageWithParts:
    """Carry out a command of opencode.json and get the answer when the turn has ended.

    `arguments` takes the places of `$ARGUMENTS`, `$1`, `$2`, … in the command's template.
    """
    return await services().prompts.run_command(session_id, body)


@blueprint.post("/summarize")
@endpoint(
    bool,
    body=SummarizeBody,
    errors=(400, 404, 409, 503),
    examples={"By a model": {"providerID": "anthropic", "modelID": "claude-sonnet-4-5"}},
    answer=True,
)
async def summarize_session(session_id: str, body: SummarizeBody) -> bool:
    """Condense a conversation: from now on, models are told a summary in its place.

    People still see every message. It happens by itself when a conversation nearly fills its model's context.
    """
    await services().prompts.summarize(session_id, body)
    return True


@blueprint.get("/message")
@endpoint(
    list[MessageWithParts],
    query=MessageListQuery,
    errors=(400, 404),
    answer=[ANSWER],
    headers={NEXT_CURSOR: "`before` of the page with older messages; left out where there are none."},
)
async def list_messages(session_id: str, query: MessageListQuery) -> Response:
    """List a session's messages with their parts, oldest first.

    With `limit`, the newest ones; `before` pages back from there.
    """
    more = None if query.limit is None else query.limit + 1
    messages = await services().sessions.messages(session_id, more, query.before)
    response_headers = {}
    if query.limit is not None and len(messages) > query.limit:
        messages = messages[1:]
        response_headers[NEXT_CURSOR] = messages[0].info.id
    return Response(encode(messages), content_type=JSON, headers=response_headers)


@blueprint.get("/message/<message_id>")
@endpoint(MessageWithParts, errors=(404,), answer=ANSWER)
async def get_message(session_id: str, message_id: str) -> MessageWithParts:
    """Get one message with its parts."""
    return await services().sessions.message(session_id, message_id)


def _wants_events(body: PromptBody) -> bool:
    accepted = request.headers.get("Accept", "")
    if "text/event-stream" in accepted:
        return True
    return body.content is not UNSET and JSON not in accepted


def _from_prompt(events: list[Event], prompted: Prompted) -> list[Event]:
    """Return the events from the prompt's own on: it is published before its turn begins."""
    for index, event in enumerate(events):
        properties = event.properties
        if isinstance(properties, MessageUpdated) and properties.info.id == prompted.message.info.id:
            return events[index:]
    return events


def _ends(event: Event) -> bool:
    return isinstance(event.properties, SessionIdle | SessionDeleted)
