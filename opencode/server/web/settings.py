"""The settings page: theme, import, MCP servers, and the providers' API keys, never shown once set."""

from quart import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as Redirection

from opencode.errors import RequestError
from opencode.provider.demo.adapter import DEMO
from opencode.schema.provider import ApiAuth

from ..app_state import app_state, services
from .error_messages import page_message
from .pages import HTML, open_to_network
from .render import page
from .security import nonce

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
        problem=problem,
        has_password=app_state().password is not None,
        open_to_network=open_to_network(),
        data_dir=str(services().settings.data_dir),
        nonce=nonce(),
    )
    return Response(html, status=status, content_type=HTML)
