"""The connected providers, their models and adapters, and the default model.

Order of preference: opencode.json's entries, Anthropic, OpenAI, Hugging Face, other providers of the catalog
whose key is set, the demo. The catalog is read on first use, not at start.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator

import msgspec
from msgspec import UnsetType, structs

from opencode.config import Config, ModelNames, Settings, model_names
from opencode.errors import BadRequest, NotFound, Unavailable, nearest
from opencode.schema.message import ModelChoice
from opencode.schema.provider import ApiAuth, Model, Provider, ProviderDetails

from . import catalog, preference
from .base import Adapter
from .configured_provider import LIST_FRESH_S, LIST_TIMEOUT_S, ConfiguredProvider
from .discovery import (
    PREFERRED,
    candidates,
    check_settings,
    connect,
    connect_with,
    is_enabled,
    unconnected,
)
from .keys import FileKeys, Keys, check_key

FIRST_LIST_WAIT_S = 1.5

_WELL_KNOWN = (*PREFERRED, "openrouter", "groq", "deepseek", "mistral", "google", "xai", "togetherai")
_HOW_TO_CONNECT = (
    "Set ANTHROPIC_API_KEY, OPENAI_API_KEY or HF_TOKEN, or OPENAI_BASE_URL for an OpenAI-compatible server,"
    " or add a provider to opencode.json."
)


class Resolved(msgspec.Struct, frozen=True):
    """A model and its adapter."""

    adapter: Adapter
    model: Model


class Registry:
    """The connected providers of a set-up. Raises SettingsError for invalid settings of providers.

    `before`: the registry of the set-up before, whose keys and unchanged providers this one shares. `keys`:
    those set at run time; of the first registry alone, and by default those in the data directory.
    """

    def __init__(
        self, settings: Settings, before: "Registry | None" = None, keys: Keys | None = None
    ) -> None:
        check_settings(settings)
        self._settings = settings
        self._keys: Keys = before._keys if before else keys or FileKeys(settings.data_dir / "auth.json")
        self._seen = Counter(self._keys.changes)
        self._successor: Registry | None = None
        self._connected: dict[str, ConfiguredProvider] | None = None
        if before and before._connected is not None:
            self._connected = self._connect_all(before._unchanged(settings))

    @property
    def changes(self) -> int:
        """How often a key was set or removed."""
        return self._keys.changes.total()

    async def providers(self) -> list[Provider]:
        """Return the connected providers with the models known at this moment, the preferred first.

        Waits up to 1.5 s for providers that have not listed their models yet.
        """
        providers = self._providers().values()
        await asyncio.gather(
            *(c.ask(LIST_FRESH_S, 0 if c.was_asked else FIRST_LIST_WAIT_S) for c in providers)
        )
        return [provider.provider() for provider in providers]

    async def all_providers(self) -> list[Provider]:
        """Return the connected providers, then well-known ones without a key, these without models."""
        connected = await self.providers()
        return connected + [
            Provider(id=public.id, name=public.name, source="custom", env=public.env, options={}, models={})
            for public in map(catalog.providers().__getitem__, _WELL_KNOWN)
            if public.id not in self._providers() and is_enabled(public.id, self._settings)
        ]

    async def describe(self, provider_id: str) -> ProviderDetails:
        """Return a provider with its models: a connected one's, else the catalog's.

        Raises NotFound for an unknown or disabled provider. Waits up to 1.5 s for a provider that has not
        listed its models yet.
        """
        connected = self._providers().get(provider_id)
        provider = connected or unconnected(provider_id, self._settings)
        if provider is None:
            known = {*self._providers(), *catalog.providers()}
            raise NotFound(f"Provider not found: {provider_id}. {nearest(provider_id, known)}".rstrip())
        if connected:
            await connected.ask(LIST_FRESH_S, 0 if connected.was_asked else FIRST_LIST_WAIT_S)
        return ProviderDetails(**structs.asdict(provider.provider()), connected=connected is not None)

    async def default(self) -> ModelChoice:
        """Return the model for prompts that name none; raises Unavailable if no provider is connected.

        On first use it waits up to 5 s for the model list of a server that is not in the catalog.
        """
        if models := self.default_models():
            return models[0]
        for provider in self._providers().values():
            if provider.elsewhere and not provider.configured and not provider.was_asked:
                await provider.ask(LIST_FRESH_S, LIST_TIMEOUT_S)
            if model_id := _default_id(provider):
                return ModelChoice(provider_id=provider.id, model_id=model_id)
        raise Unavailable(f"No model provider is connected. {_HOW_TO_CONNECT}")

    def default_models(self) -> list[ModelChoice]:
        """Return the models in `model`: each answers while those before it are unavailable."""
        return [_split(name) for name in model_names(self._settings.config.model)]

    def check_names(self) -> list[str]:
        """Return a warning for each model in opencode.json that can't be used yet or may be misspelled."""
        config = self._settings.config
        warnings = []
        for path, name in _named_models(config):
            choice = _split(name)
            try:
                provider = self._provider(choice.provider_id)
            except BadRequest as error:
                warnings.append(f"{path} {name}: {error.message}")
                continue
            if not provider.elsewhere and choice.model_id not in provider.models:
                hint = nearest(choice.model_id, provider.models)
                warnings.append(f"{path} {name}: unknown model. {hint}".rstrip())
        return warnings

    def defaults(self) -> dict[str, str]:
        """Return the default model's id of each connected provider with models."""
        defaults = {provider.id: _default_id(provider) for provider in self._providers().values()}
        return {provider_id: model_id for provider_id, model_id in defaults.items() if model_id}

    def small_models(self, choice: ModelChoice) -> list[ModelChoice]:
        """Return the models for titles of a session that uses `choice`, in order.

        Those that are configured, else one that is cheap, or the same.
        """
        if configured := model_names(self._settings.config.small_model):
            return [_split(name) for name in configured]
        provider = self._providers().get(choice.provider_id)
        model = provider.models.get(choice.model_id) if provider else None
        if provider is None or model is None:
            return [choice]
        small = preference.small_model(model, provider.models.values())
        return [ModelChoice(provider_id=choice.provider_id, model_id=small.id)]

    async def resolve(self, provider_id: str, model_id: str) -> Resolved:
        """Return the model and its adapter; raises BadRequest, which names the nearest models.

        For a model that is not known yet it waits up to 5 s for the provider's own list.
        """
        provider = self._provider(provider_id)
        model = provider.models.get(model_id) or await provider.find(model_id)
        if model is None:
            hint = nearest(model_id, provider.models) or f"GET /provider/{provider_id}/model lists them."
            raise BadRequest(f"Unknown model {model_id!r} of provider {provider_id!r}. {hint}")
        return Resolved(provider.adapter(model), model)

    def parse(self, text: str) -> ModelChoice:
        """Return the choice for "provider/model" or for the id of a known model.

        Raises BadRequest for an unknown provider or model.
        """
        choice = _split(text)
        if choice.model_id and choice.provider_id in self._providers():
            return choice
        for provider in self._providers().values():
            if text in provider.models:
                return ModelChoice(provider_id=provider.id, model_id=text)
        if choice.model_id:
            self._provider(choice.provider_id)
        known = [name for provider in self._providers().values() for name in provider.models]
        raise BadRequest(
            f'Unknown model {text!r}: write it as "provider/model". {nearest(text, known)}'.strip()
        )

    async def set_key(self, provider_id: str, auth: ApiAuth) -> None:
        """Store a provider's key and connect the provider; raises BadRequest for an unknown one."""
        check_key(auth.key)
        connectable = {*self._settings.config.provider, *catalog.providers()}
        if provider_id not in connectable or not is_enabled(provider_id, self._settings):
            hint = nearest(provider_id, connectable)
            raise BadRequest(f"Unknown provider {provider_id!r}. {hint}".strip(), "Path")
        old = self._providers().get(provider_id)
        await self._keys.set(provider_id, auth)
        await self._reconnect(old)

    async def remove_key(self, provider_id: str) -> None:
        """Delete a key that was set at run time; one in the environment or opencode.json stays."""
        old = self._providers().get(provider_id)
        await self._keys.remove(provider_id)
        await self._reconnect(old)

    def has_stored_key(self, provider_id: str) -> bool:
        """Return whether a key was set at run time."""
        return self._keys.get(provider_id) is not None

    async def check(self, provider_id: str) -> list[str]:
        """Ask a connected provider for its models and return their ids.

        Raises BadRequest for another one, and ModelError where it does not answer as it should.
        """
        return await self._provider(provider_id).list_now()

    async def probe(self, provider_id: str, key: str, url: str = "") -> list[str]:
        """Ask a provider for its models with a key, and at an address, that are not stored; return their ids.

        Raises BadRequest for an unknown provider, and ModelError where it does not answer as it should.
        """
        if key:
            check_key(key)
        provider = connect_with(provider_id, key, url, self._settings, self._keys)
        if provider is None:
            raise BadRequest(f"Unknown provider {provider_id!r}.", "Path")
        try:
            return await provider.list_now()
        finally:
            await provider.close()

    async def reload_keys(self) -> None:
        """Read the keys again, after another server has set or removed some; raises Unavailable."""
        before = list(self._providers().values())
        await self._keys.reload()
        for provider in before:
            await self._reconnect(provider)

    async def supersede(self, before: "Registry") -> None:
        """Replace the registry before: turns that began with it go on, with the keys that are set by then.

        Its providers that changed close their connections after each request from now on.
        """
        before._successor = self
        kept = list((self._connected or {}).values())
        for provider in (before._connected or {}).values():
            if provider not in kept:
                await provider.retire()

    async def close(self) -> None:
        """Close every provider's connections."""
        for provider in (self._connected or {}).values():
            await provider.close()

    async def _reconnect(self, old: ConfiguredProvider | None) -> None:
        """Replace a provider whose key changed; its old adapters finish the requests that they have open."""
        if old is not None and old is not self._providers().get(old.id):
            await old.retire()

    def _providers(self) -> dict[str, ConfiguredProvider]:
        changes = self._keys.changes
        if self._connected is None or self._seen != changes:
            kept = {
                provider_id: provider
                for provider_id, provider in (self._connected or {}).items()
                if self._seen[provider_id] == changes[provider_id]
            }
            self._seen = Counter(changes)
            self._connected = self._connect_all(kept)
        return self._connected

    def _unchanged(self, settings: Settings) -> dict[str, ConfiguredProvider]:
        """Return the connected providers that other settings configure in the same way."""
        entries, others = self._settings.config.provider, settings.config.provider
        return {
            provider_id: provider
            for provider_id, provider in self._providers().items()
            if entries.get(provider_id) == others.get(provider_id)
        }

    def _connect_all(self, kept: dict[str, ConfiguredProvider]) -> dict[str, ConfiguredProvider]:
        connected = {}
        for provider_id in candidates(self._settings):
            if provider := kept.get(provider_id) or self._connect(provider_id):
                connected[provider_id] = provider
        return connected

    def _connect(self, provider_id: str) -> ConfiguredProvider | None:
        if self._successor is not None:  # which closes it at the end
            return self._successor._providers().get(provider_id)
        return connect(provider_id, self._settings, self._keys)

    def _provider(self, provider_id: str) -> ConfiguredProvider:
        providers = self._providers()
        if provider_id in providers:
            return providers[provider_id]
        public = catalog.providers().get(provider_id)
        if public and is_enabled(provider_id, self._settings):
            names = " or ".join(public.env)
            raise BadRequest(f"Provider {provider_id!r} has no key: set {names}, or PUT /auth/{provider_id}.")
        raise BadRequest(f"Unknown provider {provider_id!r}. Connected: {', '.join(providers)}.")


def _default_id(provider: ConfiguredProvider) -> str:
    """Return the default model's id or ""; at a server of its own, the first one in opencode.json."""
    if provider.elsewhere and provider.configured:
        return provider.configured[0]
    model = preference.default_model(list(provider.models.values()))
    return model.id if model else ""


def _named_models(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the models that opencode.json names, each with the path of its key."""
    places: list[tuple[str, ModelNames | UnsetType]] = [
        ("model", config.model),
        ("small_model", config.small_model),
        *((f"agent.{name}.model", agent.model) for name, agent in config.agent.items()),
        *((f"command.{name}.model", command.model) for name, command in config.command.items()),
    ]
    for path, value in places:
        for number, name in enumerate(model_names(value)):
            yield f"{path}[{number}]" if isinstance(value, list) else path, name


def _split(text: str) -> ModelChoice:
    provider_id, _, model_id = text.partition("/")
    return ModelChoice(provider_id=provider_id, model_id=model_id)
