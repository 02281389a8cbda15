"""The page of what a session has changed in the files of the workspace."""

from quart import Blueprint, Response

from opencode.schema.base import given
from opencode.schema.message import FileDiff

from ..app_state import services
from .file_tool_view import DiffFile, diff_file
from .pages import HTML
from .render import page
from .security import nonce

MAX_FILES = 200
"""Files that are shown."""

blueprint = Blueprint("changed_files", __name__)


@blueprint.get("/chat/<session_id>/files")
async def show(session_id: str) -> Response:
    """Show the difference of each file, what is reverted left out."""
    session = await services().sessions.get(session_id)
    diffs = await services().files.diffs(session_id)
    files = [_view(diff) for diff in diffs[:MAX_FILES]]
    html = page(
        "changed_files.html", session=session, files=files, more=len(diffs) - len(files), nonce=nonce()
    )
    return Response(html, content_type=HTML)


def _view(diff: FileDiff) -> DiffFile:
    shown = diff_file(given(diff.file, ""), given(diff.patch, ""))
    status = {"added": "new", "deleted": "deleted"}.get(given(diff.status, "modified"), "")
    note = " · ".join(filter(None, (status, f"+{diff.additions} −{diff.deletions}")))
    return DiffFile(shown.path, shown.lines, note, shown.omitted)
