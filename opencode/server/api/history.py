"""Fork and revert a session; change or delete its messages and parts."""

from quart import Blueprint

from opencode.errors import BadRequest
from opencode.schema.base import given
from opencode.schema.part import Part
from opencode.schema.prompt import ForkBody, RevertBody
from opencode.schema.session import Session

from ..app_state import services
from ..endpoint import endpoint
from ..examples import PROMPT_ID, SESSION, TEXT_PART

blueprint = Blueprint("history", __name__, url_prefix="/session/<session_id>")


@blueprint.post("/fork")
@endpoint(
    Session,
    body=ForkBody,
    body_required=False,
    errors=(400, 404),
    examples={"The whole conversation": {}, "Up to a message": {"messageID": PROMPT_ID}},
    answer=SESSION,
)
async def fork_session(session_id: str, body: ForkBody) -> Session:
    """Fork a session: copy it, all of it or up to a message."""
    return await services().history.fork(session_id, given(body.message_id, "") or None)


@blueprint.post("/revert")
@endpoint(
    Session,
    body=RevertBody,
    errors=(400, 404, 409),
    examples={"Undo a prompt": {"messageID": PROMPT_ID}},
    answer={**SESSION, "revert": {"messageID": PROMPT_ID}},
)
async def revert_session(session_id: str, body: RevertBody) -> Session:
    """Revert a session to before a message.

    The message and all that follow are hidden. The next prompt deletes them; until then `/unrevert` restores
    them. Only the conversation is reverted: what tools did is not undone.
    """
    return await services().history.revert(session_id, body.message_id, given(body.part_id, "") or None)


@blueprint.post("/unrevert")
@endpoint(Session, errors=(404, 409), answer=SESSION)
async def unrevert_session(session_id: str) -> Session:
    """Redo a revert: restore the reverted messages."""
    return await services().history.unrevert(session_id)


@blueprint.delete("/message/<message_id>")
@endpoint(bool, errors=(404, 409), answer=True)
async def delete_message(session_id: str, message_id: str) -> bool:
    """Delete a message."""
    await services().history.remove_message(session_id, message_id)
    return True


@blueprint.delete("/message/<message_id>/part/<part_id>")
@endpoint(bool, errors=(404, 409), answer=True)
async def delete_part(session_id: str, message_id: str, part_id: str) -> bool:
    """Delete a part of a message."""
    await services().history.remove_part(session_id, message_id, part_id)
    return True


@blueprint.patch("/message/<message_id>/part/<part_id>")
@endpoint(Part, body=Part, errors=(400, 404, 409), examples={"Another text": TEXT_PART}, answer=TEXT_PART)
async def update_part(session_id: str, message_id: str, part_id: str, body: Part) -> Part:
    """Replace a part of a message."""
    if body.id != part_id:
        raise BadRequest(f"id must be {part_id}, as in the path, not {body.id}.")
    return await services().history.update_part(session_id, message_id, body)
