"""The shared page: anyone with the link may read the conversation, and nothing else."""

from quart import Blueprint, Response

from opencode.errors import NotFound
from opencode.session.reverted import without_reverted

from ..app_state import app_state, services
from .live_view import texts
from .pages import HTML
from .render import page
from .security import nonce

blueprint = Blueprint("shared", __name__)

INVALID_LINK = "This link is invalid, or the chat is no longer shared."


@blueprint.get("/share/<session_id>/<token>")
async def show(session_id: str, token: str) -> Response:
    try:
        session = await services().sessions.shared(session_id, token)
    except NotFound:
        html = page("refused.html", message=INVALID_LINK, back="/", nonce=nonce())
        return Response(html, status=404, content_type=HTML)
    messages = without_reverted(session, await services().sessions.messages(session_id))
    rendered = await app_state().markdown.rendered(texts(messages))
    html = page("shared.html", session=session, messages=messages, html=rendered, nonce=nonce())
    return Response(html, content_type=HTML, headers={"X-Robots-Tag": "noindex"})
