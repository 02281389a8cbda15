"""Provider keys of all servers of a PostgreSQL database, encrypted in it."""

import logging
from pathlib import Path

import msgspec

from opencode.errors import SettingsError, Unavailable
from opencode.schema.base import JsonObject
from opencode.store import SharedSecrets

from .keys import FileKeys, Keys

_NO_SECRET = (
    "Keys can't be stored: OPENCODE_SECRET is not set, and keys are encrypted with it in the PostgreSQL "
    "database. Set it, the same for every server, restart, and set the key again; or set the provider's "
    "key as an environment variable."
)

log = logging.getLogger(__name__)


class SharedKeys(Keys):
    """The keys in a database; `reload` after another server has changed some."""

    def __init__(self, secrets: SharedSecrets, entries: dict[str, JsonObject]) -> None:
        super().__init__(entries)
        self._secrets = secrets

    @classmethod
    async def open(cls, secrets: SharedSecrets) -> "SharedKeys":
        """Read the keys; raises Unavailable."""
        return cls(secrets, await _stored(secrets))

    async def take(self, file: FileKeys, path: Path) -> None:
        """Move the keys of a file here, which was the place of a server's keys before it had a secret.

        A key that the database has too stays in the file, unused. Raises Unavailable.
        """
        for provider_id, entry in file.entries().items():
            if provider_id in self._entries:
                log.warning("%s: the key of %s is not used, the database has one", path, provider_id)
                continue
            await self._keep({**self._entries, provider_id: entry}, provider_id)
            try:
                await file.remove(provider_id)
            except Unavailable as error:
                log.warning(
                    "the key of %s is in the database; delete it from the file: %s", provider_id, error
                )
            else:
                log.info("moved the key of %s from %s into the database", provider_id, path)

    async def _read(self) -> dict[str, JsonObject]:
        return await _stored(self._secrets)

    async def _write(self, entries: dict[str, JsonObject], changed: str) -> None:
        if (entry := entries.get(changed)) is None:
            await self._secrets.remove_provider_key(changed)
        else:
            await self._secrets.put_provider_key(changed, msgspec.json.encode(entry))


async def open_keys(path: Path, secrets: SharedSecrets | None) -> Keys:
    """Return the keys that were set at run time; raises SettingsError.

    `path`: of the file that keeps them where no database does. `secrets`: of the database that several
    servers share, None with SQLite. Without a secret to encrypt keys with, those of the file are used, and
    none can be set.
    """
    if secrets is None:
        return FileKeys(path)
    if not secrets.can_store:
        file = FileKeys(path, refusal=_NO_SECRET)
        if file.provider_ids():
            log.warning("%s: these keys are this server's alone; set OPENCODE_SECRET to share them", path)
        return file
    try:
        keys = await SharedKeys.open(secrets)
        await keys.take(FileKeys(path), path)
    except Unavailable as error:
        raise SettingsError(error.message) from None
    return keys


async def _stored(secrets: SharedSecrets) -> dict[str, JsonObject]:
    stored = await secrets.provider_keys()
    return {provider_id: msgspec.json.decode(value, type=JsonObject) for provider_id, value in stored.items()}
