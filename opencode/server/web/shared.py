"""A session that was shared: everyone who has the address may read it, and nothing more."""

from quart import Blueprint, Response

from opencode.errors import NotFound

from ..app_state import services
from .pages import HTML
from .render import page
from .security import nonce

blueprint = Blueprint("shared", __name__)


@blueprint.get("/share/<session_id>/<token>")
async def show(session_id: str, token: str) -> Response:
    try:
        session = await services().sessions.shared(session_id, token)
    except NotFound:
        html = page("refused.html", message="This link does not work, or no longer.", back="/", nonce=nonce())
        return Response(html, status=404, content_type=HTML)
    messages = await services().sessions.messages(session_id)
    html = page("shared.html", session=session, messages=messages, nonce=nonce())
    return Response(html, content_type=HTML, headers={"X-Robots-Tag": "noindex"})
