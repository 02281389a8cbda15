"""The pages: a new chat, a conversation, its older messages, search, models, commands, exports."""

from contextlib import suppress
from typing import Any

from quart import Blueprint, Response, request

from opencode.errors import NotFound, RequestError
from opencode.provider.demo import DEMO
from opencode.schema.base import encode
from opencode.schema.provider import Model
from opencode.schema.session import Session, Todo
from opencode.session.services import Services

from ..app_state import services
from ..endpoint import JSON
from . import conversation
from .deletions import deletions
from .export import as_markdown
from .render import page, piece
from .security import nonce

blueprint = Blueprint("pages", __name__)

HTML = "text/html; charset=utf-8"

SUGGESTIONS = (
    ("Look something up", "Search the web for what is new in Python, and sum it up with sources."),
    ("Read a page", "Read https://htmx.org and tell me in five sentences what it is for."),
    ("Plan something", "Plan a weekend in Lisbon. Keep a list of what is to be done, and work through it."),
)
COMMANDS = (
    ("Look something up", "search what is new in Python"),
    ("Read a page", "fetch https://example.com"),
    ("Keep a list", "todo: book the train, pack, water the plants"),
)
"""What the demo model understands."""


@blueprint.errorhandler(RequestError)
async def refuse(error: RequestError) -> Response:
    """Say what is wrong on a page, or in the place of the piece that was asked for."""
    gone = "This chat is not here: it may have been deleted."
    message = gone if isinstance(error, NotFound) else error.message
    if request.headers.get("HX-Request"):
        html = piece("not_shown", message, template="lists.html")
    else:
        html = page("refused.html", message=message, back="/", nonce=nonce())
    return Response(html, status=error.status, content_type=HTML)


@blueprint.get("/")
async def start() -> Response:
    """Show a new chat; `deleted`: a session that was put away just now."""
    deleted = request.args.get("deleted", "")
    can_undo = deletions().is_waiting(deleted)
    notice = ("The chat was deleted.", f"/chat/{deleted}/undelete") if can_undo else None
    return Response(await _page(services(), None, notice), content_type=HTML)


@blueprint.get("/chat/<session_id>")
async def chat(session_id: str) -> Response:
    """Show a conversation, the newest messages or those before the id in `before`."""
    return Response(await chat_page(session_id), content_type=HTML)


async def chat_page(session_id: str, notice: tuple[str, str] | None = None) -> str:
    """Return a conversation's page; `notice`: a sentence above it, and where to undo what it tells."""
    found = services()
    session = await found.sessions.get(session_id)
    return await _page(found, session, notice)


@blueprint.get("/chat/<session_id>/older")
async def older(session_id: str) -> Response:
    """Return the messages before the id in `before` as pieces."""
    messages, more = await conversation.messages(services(), session_id, request.args.get("before"))
    link = piece("older_link", session_id, messages[0].info.id) if more else ""
    return Response(link + "".join(piece("message", each) for each in messages), content_type=HTML)


@blueprint.get("/chats/search")
async def search() -> Response:
    """Return the sessions whose title or text has the words in `q`, after a page that ended at `after`."""
    words = request.args.get("q", "").strip()
    if not words:
        return Response("", content_type=HTML)
    after = request.args.get("after", "")
    found = await conversation.matches(services(), words, after)
    html = piece("matches", found, conversation.busy(services()), words, not after, template="lists.html")
    return Response(html, content_type=HTML)


@blueprint.get("/chats/older")
async def older_chats() -> Response:
    """Return the sessions that come after the listing that ends at `after`."""
    listed = await conversation.listing(services(), after=request.args.get("after", ""))
    html = piece("session_groups", listed, conversation.busy(services()), "older", template="lists.html")
    return Response(html if listed.groups else "", content_type=HTML)


@blueprint.get("/chats/models")
async def models() -> Response:
    """Return the models that can be chosen."""
    providers = [each for each in await services().providers.providers() if each.models]
    html = piece("model_list", providers, request.args.get("chosen", ""), template="lists.html")
    return Response(html, content_type=HTML)


@blueprint.get("/chats/effort")
async def effort() -> Response:
    """Return the choice of a model's reasoning efforts."""
    choice = services().providers.parse(request.args.get("model", ""))
    model = (await services().providers.resolve(choice.provider_id, choice.model_id)).model
    return Response(piece("effort", model, "", template="lists.html"), content_type=HTML)


@blueprint.get("/chats/commands")
async def commands() -> Response:
    """Return the commands that the message box offers."""
    listed = await services().prompts.commands.list()
    return Response(piece("command_options", listed, template="lists.html"), content_type=HTML)


@blueprint.get("/chat/<session_id>/export.md")
async def export_markdown(session_id: str) -> Response:
    found = services()
    session = await found.sessions.get(session_id)
    text = as_markdown(session, await found.sessions.messages(session_id))
    return _download(text.encode(), "text/markdown; charset=utf-8", f"{session.slug}.md")


@blueprint.get("/chat/<session_id>/export.json")
async def export_json(session_id: str) -> Response:
    """Export as opencode does; an import takes it back."""
    document = await services().transfer.export(session_id)
    return _download(encode(document), JSON, f"{document.info.slug}.json")


@blueprint.get("/manifest.webmanifest")
async def manifest() -> Response:
    return Response(page("manifest.webmanifest"), content_type="application/manifest+json")


async def _page(found: Services, session: Session | None, notice: tuple[str, str] | None = None) -> str:
    position = found.bus.position
    todos: list[Todo] = []
    values: dict[str, Any] = {"messages": [], "more": False}
    if session is not None:
        messages, more = await conversation.messages(found, session.id, request.args.get("before"))
        values = {"messages": messages, "more": more}
        todos = await found.sessions.todos(session.id)
    model, variant = await _model(found, session)
    demo_only = set(found.providers.defaults()) <= {DEMO}
    return page(
        "chat.html",
        session=session,
        position=position,
        status=conversation.running(found, session.id).status if session else None,
        listing=await conversation.listing(found, after=request.args.get("after", "")),
        busy=conversation.busy(found),
        todos=todos,
        asks=await conversation.asks(found, session.id) if session else [],
        model=model,
        variant=variant,
        agents=[each for each in found.agents.list() if each.mode != "subagent" and not each.hidden],
        agent=(session.agent if session else "") or found.agents.default,
        limits=found.settings.limits,
        demo_only=demo_only,
        suggestions=COMMANDS if demo_only else SUGGESTIONS,
        max_mb=found.settings.max_body_bytes // 2**20,
        notice=notice,
        nonce=nonce(),
        **values,
    )


async def _model(found: Services, session: Session | None) -> tuple[Model | None, str]:
    """Return the model and the effort that the next message goes to; no model where none can be asked."""
    if session is not None and session.model:
        with suppress(RequestError):
            resolved = await found.providers.resolve(session.model.provider_id, session.model.id)
            return resolved.model, session.model.variant or ""
    with suppress(RequestError):
        choice = await found.providers.default()
        return (await found.providers.resolve(choice.provider_id, choice.model_id)).model, ""
    return None, ""


def _download(data: bytes, kind: str, name: str) -> Response:
    return Response(
        data, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
