"""Which providers and models there are, which to take by default, and the door to each.

Preferred in this order: opencode.json's entries, Anthropic, OpenAI, Hugging Face, any other provider of the
catalog whose key is set, the demo. The catalog is read at first use, not at start.
"""

import asyncio
from collections.abc import Iterator

import msgspec
from msgspec import UnsetType, structs

from opencode.config import Config, Settings
from opencode.errors import BadRequest, NotFound, SettingsError, Unavailable, nearest
from opencode.schema.message import ModelChoice
from opencode.schema.provider import ApiAuth, Model, Provider, ProviderDetails

from . import catalog, preference
from .base import Adapter
from .configured_provider import LIST_FRESH_S, LIST_TIMEOUT_S, ConfiguredProvider
from .discovery import PREFERRED, candidates, check_settings, connect, is_enabled, unconnected
from .keys import Keys, check_key

FIRST_LIST_WAIT_S = 1.5

_WELL_KNOWN = (*PREFERRED, "openrouter", "groq", "deepseek", "mistral", "google", "xai", "togetherai")
_HOW_TO_CONNECT = (
    "Set ANTHROPIC_API_KEY, OPENAI_API_KEY or HF_TOKEN, or OPENAI_BASE_URL for an OpenAI-compatible server,"
    " or add a provider to opencode.json."
)


class Resolved(msgspec.Struct, frozen=True):
    """A model and the door to it."""

    adapter: Adapter
    model: Model


