"""The settings page: providers, keys (never shown once set), defaults, MCP servers, theme, import, set-up."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec
from quart import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as Redirection

from opencode.errors import Forbidden, ModelAuthError, ModelError, RequestError
from opencode.provider.demo.adapter import DEMO
from opencode.schema.base import JsonObject
from opencode.schema.mcp import McpStatus
from opencode.schema.provider import ApiAuth, Provider
from opencode.session.services import Services
from opencode.tool.mcp.server import CONNECTING
from opencode.tool.mcp.tool import McpTool

from ..across import KEYS_CHANGED, tell_all
from ..app_state import app_state, services
from . import choice
from .error_messages import page_message
from .pages import HTML, open_to_network
from .render import environment, page
from .security import nonce

MAX_SHOWN = 200
"""Files of a kind, and warnings, that are shown."""

CONNECT_SECONDS = 10.0
"""How long a click waits for an MCP server; it goes on connecting."""

_REFUSED = (401, 403)

LOCKED = (
    "Servers can be added and defaults set here only if this server has a password, or serves its own "
    "machine only: set OPENCODE_SERVER_PASSWORD, or HOST=127.0.0.1. Otherwise strangers could make it ask "
    "any address."
)


class SetupView(msgspec.Struct, frozen=True):
    """What was read of the set-up. `files`: their paths by kind. `read_at`: Unix ms."""

    project: str
    read_at: int
    watched: bool
    problem: str
    files: Mapping[str, Sequence[str]]
    warnings: Sequence[str]


class ProviderView(msgspec.Struct, frozen=True):
    """A connected provider. `added`: on this page. `has_key`: one that was set here."""

    id: str
    name: str
    source: str
    address: str
    models: Sequence[str]
    added: bool
    has_key: bool


class McpView(msgspec.Struct, frozen=True):
    """An MCP server. `tools`: None for one that was left out, which can't be connected."""

    name: str
    status: McpStatus
    tools: Sequence[McpTool] | None

    @property
    def connecting(self) -> bool:
        return self.status == CONNECTING


class Outcome(msgspec.Struct, frozen=True):
    """What came of an action: shown at the top of a section, `providers`, `defaults` or `mcp`."""

    section: str
    message: str
    good: bool = True


blueprint = Blueprint("settings", __name__, url_prefix="/settings")


@blueprint.errorhandler(RequestError)
async def refuse(error: RequestError) -> Response:
    """Show a refused action on the settings page."""
    section = {"defaults": "defaults", "mcp": "mcp"}.get(request.path.split("/")[2], "providers")
    return await _page(Outcome(section, page_message(error), good=False), error.status)


@blueprint.get("")
async def show() -> Response:
    """Show the settings; `done` says what was done before, and `of` to which provider."""
    done = _DONE.get(request.args.get("done", ""))
    if done is None:
        return await _page()
    section, message = done
    if "{}" in message:
        connected = {each.id: each.name for each in await services().providers.providers()}
        name = connected.get(request.args.get("of", ""))
        return await _page(Outcome(section, message.format(name)) if name else None)
    return await _page(Outcome(section, message))


_DONE = {
    "key": ("providers", "The API key for {} is saved, and it works."),
    "server": ("providers", "{} is added. Its models can be used now."),
    "removed": ("providers", "Removed."),
    "defaults": ("defaults", "Saved. New chats begin with these."),
}


@blueprint.post("/keys")
async def set_key() -> Response | Redirection:
    """Store a provider's API key, unless the provider refuses it."""
    form = await request.form
    provider_id, key = form.get("provider", ""), form.get("key", "").strip()
    providers = services().providers
    name = (await providers.describe(provider_id)).name if provider_id else ""
    try:
        await providers.probe(provider_id, key)
        problem = ""
    except ModelError as error:
        if _is_refusal(error):
            message = f"The key is not saved, because {name} refused it. {error.message}"
            return await _page(Outcome("providers", message, good=False), 400)
        problem = error.message
    await providers.set_key(provider_id, ApiAuth(key=key))
    await tell_all(KEYS_CHANGED)
    if problem:
        message = f"The API key for {name} is saved, but could not be tried: {problem}"
        return await _page(Outcome("providers", message, good=False))
    return redirect(f"/settings?done=key&of={provider_id}", 303)


@blueprint.post("/keys/<provider_id>/remove")
async def remove_key(provider_id: str) -> Redirection:
    await services().providers.remove_key(provider_id)
    await tell_all(KEYS_CHANGED)
    return redirect("/settings?done=removed", 303)


@blueprint.post("/providers")
async def add_provider() -> Response | Redirection:
    """Add an OpenAI-compatible server, if it answers."""
    _check_allowed()
    form = await request.form
    name, key = form.get("name", ""), form.get("key", "").strip()
    named = form.get("models", "").replace(",", " ").split()
    saved = services().saved
    try:
        url, listed = await saved.probe(name, form.get("url", "").strip(), key)
    except ModelError as error:
        if not named or _is_refusal(error) or getattr(error, "status", None) is None:
            return await _page(Outcome("providers", _not_added(error), good=False), 400)
        url, listed = form.get("url", "").strip(), []
    if not listed and not named:
        message = "The server answers, but lists no models. Write the names of its models, and add it again."
        return await _page(Outcome("providers", message, good=False), 400)
    provider_id = await saved.add(name, url, key, named)
    return redirect(f"/settings?done=server&of={provider_id}", 303)


