"""Messages: send one and get the answer as events or as JSON; list and get them."""

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import UNSET
from quart import Blueprint, Response, request

from opencode.bus import Event
from opencode.schema.event import AnyEvent, MessageUpdated, SessionDeleted
from opencode.schema.message import MessageWithParts
from opencode.schema.prompt import CommandBody, PromptBody, SummarizeBody
from opencode.session.prompts import Prompted

from ..app_state import services
from ..endpoint import JSON, endpoint
from ..event_stream import EventForm, EventStream
from ..examples import ANSWER, PROMPTS
from ..json_body import encoded_list
from .session import NEXT_CURSOR

blueprint = Blueprint("message", __name__, url_prefix="/session/<session_id>")


MAX_LIMIT = 1_000_000

HEARTBEAT_SECONDS = 4.0
"""Between two heartbeats of an answer's stream: HTTP clients give up after five silent seconds by default."""


class MessageListQuery(msgspec.Struct):
    """Which messages to list."""

    limit: (
        Annotated[
            int,
            msgspec.Meta(ge=1, le=MAX_LIMIT, description="How many of the newest; all by default."),
        ]
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

    The response to `{"content": "…"}` is a stream of server-sent events, from the stored message to
    `session.idle`. The response to `{"parts": […]}` is one JSON object when the turn has ended. An `Accept`
    header with `text/event-stream` or `application/json` chooses the form for either body.

    A message sent while a turn runs joins it: the next step answers it. A client that disconnects does not
    stop the turn; only `/abort` does.

    An answer that failed has `info.error`. If the session's rules deny `question`, `plan_enter` and
    `plan_exit`, as those of `opencode run` do, the JSON form has status 502 with the error's name and
    message, so that a script fails.
    """
    prompts = services().prompts
    if not _wants_events(body):
        prompted = await prompts.send(session_id, body)
        return prompted.checked(await prompted.answer())
    bus = services().bus
    subscription = bus.subscribe(session_id)
    stream = EventStream(
        subscription,
        EventForm(bus),
        HEARTBEAT_SECONDS,
        until=lambda event: ends(event),  # noqa: PLW0108 - known once the prompt is stored
    )
    with stream.opening():
        prompted = await prompts.send(session_id, body)
        ends = _end_of(prompted)
    first = stream.piece(_from_prompt(subscription.take(), prompted))
    return stream.response(first, has_ended=prompted.running is None)


@blueprint.post("/prompt_async")
@endpoint(None, body=PromptBody, status=204, errors=(400, 404, 409, 413), examples=PROMPTS)
async def send_message_async(session_id: str, body: PromptBody) -> None:
    """Send a message without waiting for the answer, which is sent as events."""
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
    """Run a command and get the answer when the turn has ended.

    `arguments` replaces `$ARGUMENTS`, `$1`, `$2`, … in the command's template.
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
    """Summarize a session: from now on the model gets a summary instead of the messages.

    The messages stay visible. It is done automatically when a session nearly fills its model's context.
    """
    await services().prompts.summarize(session_id, body)
    return True


@blueprint.get("/message")
@endpoint(
    list[MessageWithParts],
    query=MessageListQuery,
    errors=(400, 404),
    answer=[ANSWER],
    headers={NEXT_CURSOR: "`before` of the page with older messages; absent if there are none."},
)
async def list_messages(session_id: str, query: MessageListQuery) -> Response:
    """List a session's messages with their parts, oldest first.

    With `limit`, the newest ones; use `before` to page back.
    """
    more = None if query.limit is None else query.limit + 1
    messages = await services().sessions.messages(session_id, more, query.before)
    response_headers = {}
    if query.limit is not None and len(messages) > query.limit:
        messages = messages[1:]
        response_headers[NEXT_CURSOR] = messages[0].info.id
    return Response(await encoded_list(messages), content_type=JSON, headers=response_headers)


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


def _end_of(prompted: Prompted) -> Callable[[Event], bool]:
    """Return the test for the last event of a prompt's answer. An earlier turn may end after the prompt."""
    end = prompted.running.end if prompted.running is not None else None
    return lambda event: event.properties is end or isinstance(event.properties, SessionDeleted)
