"""The pages: start page, conversation, older messages, search, models, commands, exports."""

import asyncio
import re
from contextlib import suppress
from typing import Any

from quart import Blueprint, Response, request

from opencode.errors import RequestError
from opencode.provider.demo.adapter import DEMO
from opencode.schema.base import given
from opencode.schema.provider import Model
from opencode.schema.session import Session, Todo
from opencode.session.branches import Point
from opencode.session.reverted import without_reverted
from opencode.session.services import Services

from ..app_state import app_state, services
from ..endpoint import JSON
from ..json_body import exported
from . import branches, choice, conversation, names, usage
from .attachments import disposition
from .error_messages import page_message
from .export import as_markdown
from .live_view import texts
from .render import fragment, page
from .security import nonce

blueprint = Blueprint("pages", __name__)

LONGEST_NAME = 80
"""Characters of a title in a file's name."""

HTML = "text/html; charset=utf-8"

SUGGESTIONS = (
    ("Search the web", "Search the web for what is new in Python, and summarize it with sources."),
    ("Read a web page", "Read https://htmx.org and explain in five sentences what it is for."),
    ("Plan something", "Plan a weekend in Lisbon. Keep a to-do list, and work through it."),
)
DEMO_SUGGESTIONS = (
    ("Search the web", "search what is new in Python"),
    ("Read a web page", "fetch https://example.com"),
    ("Keep a to-do list", "todo: book the train, pack, water the plants"),
)
"""Prompts that the demo model understands."""


@blueprint.errorhandler(RequestError)
async def refuse(error: RequestError) -> Response:
    """Show an error as a page, or as a line instead of the fragment that was requested."""
    message = page_message(error)
    if request.headers.get("HX-Request"):
        html = fragment("not_shown", message, template="lists.html")
    else:
        html = page("refused.html", message=message, back="/", nonce=nonce())
    return Response(html, status=error.status, content_type=HTML)


@blueprint.get("/")
async def start() -> Response:
    """Show a new chat; `deleted`: a session that was just deleted, to offer Undo."""
    deleted = request.args.get("deleted", "")
    can_undo = bool(deleted) and services().deletion.can_restore(deleted)
    response = Response(await _page(services(), None, deleted if can_undo else ""), content_type=HTML)
    if can_undo:
        response.headers["Cache-Control"] = "no-store"  # or Back would show the notice after Undo
    return response


@blueprint.get("/chat/<session_id>")
async def chat(session_id: str) -> Response:
    """Show a conversation: the newest messages, those before the id in `before`, or those around `at`."""
    session = await services().sessions.get(session_id)
    return Response(await _page(services(), session), content_type=HTML)


@blueprint.get("/chat/<session_id>/older")
async def older(session_id: str) -> Response:
    """Return the messages before the id in `before`."""
    session = await services().sessions.get(session_id)
    messages, more = await conversation.messages(services(), session, request.args.get("before"))
    link = fragment("older_link", session_id, messages[0].info.id) if more else ""
    html = await app_state().markdown.rendered(texts(messages))
    with branches.showing(await services().branches.points(session_id)):
        shown = "".join(fragment("message", message, html) for message in messages)
    return Response(link + shown, content_type=HTML)


@blueprint.get("/chat/<session_id>/newer")
async def newer(session_id: str) -> Response:
    """Return the messages behind the id in `after`."""
    session = await services().sessions.get(session_id)
    messages, more = await conversation.messages_after(services(), session, request.args.get("after", ""))
    html = await app_state().markdown.rendered(texts(messages))
    with branches.showing(await services().branches.points(session_id)):
        shown = "".join(fragment("message", message, html) for message in messages)
    link = fragment("newer_link", session_id, messages[-1].info.id) if more and messages else ""
    return Response(shown + link, content_type=HTML)


@blueprint.get("/chat/<session_id>/usage")
async def usage_of(session_id: str) -> Response:
    """Return what a session has used, by model and by step."""
    session = await services().sessions.get(session_id)
    messages = without_reverted(session, await services().sessions.messages(session_id, outlines=True))
    steps = usage.steps(messages)
    used = await usage.usage(services(), session)
    more = max(0, len(steps) - usage.MAX_STEPS)
    html = fragment("usage_list", used, usage.by_model(messages), steps[more:], more)
    return Response(html, content_type=HTML)


@blueprint.get("/chats/search")
async def search() -> Response:
    """Return one page of the sessions whose title or messages contain `q`; `after`: the cursor before it."""
    words = request.args.get("q", "").strip()
    if not words:
        return Response("", content_type=HTML)
    after = request.args.get("after", "")
    results = await conversation.matches(services(), words, after)
    html = fragment("matches", results, words, not after, template="lists.html")
    return Response(html, content_type=HTML)


@blueprint.get("/chats/older")
async def older_chats() -> Response:
    """Return the page of the side bar after the cursor `after`."""
    listed = await conversation.listing(services(), after=request.args.get("after", ""))
    return Response(await _older(listed), content_type=HTML)


@blueprint.get("/chats/archived")
async def archived_chats() -> Response:
    """Return one page of the archived sessions; `after`: the cursor before it."""
    listed = await conversation.archived(services(), request.args.get("after", ""))
    return Response(await _older(listed, "/chats/archived"), content_type=HTML)


@blueprint.get("/chat/<session_id>/menu")
async def menu(session_id: str) -> Response:
    """Return the menu of a chat of the side bar."""
    session = await services().sessions.get(session_id)
    await names.learn(services(), [session])
    return Response(fragment("side_menu", session, template="chat_menu.html"), content_type=HTML)


