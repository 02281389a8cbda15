"""Export and import sessions."""

from quart import Blueprint, Response

from opencode.schema.session import Session
from opencode.schema.transfer import SessionExport, SessionImport

from ..app_state import services
from ..endpoint import JSON, endpoint
from ..examples import EXPORT, SESSION
from ..json_body import exported

blueprint = Blueprint("transfer", __name__, url_prefix="/session")


@blueprint.get("/<session_id>/export")
@endpoint(SessionExport, errors=(404,), answer=EXPORT)
async def export_session(session_id: str) -> Response:
    """Export a session as a file in the format of `opencode export`.

    `opencode import` and `/session/import` read it.
    """
    document = await services().transfer.export(session_id)
    name = f'attachment; filename="{document.info.slug}.json"'
    return Response(await exported(document), content_type=JSON, headers={"Content-Disposition": name})


@blueprint.post("/import")
@endpoint(
    Session,
    body=SessionImport,
    errors=(400,),
    examples={"An exported session": EXPORT},
    answer=SESSION,
    lenient=True,
)
async def import_session(body: SessionImport) -> Session:
    """Import a session that was exported by this server or by opencode.

    Its ids are kept if all of them are free; otherwise all are new. The share link, the parent and rules that
    allow something are not imported. A model or agent that this server does not have is left out. An
    unfinished answer is closed with an error that says so.
    """
    return await services().transfer.import_(body)