class Registry:
    """The connected providers. Raises SettingsError for settings that only concern them."""

    def __init__(self, settings: Settings) -> None:
        check_settings(settings)
        self._settings = settings
        self._keys = Keys(settings.data_dir / "auth.json")
        self._connected: dict[str, ConfiguredProvider] | None = None

    async def providers(self) -> list[Provider]:
        """Return the connected providers with the models known by now, the preferred first.

        Waits up to 1.5 s for providers that were never asked for their models.
        """
        connections = self._connections().values()
        await asyncio.gather(
            *(c.ask(LIST_FRESH_S, 0 if c.was_asked else FIRST_LIST_WAIT_S) for c in connections)
        )
        return [connection.provider() for connection in connections]

    async def all_providers(self) -> list[Provider]:
        """Return the connected providers, then well-known ones that a key would connect, without models."""
        connected = await self.providers()
        return connected + [
            Provider(id=public.id, name=public.name, source="custom", env=public.env, options={}, models={})
            for public in map(catalog.providers().__getitem__, _WELL_KNOWN)
            if public.id not in self._connections() and is_enabled(public.id, self._settings)
        ]

    async def describe(self, provider_id: str) -> ProviderDetails:
        """Return a provider with its models: a connected one's, else the catalog's.

        Raises NotFound for an unknown or disabled provider. Waits up to 1.5 s for a provider that was never
        asked for its models.
        """
        connected = self._connections().get(provider_id)
        provider = connected or unconnected(provider_id, self._settings)
        if provider is None:
            known = {*self._connections(), *catalog.providers()}
            raise NotFound(f"Provider not found: {provider_id}. {nearest(provider_id, known)}".rstrip())
        if connected:
            await connected.ask(LIST_FRESH_S, 0 if connected.was_asked else FIRST_LIST_WAIT_S)
        return ProviderDetails(**structs.asdict(provider.provider()), connected=connected is not None)

    async def default(self) -> ModelChoice:
        """Return the model for prompts that name none; raises Unavailable where there is no provider.

        Waits, the first time and up to 5 s, for the list of a server that only the server itself knows.
        """
        if self._settings.config.model:
            return _split(self._settings.config.model)
        for connection in self._connections().values():
            if connection.elsewhere and not connection.configured and not connection.was_asked:
                await connection.ask(LIST_FRESH_S, LIST_TIMEOUT_S)
            if model_id := _default_id(connection):
                return ModelChoice(provider_id=connection.id, model_id=model_id)
        raise Unavailable(f"No model provider is connected. {_HOW_TO_CONNECT}")

    def check_names(self) -> list[str]:
        """Return a warning for each model in opencode.json that can't be used yet or may be misspelled.

        Raises SettingsError if `model` or `small_model` names an unknown provider.
        """
        config = self._settings.config
        source = self._settings.config_path or "OPENCODE_CONFIG_CONTENT"
        warnings = []
        for path, name in _named_models(config):
            choice = _split(name)
            try:
                provider = self._connection(choice.provider_id)
            except BadRequest as error:
                if path in ("model", "small_model") and choice.provider_id not in catalog.providers():
                    raise SettingsError(f"{source}: {path}: {error.message}") from None
                warnings.append(f"{path} {name}: {error.message}")
                continue
            if not provider.elsewhere and choice.model_id not in provider.models:
                hint = nearest(choice.model_id, provider.models)
                warnings.append(f"{path} {name}: no such model is known. {hint}".rstrip())
        return warnings

    def defaults(self) -> dict[str, str]:
        """Return the default model's id for every connected provider that has a model."""
        found = {connection.id: _default_id(connection) for connection in self._connections().values()}
        return {provider_id: model_id for provider_id, model_id in found.items() if model_id}

    def small_model(self, choice: ModelChoice) -> ModelChoice:
        """Return the model for titles of a session that uses `choice`: configured, or cheap, or the same."""
        if self._settings.config.small_model:
            return _split(self._settings.config.small_model)
        connection = self._connections().get(choice.provider_id)
        model = connection.models.get(choice.model_id) if connection else None
        if connection is None or model is None:
            return choice
        small = preference.small_model(model, connection.models.values())
        return ModelChoice(provider_id=choice.provider_id, model_id=small.id)

    async def resolve(self, provider_id: str, model_id: str) -> Resolved:
        """Return the model and its adapter; raises BadRequest naming what there is instead.

        Only a model that is not known yet makes this wait, up to 5 s, for its provider's own list.
        """
        connection = self._connection(provider_id)
        model = connection.models.get(model_id) or await connection.find(model_id)
        if model is None:
            hint = nearest(model_id, connection.models) or f"GET /provider/{provider_id}/model lists them."
            raise BadRequest(f"Unknown model {model_id!r} of provider {provider_id!r}. {hint}")
        return Resolved(connection.adapter(model), model)

    def parse(self, text: str) -> ModelChoice:
        """Return "provider/model", or the bare id of a model that is known, as a choice.

        Raises BadRequest where neither a provider nor a model is known by that name.
        """
        choice = _split(text)
        if choice.model_id and choice.provider_id in self._connections():
            return choice
        for connection in self._connections().values():
            if text in connection.models:
                return ModelChoice(provider_id=connection.id, model_id=text)
        if choice.model_id:
            self._connection(choice.provider_id)
        known = [name for connection in self._connections().values() for name in connection.models]
        raise BadRequest(
            f'Unknown model {text!r}: write it as "provider/model". {nearest(text, known)}'.strip()
        )

    async def set_key(self, provider_id: str, auth: ApiAuth) -> None:
        """Keep a provider's key and connect it; raises BadRequest for a provider that a key can't connect."""
        check_key(auth.key)
        connectable = {*self._settings.config.provider, *catalog.providers()}
        if provider_id not in connectable or not is_enabled(provider_id, self._settings):
            hint = nearest(provider_id, connectable)
            raise BadRequest(
                f"Provider {provider_id!r} is not one that a key connects. {hint}".strip(), "Path"
            )
        self._keys.set(provider_id, auth)
        await self._reconnect(provider_id)

    async def remove_key(self, provider_id: str) -> None:
        """Forget a key that was set at run time; one in the environment or opencode.json stays."""
        self._keys.remove(provider_id)
        await self._reconnect(provider_id)

    async def close(self) -> None:
        """Close every provider's connections."""
        for connection in (self._connected or {}).values():
            await connection.close()

    async def _reconnect(self, provider_id: str) -> None:
        """Set the provider up again; requests that its old adapters have open are finished by them."""
        kept = dict(self._connections())
        old = kept.pop(provider_id, None)
        self._connected = self._connect_all(kept)
        if old is not None:
            await old.retire()

    def _connections(self) -> dict[str, ConfiguredProvider]:
        if self._connected is None:
            self._connected = self._connect_all({})
        return self._connected

    def _connect_all(self, kept: dict[str, ConfiguredProvider]) -> dict[str, ConfiguredProvider]:
        connected = {}
        for provider_id in candidates(self._settings):
            if connection := kept.get(provider_id) or connect(provider_id, self._settings, self._keys):
                connected[provider_id] = connection
        return connected

    def _connection(self, provider_id: str) -> ConfiguredProvider:
        connections = self._connections()
        if provider_id in connections:
            return connections[provider_id]
        public = catalog.providers().get(provider_id)
        if public and is_enabled(provider_id, self._settings):
            names = " or ".join(public.env)
            raise BadRequest(f"Provider {provider_id!r} has no key: set {names}, or PUT /auth/{provider_id}.")
        raise BadRequest(f"Unknown provider {provider_id!r}. There are: {', '.join(connections)}.")


def _default_id(connection: ConfiguredProvider) -> str:
    """Return the default model's id, "" where none is known; of opencode.json's own providers the first."""
    if connection.elsewhere and connection.configured:
        return connection.configured[0]
    model = preference.default_model(list(connection.models.values()))
    return model.id if model else ""


def _named_models(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the models that opencode.json names, each with the path of its key."""
    places: list[tuple[str, str | UnsetType]] = [("model", config.model), ("small_model", config.small_model)]
    places += [(f"agent.{name}.model", agent.model) for name, agent in config.agent.items()]
    places += [(f"command.{name}.model", command.model) for name, command in config.command.items()]
    yield from ((path, name) for path, name in places if name)


def _split(text: str) -> ModelChoice:
    provider_id, _, model_id = text.partition("/")
    return ModelChoice(provider_id=provider_id, model_id=model_id)