@blueprint.post("/providers/<provider_id>/test")
async def check_provider(provider_id: str) -> Response:
    """Ask a connected provider for its models."""
    providers = services().providers
    name = (await providers.describe(provider_id)).name
    try:
        listed = await providers.check(provider_id)
    except ModelError as error:
        return await _page(Outcome("providers", f"{name} does not work: {error.message}", good=False))
    count = f"{len(listed)} model{'' if len(listed) == 1 else 's'}"
    return await _page(Outcome("providers", f"{name} works: it lists {count}."))


@blueprint.post("/providers/<provider_id>/remove")
async def remove_provider(provider_id: str) -> Redirection:
    _check_allowed()
    await services().saved.remove(provider_id)
    return redirect("/settings?done=removed", 303)


@blueprint.post("/defaults")
async def set_defaults() -> Redirection:
    """Set the model and the agent that new chats begin with; "" for what the set-up says."""
    _check_allowed()
    form = await request.form
    model, agent = form.get("model", ""), form.get("agent", "")
    changes: JsonObject = {"model": model or None, "default_agent": agent or None}
    await services().saved.change(changes)
    response = redirect("/settings?done=defaults#defaults", 303)
    if model:  # this browser's next chat would begin with what it used last
        choice.remember(response, choice.Choice(model, "", agent or services().agents.default))
    return response


@blueprint.get("/mcp")
async def show_mcp() -> Response:
    """Return the section of MCP servers, which asks for itself while one is connecting."""
    html = environment().get_template("mcp.html").render(mcp=_mcp(services()), outcome=None)
    return Response(html, content_type=HTML)


@blueprint.post("/mcp")
async def change_mcp() -> Redirection:
    """Connect, disconnect or reconnect an MCP server."""
    form = await request.form
    name, action = form.get("name", ""), form.get("do", "")
    mcp = services().mcp
    if action in ("disconnect", "reconnect"):
        await mcp.disconnect(name)
    if action in ("connect", "reconnect"):
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS):
                await mcp.connect(name)
    return redirect("/settings#mcp", 303)


def _is_refusal(error: ModelError) -> bool:
    """Return whether a provider refused the key, and is not only unable to answer now."""
    return isinstance(error, ModelAuthError) or getattr(error, "status", None) in _REFUSED


def _not_added(error: ModelError) -> str:
    hint = ""
    if getattr(error, "status", None) == 404:
        hint = " Is it the whole address? That of most servers ends in /v1."
    return f"The server is not added, because it does not answer as it should: {error.message}{hint}"


def _check_allowed() -> None:
    if not app_state().may_change_settings:
        raise Forbidden(LOCKED)


async def _page(outcome: Outcome | None = None, status: int = 200) -> Response:
    providers = [provider for provider in await services().providers.all_providers() if provider.id != DEMO]
    views = _providers(services(), [provider for provider in providers if _is_connected(provider)])
    html = page(
        "settings.html",
        connected=views,
        others=[provider for provider in providers if not _is_connected(provider)],
        choices=[provider for provider in providers if provider.models],
        chosen={"model": "", "default_agent": "", **services().saved.saved()},
        agents=[each for each in services().agents.list() if each.mode != "subagent" and not each.hidden],
        usual=await _usual(services()),
        locked="" if app_state().may_change_settings else LOCKED,
        mcp=_mcp(services()),
        setup=await _setup(services()),
        outcome=outcome,
        has_password=app_state().password is not None,
        open_to_network=open_to_network(),
        data_dir=str(services().settings.data_dir),
        nonce=nonce(),
    )
    return Response(html, status=status, content_type=HTML)


def _is_connected(provider: Provider) -> bool:
    return bool(provider.models) or provider.source != "custom"


def _providers(services: Services, providers: Sequence[Provider]) -> list[ProviderView]:
    added = services.saved.saved().get("provider", {})
    return [
        ProviderView(
            id=provider.id,
            name=provider.name,
            source="added" if provider.id in added else provider.source,
            address=str(provider.options.get("baseURL", "")),
            models=_shown([model.name for model in provider.models.values()]),
            added=provider.id in added,
            has_key=services.providers.has_stored_key(provider.id),
        )
        for provider in providers
    ]


async def _usual(services: Services) -> str:
    """Return the name of the model that new chats begin with, "" without one."""
    with suppress(RequestError):
        default = await services.providers.default()
        return (await services.providers.resolve(default.provider_id, default.model_id)).model.name
    return ""


def _mcp(services: Services) -> list[McpView]:
    tools = services.mcp.tools_of_each()
    return [McpView(name, status, tools.get(name)) for name, status in services.mcp.states().items()]


async def _setup(services: Services) -> SetupView:
    setup, settings = services.setup, services.setup.settings
    markdown = settings.seen.markdown if settings.seen else ()
    return SetupView(
        project=str(settings.places.project) if settings.places else "No project",
        read_at=services.reload.read_at,
        watched=settings.seen is not None,
        problem=services.reload.problem,
        files={
            "Configuration": _shown([*settings.config_sources, *map(str, settings.included)]),
            "Agents, commands and skills": _shown(markdown),
            "Rules and instructions": _shown(await setup.instructions.sources()),
        },
        warnings=_shown(setup.warnings),
    )


def _shown(texts: Sequence[str]) -> list[str]:
    """Return each text once, and how many more there are."""
    unique = list(dict.fromkeys(texts))
    more = len(unique) - MAX_SHOWN
    return [*unique[:MAX_SHOWN], *([f"and {more} more"] if more > 0 else [])]
