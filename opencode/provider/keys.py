"""Provider keys set at run time: what all places for them have in common, and the file of one server.

The file has the format of opencode's auth.json, so that an existing one can be used; entries other than keys
are kept as they are. Those of several servers: `shared_keys`.
"""

import asyncio
import os
import re
import tempfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec

from opencode.errors import BadRequest, SettingsError, Unavailable
from opencode.schema.base import JsonObject
from opencode.schema.provider import ApiAuth

_PROVIDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KEY = re.compile(r"[!-~]+")


class Keys(ABC):
    """The entries of all providers, in memory, and where they are kept.

    `changes`: how often each provider's key was set or removed.
    """

    def __init__(self, entries: Mapping[str, JsonObject]) -> None:
        self._entries = dict(entries)
        self._changing = asyncio.Lock()
        self.changes: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(providers={sorted(self._entries)})"

    def provider_ids(self) -> list[str]:
        """Return the ids of the providers with a key, in the order in which they were set."""
        return [provider_id for provider_id in self._entries if self.get(provider_id)]

    def get(self, provider_id: str) -> str | None:
        """Return the provider's key, or None."""
        entry = self._entries.get(provider_id, {})
        key = entry.get("key") if entry.get("type") == "api" else None
        return key if isinstance(key, str) and key else None

    async def set(self, provider_id: str, auth: ApiAuth) -> None:
        """Store a key. Raises BadRequest for an invalid id or key, Unavailable if it can't be stored now."""
        if not _PROVIDER_ID.fullmatch(provider_id):
            raise BadRequest("A provider id consists of letters, digits, '.', '_' and '-'.", "Path")
        check_key(auth.key)
        async with self._changing:
            await self._keep({**self._entries, provider_id: msgspec.to_builtins(auth)}, provider_id)
            self.changes[provider_id] += 1

    async def remove(self, provider_id: str) -> None:
        """Delete the provider's key, if it has one; raises Unavailable if that can't be stored now."""
        async with self._changing:
            if provider_id in self._entries:
                kept = {name: entry for name, entry in self._entries.items() if name != provider_id}
                await self._keep(kept, provider_id)
                self.changes[provider_id] += 1

    async def reload(self) -> None:
        """Read all again, after another server changed some; raises Unavailable with nothing changed."""
        async with self._changing:
            before, now = self._entries, await self._read()
            self._entries = now
            for provider_id in before.keys() | now.keys():
                if before.get(provider_id) != now.get(provider_id):
                    self.changes[provider_id] += 1

    async def _keep(self, entries: dict[str, JsonObject], changed: str) -> None:
        await self._write(entries, changed)
        self._entries = entries

    @abstractmethod
    async def _read(self) -> dict[str, JsonObject]:
        """Return all entries; raises Unavailable."""

    @abstractmethod
    async def _write(self, entries: dict[str, JsonObject], changed: str) -> None:
        """Keep these entries, in which that of one provider is new, other or gone; raises Unavailable."""


class FileKeys(Keys):
    """The keys in one auth.json. Raises SettingsError if the file exists but can't be read.

    `refusal`: why no key can be set, "" if they can.
    """

    def __init__(self, path: Path, refusal: str = "") -> None:
        super().__init__(_read(path))
        self._path = path
        self._refusal = refusal

    async def set(self, provider_id: str, auth: ApiAuth) -> None:
        if self._refusal:
            raise BadRequest(self._refusal)
        await super().set(provider_id, auth)

    def entries(self) -> dict[str, JsonObject]:
        """Return the entries of the file that are keys."""
        return {provider_id: self._entries[provider_id] for provider_id in self.provider_ids()}

    async def _read(self) -> dict[str, JsonObject]:
        try:
            return _read(self._path)
        except SettingsError as error:
            raise Unavailable(error.message) from None

    async def _write(self, entries: dict[str, JsonObject], changed: str) -> None:
        """Replace the file atomically."""
        try:
            self._replace(msgspec.json.format(msgspec.json.encode(entries)))
        except OSError as error:
            raise Unavailable(
                f"The key can't be written to {self._path}: {error.strerror}. Try again later."
            ) from None

    def _replace(self, content: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".auth-")  # its mode is 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def check_key(key: str) -> None:
    """Raise BadRequest, which does not quote the key, if `key` can't be sent in an HTTP header."""
    if not key:
        raise BadRequest("The key is empty: send the provider's API key as `key`.")
    if key != key.strip():
        raise BadRequest("The key begins or ends with white space: send it without.")
    if not all(_KEY.fullmatch(each.strip()) for each in key.split(",")):
        raise BadRequest("The key contains white space or non-ASCII characters: copy it again.")


def split_keys(value: str | list[str]) -> tuple[str, ...]:
    """Return the keys in a list, or in a text with commas between them; each once, in their order."""
    texts = value.split(",") if isinstance(value, str) else value
    return tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))


def _read(path: Path) -> dict[str, JsonObject]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, JsonObject])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a JSON object of objects"
        raise SettingsError(
            f"{path} can't be read: {reason}. Repair it, or delete it and set keys again."
        ) from None
