"""Providers and their models, and the keys that connect them."""

from quart import Blueprint

from opencode.errors import NotFound, nearest
from opencode.schema.provider import ApiAuth, AuthMethod, ConfigProviders, Model, Provider, ProviderList

from ..app_state import services
from ..endpoint import endpoint

blueprint = Blueprint("provider", __name__)


@blueprint.get("/provider")
@endpoint(ProviderList)
async def list_providers() -> ProviderList:
    """List providers: those that are connected, and those that a key would connect."""
    providers = services().providers
    every = await providers.all_providers()
    connected = [provider.id for provider in every if provider.models]
    return ProviderList(all=every, default=providers.defaults(), connected=connected)


@blueprint.get("/config/providers")
@endpoint(ConfigProviders)
async def list_configured_providers() -> ConfigProviders:
    """List the connected providers with their models, and each one's default model."""
    providers = services().providers
    return ConfigProviders(providers=await providers.providers(), default=providers.defaults())


@blueprint.get("/provider/auth")
@endpoint(dict[str, list[AuthMethod]])
async def list_auth_methods() -> dict[str, list[AuthMethod]]:
    """Tell how each provider may be connected at run time."""
    every = await services().providers.all_providers()
    return {
        provider.id: [AuthMethod(type="api", label="API key")] for provider in every if provider.id != "demo"
    }


@blueprint.get("/provider/<provider_id>")
@endpoint(Provider, errors=(404,))
async def get_provider(provider_id: str) -> Provider:
    """Get a provider with its models."""
    return await _find(provider_id)


@blueprint.get("/provider/<provider_id>/model")
@endpoint(list[Model], errors=(404,))
async def list_models(provider_id: str) -> list[Model]:
    """List a provider's models, with their limits, abilities and prices."""
    return list((await _find(provider_id)).models.values())


async def _find(provider_id: str) -> Provider:
    every = {provider.id: provider for provider in await services().providers.all_providers()}
    if provider_id not in every:
        raise NotFound(f"Provider not found: {provider_id}. {nearest(provider_id, every)}".rstrip())
    return every[provider_id]


@blueprint.put("/auth/<provider_id>")
@endpoint(bool, body=ApiAuth, errors=(400,), examples={"A key": {"type": "api", "key": "…"}})
async def set_key(provider_id: str, body: ApiAuth) -> bool:
    """Set a provider's key.

    It is stored readable by the server's user alone, takes effect at once, and is never shown.
    """
    await services().providers.set_key(provider_id, body)
    return True


@blueprint.delete("/auth/<provider_id>")
@endpoint(bool)
async def remove_key(provider_id: str) -> bool:
    """Remove a key that was set at run time."""
    await services().providers.remove_key(provider_id)
    return True
