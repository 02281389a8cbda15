"""Settings that clients change while the server runs: model servers, default model and agent."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opencode.config import Reload
from opencode.config.http_url import is_http_url
from opencode.config.saved import changed, check_references, read_saved, write_saved
from opencode.errors import BadRequest, ModelError, SettingsError
from opencode.provider import catalog
from opencode.provider.adapters import COMPATIBLE
from opencode.provider.demo.adapter import DEMO
from opencode.provider.keys import check_key
from opencode.provider.registry import Registry
from opencode.schema.base import JsonObject
from opencode.schema.provider import ApiAuth

from .active_setup import ActiveSetup

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_NOT_IN_ID = re.compile(r"[^a-z0-9._-]+")

MAX_PROVIDERS = 50


class SavedSettings:
    """Changes the configuration in the data directory, and has the server use it at once.

    A key is stored beside the others (`provider/keys`), never in the configuration.
    """

    def __init__(self, setup: ActiveSetup, reload: Reload) -> None:
        self._setup = setup
        self._reload = reload
        self._changing = asyncio.Lock()

    def saved(self) -> JsonObject:
        """Return what clients have changed, in the form of opencode.json."""
        path = self._path()
        return read_saved(path) if path else {}

    async def change(self, changes: JsonObject) -> None:
        """Merge `changes` into what was saved, null removing a value, and use the result.

        Raises BadRequest for what clients can't change or what can't be used, and Unavailable; then nothing
        has changed.
        """
        async with self._changing:
            path = self._path()
            if path is None:
                raise BadRequest("This server has no set-up of files, so nothing can be saved.")
            try:
                before = read_saved(path)
            except SettingsError as error:
                raise BadRequest(error.message) from None
            check_references(changes)
            changes, keys = _without_keys(changes)
            after = changed(before, changes)
            moved = self._check_providers(before, after, keys)
            self._check_defaults(changes)
            for provider_id in moved:  # before its address changes: a key goes where it was meant for
                await self._providers.remove_key(provider_id)
            await self._use(path, before, after)
            for provider_id, key in keys.items():
                await self._providers.set_key(provider_id, ApiAuth(key=key))

    async def probe(self, name: str, url: str, key: str) -> tuple[str, list[str]]:
        """Ask an OpenAI-compatible server for its models; return its base URL and their ids.

        A URL without a path is tried with `/v1` first. Raises BadRequest, and ModelError where the server
        does not answer as it should.
        """
        provider_id = self.new_id(name)
        url = url.rstrip("/")
        if not is_http_url(url) or "@" in url:
            raise BadRequest("Write the address as https://host/v1 or http://localhost:11434/v1.")
        addresses = [url] if url.count("/") > 2 else [f"{url}/v1", url]
        failure: ModelError | None = None
        for address in addresses:
            try:
                if models := await self._providers.probe(provider_id, key, address):
                    return address, models
            except ModelError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return addresses[0], []

    def new_id(self, name: str) -> str:
        """Return the id for a model server of this name; raises BadRequest if it is taken."""
        provider_id = _NOT_IN_ID.sub("-", name.strip().lower()).strip("-._")[:64]
        if not _ID.fullmatch(provider_id):
            raise BadRequest("Give the server a name with letters or digits.")
        if provider_id in self.saved().get("provider", {}):
            raise BadRequest(
                f"There is a server named {provider_id} already: remove it first, or choose another name."
            )
        self._check_new(provider_id, with_key=True)
        return provider_id

    async def add(self, name: str, url: str, key: str, models: Sequence[str] = ()) -> str:
        """Save an OpenAI-compatible server; return its id. `models`: those that it does not list itself."""
        provider_id = self.new_id(name)
        options: JsonObject = {"baseURL": url, **({"apiKey": key} if key else {})}
        entry: JsonObject = {"npm": COMPATIBLE, "name": name.strip()[:80], "options": options}
        if models:
            entry["models"] = {model_id: {} for model_id in models}
        await self.change({"provider": {provider_id: entry}})
        return provider_id

    async def remove(self, provider_id: str) -> None:
        """Remove a server that was added, and its key. What is not saved stays as it is."""
        saved = self.saved()
        if provider_id not in saved.get("provider", {}):
            return
        defaults = {
            key: None
            for key in ("model", "small_model")
            if isinstance(saved.get(key), str) and saved[key].startswith(f"{provider_id}/")
        }
        await self.change({"provider": {provider_id: None}, **defaults})

    @property
    def _providers(self) -> Registry:
        return self._setup.dependencies.providers

    def _path(self) -> Path | None:
        places = self._setup.settings.places
        return places.saved if places else None

    async def _use(self, path: Path, before: JsonObject, after: JsonObject) -> None:
        write_saved(path, after)
        try:
            await self._reload.now()
        except SettingsError as error:
            write_saved(path, before)
            raise BadRequest(f"The configuration can't be used like this: {error.message}") from None

    def _check_providers(self, before: JsonObject, after: JsonObject, keys: dict[str, str]) -> list[str]:
        """Return the saved providers whose address changes or that go; raises BadRequest for wrong ones."""
        old, new = before.get("provider", {}), after.get("provider", {})
        if len(new) > MAX_PROVIDERS:
            raise BadRequest(f"At most {MAX_PROVIDERS} model servers can be added: remove one first.")
        for key in keys.values():
            check_key(key)
        for provider_id, entry in new.items():
            if provider_id not in old:
                self._check_new(provider_id, with_key=provider_id in keys)
            if not _address(entry):
                raise BadRequest(f"provider.{provider_id}.options.baseURL is missing: send the address.")
        if wrong := keys.keys() - new.keys():
            raise BadRequest(f"provider.{min(wrong)} is unknown, so it can't have a key.")
        return [name for name, entry in old.items() if _address(entry) != _address(new.get(name, {}))]

    def _check_new(self, provider_id: str, with_key: bool) -> None:
        """Raise BadRequest if a provider can't be added: it would be sent a key that is another one's."""
        if not _ID.fullmatch(provider_id):
            raise BadRequest(
                f"{provider_id!r} can't be a provider's id: use small letters, digits, '.', '_' and '-'."
            )
        known = {*catalog.providers(), DEMO, *self._setup.settings.config.provider}
        if provider_id in known:
            raise BadRequest(f"There is a provider named {provider_id} already: choose another name.")
        if not with_key and self._providers.has_stored_key(provider_id):
            raise BadRequest(
                f"There is a key for {provider_id} already: send its own key, or choose another name."
            )

    def _check_defaults(self, changes: JsonObject) -> None:
        """Raise BadRequest for a default that is none. Providers that are added with it are not known yet."""
        model = changes.get("model")
        added = changes.get("provider") or {}
        if isinstance(model, str) and model.partition("/")[0] not in added:
            self._providers.parse(model)
        if isinstance(agent := changes.get("default_agent"), str):
            found = self._setup.dependencies.agents.get(agent)
            if found.mode == "subagent" or found.hidden:
                raise BadRequest(f"The agent {agent!r} only works for other agents: choose another one.")


def _without_keys(changes: JsonObject) -> tuple[JsonObject, dict[str, str]]:
    """Return changes without the providers' keys, and these by provider."""
    providers = changes.get("provider")
    if not isinstance(providers, dict):
        return changes, {}
    keys: dict[str, str] = {}
    entries: dict[str, Any] = {}
    for provider_id, entry in providers.items():
        entries[provider_id] = entry
        options = entry.get("options") if isinstance(entry, dict) else None
        if isinstance(options, dict) and isinstance(options.get("apiKey"), str):
            keys[provider_id] = options["apiKey"]
            rest = {name: value for name, value in options.items() if name != "apiKey"}
            entries[provider_id] = {**entry, "options": rest}
    return {**changes, "provider": entries}, keys


def _address(entry: Any) -> Any:
    options = entry.get("options") if isinstance(entry, dict) else None
    return options.get("baseURL") if isinstance(options, dict) else None
