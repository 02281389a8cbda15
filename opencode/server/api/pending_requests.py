"""Pending requests to the user, permissions and questions, and the replies to them."""

from quart import Blueprint

from opencode.schema.base import given
from opencode.schema.event import PermissionAsked, QuestionAsked
from opencode.schema.pending_request import PermissionReplyBody, PermissionResponseBody, QuestionReplyBody

from ..across import everywhere, find_request
from ..app_state import services
from ..endpoint import endpoint
from ..examples import PERMISSION, QUESTION

blueprint = Blueprint("pending_requests", __name__)


@blueprint.get("/permission")
@endpoint(list[PermissionAsked], answer=[PERMISSION])
async def list_permissions() -> list[PermissionAsked]:
    """List pending permission requests."""
    elsewhere = await everywhere("/permission", list[PermissionAsked])
    return [*services().pending_requests.permissions, *(each for found in elsewhere for each in found)]


@blueprint.post("/permission/<request_id>/reply")
@endpoint(
    bool,
    body=PermissionReplyBody,
    errors=(400, 404),
    examples={
        "Allow it": {"reply": "once"},
        "Allow it in this session from now on": {"reply": "always"},
        "Reject it, and say why": {"reply": "reject", "message": "Use the page that I gave you."},
    },
    answer=True,
)
async def reply_permission(request_id: str, body: PermissionReplyBody) -> bool:
    """Reply to a permission request.

    A rejection with a `message` is given to the model, which continues; one without ends the turn.
    """
    await find_request(request_id)
    services().pending_requests.reply_permission(request_id, body.reply, given(body.message, ""))
    return True


@blueprint.post("/session/<session_id>/permissions/<permission_id>")
@endpoint(
    bool,
    body=PermissionResponseBody,
    errors=(400, 404),
    examples={"Allow it": {"response": "once"}},
    answer=True,
    deprecated=True,
)
async def respond_permission(session_id: str, permission_id: str, body: PermissionResponseBody) -> bool:
    """Reply to a permission request. Deprecated: use `/permission/{requestID}/reply`."""
    await services().sessions.get(session_id)
    services().pending_requests.reply_permission(permission_id, body.response)
    return True


@blueprint.get("/question")
@endpoint(list[QuestionAsked], answer=[QUESTION])
async def list_questions() -> list[QuestionAsked]:
    """List pending questions."""
    elsewhere = await everywhere("/question", list[QuestionAsked])
    return [*services().pending_requests.questions, *(each for found in elsewhere for each in found)]


@blueprint.post("/question/<request_id>/reply")
@endpoint(
    bool,
    body=QuestionReplyBody,
    errors=(400, 404),
    examples={"One question, one answer": {"answers": [["Red"]]}},
    answer=True,
)
async def reply_question(request_id: str, body: QuestionReplyBody) -> bool:
    """Reply to questions: for each a list of the chosen labels or of your own words."""
    await find_request(request_id)
    services().pending_requests.reply_question(request_id, body.answers)
    return True


@blueprint.post("/question/<request_id>/reject")
@endpoint(bool, errors=(404,), answer=True)
async def reject_question(request_id: str) -> bool:
    """Reject questions, which ends the turn."""
    await find_request(request_id)
    services().pending_requests.reject_question(request_id)
    return True
