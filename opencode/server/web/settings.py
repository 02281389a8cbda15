"""The settings page: theme, import, MCP servers, what was read, and API keys, never shown once set."""

from collections.abc import Mapping, Sequence

import msgspec
from quart import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as Redirection

from opencode.errors import RequestError
from opencode.provider.demo.adapter import DEMO
from opencode.schema.provider import ApiAuth
from opencode.session.services import Services

from ..app_state import app_state, services
from .error_messages import page_message
from .pages import HTML, open_to_network
from .render import page
from .security import nonce

MAX_SHOWN = 200
"""Files of a kind, and warnings, that are shown."""


class SetupView(msgspec.Struct, frozen=True):
    """What was read of the set-up. `files`: their paths by kind. `read_at`: Unix ms."""

    project: str
    read_at: int
    watched: bool
    problem: str
    files: Mapping[str, Sequence[str]]
    warnings: Sequence[str]


blueprint = Blueprint("settings", __name__, url_prefix="/settings")


@blueprint.get("")
async def show() -> Response:
    """Show which providers are connected."""
    return await _page()


@blueprint.post("/keys")
async def set_key() -> Response | Redirection:
    """Store a provider's API key."""
    form = await request.form
    provider_id = form.get("provider", "")
    try:
        await services().providers.set_key(provider_id, ApiAuth(key=form.get("key", "").strip()))
    except RequestError as error:
        return await _page(problem=page_message(error), status=error.status)
    return redirect(f"/settings?saved={provider_id}", 303)


@blueprint.post("/keys/<provider_id>/remove")
async def remove_key(provider_id: str) -> Redirection:
    await services().providers.remove_key(provider_id)
    return redirect("/settings", 303)


async def _page(problem: str = "", status: int = 200) -> Response:
    providers = [provider for provider in await services().providers.all_providers() if provider.id != DEMO]
    html = page(
        "settings.html",
        connected=[provider for provider in providers if provider.models],
        others=[provider for provider in providers if not provider.models],
        saved=request.args.get("saved", ""),
        mcp=services().mcp.states(),
        setup=await _setup(services()),
        problem=problem,
        has_password=app_state().password is not None,
        open_to_network=open_to_network(),
        data_dir=str(services().settings.data_dir),
        nonce=nonce(),
    )
    return Response(html, status=status, content_type=HTML)


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
