"""One provider as it is configured: key and base URL, models, and the adapters that call it."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from msgspec import structs

from opencode.config import ProviderConfig
from opencode.errors import ModelAPIError, ModelError
from opencode.schema.base import given
from opencode.schema.provider import Model, ModelApi, Provider

from . import catalog
from .adapters import open_adapter
from .base import Adapter
from .models import at_address, bare_model, configured_model, is_chat, listed_model, with_options

LIST_TIMEOUT_S = 5.0
CHECK_TIMEOUT_S = 10.0
LIST_FRESH_S = 600.0
_LIST_RETRY_S = 30.0

log = logging.getLogger(__name__)


class ConfiguredProvider:
    """A provider with its models and adapters.

    `url`: its base URL, "" for its SDK's default. `elsewhere`: the URL is another server than the provider's
    own, so its models are those that it lists, not the catalog's. `built_in`: the adapter and the models of a
    provider that is part of this server.
    """

    def __init__(
        self,
        provider_id: str,
        name: str,
        source: Literal["env", "config", "custom", "api"],
        *,
        npm: str,
        url: str = "",
        elsewhere: bool = False,
        keys: Sequence[str] = (),
        env: list[str] | None = None,
        config: ProviderConfig | None = None,
        built_in: tuple[Adapter, Mapping[str, Model]] | None = None,
    ) -> None:
        self.id = provider_id
        self.name = name
        self.elsewhere = elsewhere
        self._source = source
        self._npm = npm
        self._url = url
        self._keys = keys
        self._env = env or []
        self._config = config or ProviderConfig()
        self._built_in = built_in
        self._models: dict[str, Model] | None = None
        self._adapters: dict[tuple[str, str], Adapter] = {}
        self._listed: list[str] | None = None
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"ConfiguredProvider({self.id!r}, {self._npm!r})"

    @property
    def models(self) -> dict[str, Model]:
        """The models that are known at this moment, by id; not to be changed."""
        if self._models is None:
            self._models = self._merge()
        return self._models

    @property
    def configured(self) -> list[str]:
        """The ids of the models in opencode.json, in its order."""
        return [model_id for model_id in self._config.models if self._allowed(model_id)]

    @property
    def was_asked(self) -> bool:
        """Whether the provider was asked to list its models, with or without success."""
        return self._asked_at > float("-inf")

    def adapter(self, model: Model) -> Adapter:
        """Return the adapter for a model: one per wire and base URL."""
        if self._built_in:
            return self._built_in[0]
        key = (model.api.npm, model.api.url)
        adapter = self._adapters.get(key)
        if adapter is None:
            adapter = self._adapters[key] = open_adapter(self.id, *key, self._keys, self._config.options)
        return adapter

    async def find(self, model_id: str) -> Model | None:
        """Ask the provider for an unknown model; if it can't list models, assume that it exists."""
        if not self._allowed(model_id):
            return None
        await self.ask(_LIST_RETRY_S, LIST_TIMEOUT_S)
        model = self.models.get(model_id)
        if model is None and self.elsewhere and self._listed is None:
            model = with_options(self._unknown(model_id), self._config.options)
            self.models[model_id] = model
        return model

    async def ask(self, fresh_s: float, wait_s: float) -> None:
        """Have the provider list its models if its list is older than `fresh_s`; wait at most `wait_s`."""
        if self._asking is None and time.monotonic() - self._asked_at > fresh_s:
            self._asking = asyncio.create_task(self._list(), name=f"models of {self.id}")
        if self._asking and wait_s:
            await asyncio.wait({self._asking}, timeout=wait_s)

    async def list_now(self) -> list[str]:
        """Ask the provider for its models; return the ids of those that chat. Raises ModelError."""
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                listed = await self.adapter(self._unknown("")).model_ids()
        except TimeoutError:
            raise ModelAPIError(f"It did not answer within {CHECK_TIMEOUT_S:g} s.", retryable=True) from None
        if listed:
            self._listed, self._models, self._asked_at = listed, None, time.monotonic()
        return [model_id for model_id in listed if is_chat(model_id)]

    def provider(self) -> Provider:
        """Return the provider as clients see it: without key, headers and options."""
        return Provider(
            id=self.id,
            name=self.name,
            source=self._source,
            env=self._env,
            options={"baseURL": _without_login(self._url)} if self._url else {},
            models={
                model_id: structs.replace(model, headers={}, options={}, api=_shown(model.api))
                for model_id, model in self.models.items()
            },
        )

    async def close(self) -> None:
        """Stop listing models and close the adapters."""
        await self._stop_listing()
        for adapter in self._adapters.values():
            await adapter.close()

    async def retire(self) -> None:
        """Stop listing models and close each adapter once its last request has ended."""
        await self._stop_listing()
        for adapter in self._adapters.values():
            await adapter.retire()

    async def _stop_listing(self) -> None:
        if self._asking:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _list(self) -> None:
        try:
            async with asyncio.timeout(LIST_TIMEOUT_S):
                listed = await self.adapter(self._unknown("")).model_ids()
            if listed:
                self._listed, self._models = listed, None
        except (ModelError, TimeoutError) as error:
            log.info("provider %s did not list its models: %s", self.id, error or "timed out")
        finally:
            self._asked_at = time.monotonic()
            self._asking = None

    def _merge(self) -> dict[str, Model]:
        known = self._known_models()
        if self._listed is None:
            models = dict(known)
        else:
            models = {} if self.elsewhere else dict(known)
            for model_id in self._listed:
                if model_id in known:
                    models[model_id] = known[model_id]
                elif is_chat(model_id):
                    models[model_id] = listed_model(model_id, self._unknown(model_id), known)
        for model_id, entry in self._config.models.items():
            sent = given(entry.id, model_id)
            base = models.get(sent) or known.get(sent) or self._unknown(model_id)
            models[model_id] = configured_model(model_id, base, entry)
        return {
            model_id: with_options(model, self._config.options)
            for model_id, model in models.items()
            if self._allowed(model_id)
        }

    def _known_models(self) -> Mapping[str, Model]:
        if self._built_in:
            return self._built_in[1]
        public = catalog.providers().get(self.id)
        if public is None or (public.npm, public.api) == (self._npm, self._url):
            return catalog.models(self.id)
        return {
            model.id: at_address(model, self._npm, self._url) for model in catalog.models(self.id).values()
        }

    def _unknown(self, model_id: str) -> Model:
        return bare_model(self.id, model_id, ModelApi(id=model_id, url=self._url, npm=self._npm))

    def _allowed(self, model_id: str) -> bool:
        only = given(self._config.whitelist, [model_id])
        return model_id in only and model_id not in self._config.blacklist


def _shown(api: ModelApi) -> ModelApi:
    return structs.replace(api, url=_without_login(api.url)) if "@" in api.url else api


def _without_login(url: str) -> str:
    """Return a URL without the user name and password in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
