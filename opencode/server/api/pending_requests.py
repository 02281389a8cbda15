"""What waits for the user: permissions and questions, and their answers."""

from quart import Blueprint

from opencode.schema.base import given
from opencode.schema.event import PermissionAsked, QuestionAsked
from opencode.schema.pending_request import PermissionReplyBody, PermissionResponseBody, QuestionReplyBody

from ..app_state import services
from ..endpoint import endpoint
from ..examples import PERMISSION, QUESTION

blueprint = Blueprint("pending_requests", __name__)


@blueprint.get("/permission")
@endpoint(list[PermissionAsked], answer=[PERMISSION])
async def list_permissions() -> list[PermissionAsked]:
    """List the tool calls that wait for a permission."""
    return list(services().pending_requests.permissions)


@blueprint.post("/permission/<request_id>/reply")
@endpoint(
    bool,
    body=PermissionReplyBody,
    errors=(400, 404),
    examples={
        "Allow it": {"reply": "once"},
        "Allow it in this session from now on": {"reply": "always"},
        "Refuse it, and say why": {"reply": "reject", "message": "Use the page that I gave you."},
    },
    answer=True,
)
async def reply_permission(request_id: str, body: PermissionReplyBody) -> bool:
    """Allow a tool call, or refuse it.

    A refusal with a `message` is told to the model, which goes on with it; one without ends the turn.
    """
    services().pending_requests.reply_permission(request_id, body.reply, given(body.message, ""))
    return True


@blueprint.post("/session/<session_id>/permissions/<permission_id>")
@endpoint(
    bool,
    body=PermissionResponseBody,
    errors=(400, 404),
    examples={"Allow it": {"response": "once"}},
    answer=True,
)
async def respond_permission(session_id: str, permission_id: str, body: PermissionResponseBody) -> bool:
    """Allow a tool call, or refuse it: the older form of `/permission/{requestID}/reply`."""
    await services().sessions.get(session_id)
    services().pending_requests.reply_permission(permission_id, body.response)
    return True


@blueprint.get("/question")
@endpoint(list[QuestionAsked], answer=[QUESTION])
async def list_questions() -> list[QuestionAsked]:
    """List the questions that wait for an answer."""
    return list(services().pending_requests.questions)


@blueprint.post("/question/<request_id>/reply")
@endpoint(
    bool,
    body=QuestionReplyBody,
    errors=(400, 404),
    examples={"One question, one answer": {"answers": [["Red"]]}},
    answer=True,
)
async def reply_question(request_id: str, body: QuestionReplyBody) -> bool:
    """Answer a model's questions: one list for each, of the labels chosen or of words of your own."""
    services().pending_requests.reply_question(request_id, body.answers)
    return True


@blueprint.post("/question/<request_id>/reject")
@endpoint(bool, errors=(404,), answer=True)
async def reject_question(request_id: str) -> bool:
    """Dismiss a model's questions, which ends its turn."""
    services().pending_requests.reject_question(request_id)
    return True