@blueprint.get("/chats/models")
async def models() -> Response:
    """Return the list of models to choose from."""
    providers = [provider for provider in await services().providers.providers() if provider.models]
    default = choice.default().model
    html = fragment("model_list", providers, request.args.get("chosen", ""), default, template="lists.html")
    return Response(html, content_type=HTML)


@blueprint.post("/chats/default")
async def set_default() -> Response:
    """Have new chats in this browser begin with the model `default`; without it, with the one used last."""
    name = (await request.form).get("default", "")
    if name:
        named = services().providers.parse(name)
        await services().providers.resolve(named.provider_id, named.model_id)
    response = Response("", content_type=HTML)
    choice.set_default(response, choice.Choice(name))
    return response


@blueprint.get("/chats/effort")
async def effort() -> Response:
    """Return the selector of a model's reasoning efforts, and remember the model for the next new chat."""
    name = request.args.get("model", "")
    named = services().providers.parse(name)
    model = (await services().providers.resolve(named.provider_id, named.model_id)).model
    response = Response(fragment("effort", model, "", template="lists.html"), content_type=HTML)
    choice.remember(response, choice.Choice(name, "", choice.remembered().agent))
    return response


@blueprint.get("/chats/commands")
async def commands() -> Response:
    """Return the commands that the message box offers."""
    listed = await services().prompts.commands.list()
    return Response(fragment("command_options", listed, template="lists.html"), content_type=HTML)


@blueprint.get("/chat/<session_id>/export.md")
async def export_markdown(session_id: str) -> Response:
    sessions = services().sessions
    session = await sessions.get(session_id)
    await names.learn(services(), [session])
    messages = without_reverted(session, await sessions.messages(session_id, outlines=True))
    text = await asyncio.to_thread(as_markdown, session, messages)
    return _download(text.encode(), "text/markdown; charset=utf-8", f"{file_name(session)}.md")


@blueprint.get("/chat/<session_id>/export.json")
async def export_json(session_id: str) -> Response:
    """Export in opencode's format, which can be imported again."""
    document = await services().transfer.export(session_id)
    await names.learn(services(), [document.info])
    return _download(await exported(document), JSON, f"{file_name(document.info)}.json")


@blueprint.get("/manifest.webmanifest")
async def manifest() -> Response:
    return Response(page("manifest.webmanifest"), content_type="application/manifest+json")


async def _older(listed: conversation.Listing, path: str = "/chats/older") -> str:
    states = await conversation.states(services())
    return fragment("older_groups", listed, states, path, template="lists.html")


async def _page(services: Services, session: Session | None, deleted: str = "") -> str:
    position = services.bus.position
    todos: list[Todo] = []
    points: dict[str, Point] = {}
    used = usage.Usage()
    values: dict[str, Any] = {"messages": [], "more": False, "newer": False, "html": {}}
    if session is not None:
        bound = request.args.get("before")
        if at := request.args.get("at"):
            bound = await conversation.bound_around(services, session.id, at)
        messages, more = await conversation.messages(services, session, bound)
        html = await app_state().markdown.rendered(texts(messages))
        values = {"messages": messages, "more": more, "newer": bool(at and bound), "html": html}
        todos = await services.sessions.todos(session.id)
        points = await services.branches.points(session.id)
        await names.learn(services, [session])
        used = await usage.usage(services, session)
    model, variant = await chosen_model(services, session)
    agents = [agent for agent in services.agents.list() if agent.mode != "subagent" and not agent.hidden]
    agent = given(session.agent, "") if session else choice.remembered().agent
    demo_only = set(services.providers.defaults()) <= {DEMO}
    values |= {
        "listing": await conversation.listing(services, after=request.args.get("after", "")),
        "pending_requests": await conversation.pending_requests(services, session.id) if session else [],
    }
    with branches.showing(points):
        return page(
            "chat.html",
            session=session,
            position=position,
            status=conversation.running(services, session.id).status if session else None,
            states=await conversation.states(services),
            todos=todos,
            used=used,
            model=model,
            variant=variant,
            agents=agents,
            agent=agent if agent in {each.name for each in agents} else services.agents.default,
            limits=services.settings.limits,
            demo_only=demo_only,
            suggestions=DEMO_SUGGESTIONS if demo_only else SUGGESTIONS,
            max_mb=services.settings.max_body_bytes // 2**20,
            deleted=deleted,
            open_to_network=open_to_network(),
            nonce=nonce(),
            **values,
        )


def open_to_network() -> bool:
    """Return whether other machines can reach this server, and need no password."""
    return bool(getattr(app_state(), "open_to_network", False))


async def chosen_model(services: Services, session: Session | None) -> tuple[Model | None, str]:
    """Return the model and effort preset for the next message; the model is None if none is usable."""
    if session is not None and session.model:
        with suppress(RequestError):
            resolved = await services.providers.resolve(session.model.provider_id, session.model.id)
            return resolved.model, session.model.variant or ""
    elif session is None:
        for chosen in (choice.default(), choice.remembered()):
            model, variant = await choice.model_of(services, chosen)
            if model is not None:
                return model, variant
    with suppress(RequestError):
        default = await services.providers.default()
        return (await services.providers.resolve(default.provider_id, default.model_id)).model, ""
    return None, ""


def _download(data: bytes, kind: str, name: str) -> Response:
    headers = {"Content-Disposition": disposition("attachment", name)}
    return Response(data, content_type=kind, headers=headers)


def file_name(session: Session) -> str:
    """Return the name of an exported session's file: its title in letters, digits and dashes."""
    title = "" if names.name(session) == names.UNNAMED else names.name(session)
    return "-".join(re.findall(r"\w+", title[:LONGEST_NAME])) or session.slug
