"""The page of a chat's settings: instructions, tools that are off, temperature."""

from typing import Any

import msgspec
from quart import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as Redirection

from opencode.agent.permission import is_hidden
from opencode.agent.prompt_defaults import (
    DEFAULTS,
    MAX_TEMPERATURE,
    PromptDefaults,
    prompt_defaults,
    takes_temperature,
)
from opencode.errors import BadRequest, RequestError
from opencode.schema.base import given
from opencode.schema.prompt import CreateSessionBody, UpdateSessionBody
from opencode.schema.session import Session

from ..app_state import services
from .error_messages import page_message
from .pages import HTML, chosen_model
from .render import page
from .security import nonce

MAX_INSTRUCTIONS = 50_000
"""Characters of instructions: every event of the session carries them."""

blueprint = Blueprint("chat_settings", __name__)


class ToolView(msgspec.Struct, frozen=True):
    name: str
    description: str
    on: bool


@blueprint.errorhandler(RequestError)
async def refuse(error: RequestError) -> Response:
    session_id = (request.view_args or {}).get("session_id", "")
    back = f"/chat/{session_id}/settings" if session_id else "/chat/settings"
    html = page("refused.html", message=page_message(error), back=back, nonce=nonce())
    return Response(html, status=error.status, content_type=HTML)


@blueprint.get("/chat/settings")
async def show_new() -> Response:
    """Show the settings of a chat that is not begun."""
    return await _page(None)


@blueprint.get("/chat/<session_id>/settings")
async def show(session_id: str) -> Response:
    return await _page(await services().sessions.get(session_id))


@blueprint.post("/chat/settings")
async def begin() -> Redirection:
    """Create a chat with these settings, without a message."""
    metadata = {DEFAULTS: msgspec.to_builtins(await _from_form())}
    session = await services().sessions.create(CreateSessionBody(metadata=metadata))
    return redirect(f"/chat/{session.id}", 303)


@blueprint.post("/chat/<session_id>/settings")
async def save(session_id: str) -> Redirection:
    """Change a chat's settings; the next step of an answer has them."""
    defaults = msgspec.to_builtins(await _from_form())
    session = await services().sessions.get(session_id)
    others = {name: value for name, value in given(session.metadata, {}).items() if name != DEFAULTS}
    metadata = {**others, DEFAULTS: defaults} if defaults else others
    await services().sessions.update(session_id, UpdateSessionBody(metadata=metadata))
    return redirect(f"/chat/{session_id}", 303)


async def _from_form() -> PromptDefaults:
    """Return the settings in the request's form; raises BadRequest."""
    form = await request.form
    system = form.get("system", "").replace("\r\n", "\n").strip()
    if len(system) > MAX_INSTRUCTIONS:
        raise BadRequest(f"The instructions have more than {MAX_INSTRUCTIONS:,} characters: shorten them.")
    on = set(form.getlist("on"))
    tools = {name: False for name in form.getlist("tool")[:500] if name not in on}
    return PromptDefaults(system=system, tools=tools, temperature=_temperature(form.get("temperature", "")))


def _temperature(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = -1
    if not 0 <= value <= MAX_TEMPERATURE:
        raise BadRequest(f"The temperature must be a number from 0 to {MAX_TEMPERATURE:g}, or empty.")
    return value


async def _page(session: Session | None) -> Response:
    defaults = prompt_defaults(given(session.metadata, {}) if session else {})
    model, _ = await chosen_model(services(), session)
    agents = services().agents
    agent = agents.get(given(session.agent, agents.default) if session else agents.default)
    rules = [*agent.permission, *(given(session.permission, []) if session else [])]
    await services().setup.dependencies.tools.ready()
    tools = [
        ToolView(tool.name, tool.description, defaults.tools.get(tool.name, True))
        for tool in services().setup.dependencies.tools.list()
        if not is_hidden(rules, tool.name)
    ]
    values: dict[str, Any] = {
        "session": session,
        "defaults": defaults,
        "tools": tools,
        "model": model,
        "takes_temperature": model is not None and takes_temperature(model),
        "highest": MAX_TEMPERATURE,
    }
    return Response(page("chat_settings.html", nonce=nonce(), **values), content_type=HTML)
