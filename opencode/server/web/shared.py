"""The shared pages: anyone with the link may read the conversation and its files, and nothing else."""

from quart import Blueprint, Response, request

from opencode.errors import NotFound
from opencode.schema.session import Session

from ..app_state import app_state, services
from . import attachments, conversation, names
from .addresses import sharing
from .live_view import texts
from .pages import HTML
from .render import fragment, page
from .security import nonce

blueprint = Blueprint("shared", __name__, url_prefix="/share/<session_id>/<token>")

INVALID_LINK = "This link is invalid, or the chat is no longer shared."

_NOT_FOR_SEARCH_ENGINES = {"X-Robots-Tag": "noindex"}


@blueprint.errorhandler(NotFound)
async def refuse(error: NotFound) -> Response:
    """Show that a link leads nowhere; it does not tell which part of it is wrong."""
    html = page("refused.html", message=INVALID_LINK, back="/", nonce=nonce())
    return Response(html, status=404, content_type=HTML, headers=_NOT_FOR_SEARCH_ENGINES)


@blueprint.get("")
async def show(session_id: str, token: str) -> Response:
    """Show a shared conversation, the newest messages or those before the id in `before`."""
    session = await _session(session_id, token)
    before = request.args.get("before")
    messages, more = await conversation.messages(services(), session, before)
    total = await services().sessions.count_visible(session_id)
    rendered = await app_state().markdown.rendered(texts(messages))
    with sharing(_path(session_id, token)):
        html = page(
            "shared.html",
            session=session,
            messages=messages,
            html=rendered,
            more=more,
            is_older=before is not None,
            total=total,
            nonce=nonce(),
        )
    return Response(html, content_type=HTML, headers=_NOT_FOR_SEARCH_ENGINES)


@blueprint.get("/older")
async def older(session_id: str, token: str) -> Response:
    """Return the messages before the id in `before`."""
    session = await _session(session_id, token)
    messages, more = await conversation.messages(services(), session, request.args.get("before"))
    rendered = await app_state().markdown.rendered(texts(messages))
    with sharing(_path(session_id, token)):
        link = fragment("older_link", session_id, messages[0].info.id) if more else ""
        html = link + "".join(fragment("message", message, rendered) for message in messages)
    return Response(html, content_type=HTML, headers=_NOT_FOR_SEARCH_ENGINES)


@blueprint.get("/file/<part_id>")
@blueprint.get("/file/<part_id>/<int:number>")
async def show_file(session_id: str, token: str, part_id: str, number: int | None = None) -> Response:
    """Return the content of a file; `number` counts the files of a tool's result."""
    return await attachments.content(await _session(session_id, token), part_id, number)


async def _session(session_id: str, token: str) -> Session:
    session = await services().sessions.shared(session_id, token)
    await names.learn(services(), [session])
    return session


def _path(session_id: str, token: str) -> str:
    return f"/share/{session_id}/{token}"
