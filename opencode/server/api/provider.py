"""Providers, their models and their API keys."""

from msgspec.structs import asdict
from quart import Blueprint

from opencode.schema.provider import (
    ApiAuth,
    AuthMethod,
    ConfigProviders,
    ModelDetails,
    ProviderDetails,
    ProviderList,
)

from ..across import KEYS_CHANGED, tell_all
from ..app_state import services
from ..endpoint import endpoint

blueprint = Blueprint("provider", __name__)


@blueprint.get("/provider")
@endpoint(ProviderList)
async def list_providers() -> ProviderList:
    """List providers: connected ones, and those that need a key."""
    providers = services().providers
    every = await providers.all_providers()
    connected = [provider.id for provider in every if provider.models]
    return ProviderList(all=every, default=providers.defaults(), connected=connected)


@blueprint.get("/config/providers")
@endpoint(ConfigProviders)
async def list_configured_providers() -> ConfigProviders:
    """List connected providers with their models and default models."""
    providers = services().providers
    return ConfigProviders(providers=await providers.providers(), default=providers.defaults())


@blueprint.get("/provider/auth")
@endpoint(dict[str, list[AuthMethod]])
async def list_auth_methods() -> dict[str, list[AuthMethod]]:
    """List the ways to connect each provider at run time."""
    every = await services().providers.all_providers()
    return {
        provider.id: [AuthMethod(type="api", label="API key")] for provider in every if provider.id != "demo"
    }


@blueprint.get("/provider/<provider_id>")
@endpoint(ProviderDetails, errors=(404,))
async def get_provider(provider_id: str) -> ProviderDetails:
    """Get a provider with its models, connected or not."""
    return await services().providers.describe(provider_id)


@blueprint.get("/provider/<provider_id>/model")
@endpoint(list[ModelDetails], errors=(404,))
async def list_models(provider_id: str) -> list[ModelDetails]:
    """List a provider's models, with limits, capabilities and prices. Needs no API key."""
    provider = await services().providers.describe(provider_id)
    models = provider.models.values()
    return [ModelDetails(**asdict(model), connected=provider.connected) for model in models]


@blueprint.put("/auth/<provider_id>")
@endpoint(bool, body=ApiAuth, errors=(400,), examples={"A key": {"type": "api", "key": "…"}})
async def set_key(provider_id: str, body: ApiAuth) -> bool:
    """Set a provider's API key.

    It takes effect at once, is stored in a file that only the server's user can read, and is never returned.
    """
    await services().providers.set_key(provider_id, body)
    await tell_all(KEYS_CHANGED)
    return True


@blueprint.delete("/auth/<provider_id>")
@endpoint(bool)
async def remove_key(provider_id: str) -> bool:
    """Delete an API key that was set at run time."""
    await services().providers.remove_key(provider_id)
    await tell_all(KEYS_CHANGED)
    return True
