"""Conversations out of the server and in again."""

from quart import Blueprint, Response

from opencode.schema.base import encode
from opencode.schema.session import Session
from opencode.schema.transfer import SessionExport, SessionImport

from ..app_state import services
from ..endpoint import JSON, endpoint
from ..examples import EXPORT, SESSION

blueprint = Blueprint("transfer", __name__, url_prefix="/session")


@blueprint.get("/<session_id>/export")
@endpoint(SessionExport, errors=(404,), answer=EXPORT)
async def export_session(session_id: str) -> Response:
    """Export a conversation, as a file in the form of opencode's `export`.

    `opencode import` reads it, and so does `/session/import`.
    """
    document = await services().transfer.export(session_id)
    name = f'attachment; filename="{document.info.slug}.json"'
    return Response(encode(document), content_type=JSON, headers={"Content-Disposition": name})


@blueprint.post("/import")
@endpoint(
    Session,
    body=SessionImport,
    errors=(400,),
    examples={"What was exported": EXPORT},
    answer=SESSION,
    lenient=True,
)
async def import_session(body: SessionImport) -> Session:
    """Import a conversation that was exported here or by opencode.

    Its ids stay where they are free; else all of them are new. Permissions, the shared address and the parent
    are not taken over. An answer that was unfinished is closed with an error that says so.
    """
    return await services().transfer.import_(body)
