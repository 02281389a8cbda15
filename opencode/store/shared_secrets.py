"""Secrets that all servers of a PostgreSQL database share: keys of providers, the key of login cookies."""

import asyncio
import secrets
from collections.abc import Callable
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from opencode.clock import now_ms
from opencode.errors import SettingsError, Unavailable

from .cipher import Cipher, WrongSecretError
from .database import Database, public_reason
from .tables import secret as table

_SALT = "salt"
_COOKIE = "cookie"
_OF_PROVIDER = "provider/"

_START_ANEW = "If it is lost, run DELETE FROM secret in the database, start again, and set the keys anew."

T = TypeVar("T")


class _Stored(msgspec.Struct, frozen=True):
    data: bytes
    is_sealed: bool


class SharedSecrets:
    """Small secrets by name, encrypted in the database. Made by `open`.

    Without a secret of the operator's nothing can be encrypted: then nothing is stored but the cookies' key.
    """

    def __init__(self, database: Database, cipher: Cipher | None, cookie_key: bytes) -> None:
        self._database = database
        self._cipher = cipher
        self.cookie_key = cookie_key
        """32 random bytes, the same for all servers."""

    def __repr__(self) -> str:
        return f"SharedSecrets(can_store={self.can_store})"

    @classmethod
    async def open(cls, database: Database, secret: str | None) -> "SharedSecrets":
        """Read what is stored; `secret` is what it is encrypted with, and is not stored itself.

        Raises SettingsError if what is stored was encrypted with another secret, or with one and None is
        given: such a server would answer without the others' keys, and store keys that they can't read.
        """
        stored = await _transaction(database, _begin)
        cipher = None
        if secret is not None:
            cipher = await asyncio.to_thread(Cipher, secret, stored[_SALT].data)
        _check(stored, cipher)
        if cipher is not None and not stored[_COOKIE].is_sealed:
            sealed = cipher.seal(_COOKIE, stored[_COOKIE].data)
            stored = await _transaction(database, lambda connection: _seal(connection, sealed))
            _check(stored, cipher)  # another server with another secret may have been the first
        cookie = stored[_COOKIE]
        key = cipher.unseal(_COOKIE, cookie.data) if cipher and cookie.is_sealed else cookie.data
        return cls(database, cipher, key)

    @property
    def can_store(self) -> bool:
        """Whether keys can be stored: there is a secret to encrypt them with."""
        return self._cipher is not None

    async def provider_keys(self) -> dict[str, bytes]:
        """Return what is stored of providers, by their ids, in the order in which they were first stored.

        Raises Unavailable if the database can't be read, or another secret was used meanwhile.
        """
        if self._cipher is None:
            return {}
        stored = await self._database.read(_read)
        try:
            return {
                name.removeprefix(_OF_PROVIDER): self._cipher.unseal(name, row.data)
                for name, row in stored.items()
                if name.startswith(_OF_PROVIDER)
            }
        except WrongSecretError as error:
            raise Unavailable(
                f"The secret {error} in the database was encrypted with another OPENCODE_SECRET than this "
                "server's; give all servers the same."
            ) from None

    async def put_provider_key(self, provider_id: str, value: bytes) -> None:
        """Store what belongs to a provider; raises Unavailable. Only if `can_store`."""
        assert self._cipher is not None
        name = _OF_PROVIDER + provider_id
        row = _row(name, self._cipher.seal(name, value), is_sealed=True)
        await _transaction(self._database, lambda connection: connection.execute(_PUT, row))

    async def remove_provider_key(self, provider_id: str) -> None:
        """Delete what belongs to a provider; raises Unavailable."""
        statement = delete(table).where(table.c.id == _OF_PROVIDER + provider_id)
        await _transaction(self._database, lambda connection: connection.execute(statement))


_INSERT = "INSERT INTO secret (id, time, is_sealed, data) VALUES (:id, :time, :is_sealed, :data)"
_ADD = text(f"{_INSERT} ON CONFLICT (id) DO NOTHING")
_PUT = text(f"{_INSERT} ON CONFLICT (id) DO UPDATE SET is_sealed = excluded.is_sealed, data = excluded.data")


async def _transaction(database: Database, work: Callable[[Connection], T]) -> T:
    try:
        return await database.write(work)
    except SQLAlchemyError as error:
        raise Unavailable(
            f"The database can't be written to: {public_reason(error)}. Try again later."
        ) from error


def _begin(connection: Connection) -> dict[str, _Stored]:
    """Return all rows; the first server has made the random ones."""
    stored = _read(connection)
    if not {_SALT, _COOKIE} <= stored.keys():
        for name in (_SALT, _COOKIE):
            connection.execute(_ADD, _row(name, secrets.token_bytes(32), is_sealed=False))
        stored = _read(connection)
    return stored


def _read(connection: Connection) -> dict[str, _Stored]:
    rows = connection.execute(select(table).order_by(table.c.time, table.c.id))
    return {row.id: _Stored(row.data, row.is_sealed) for row in rows}


def _seal(connection: Connection, data: bytes) -> dict[str, _Stored]:
    """Encrypt the cookies' key where no server had a secret before; return all rows."""
    connection.execute(
        update(table)
        .where(table.c.id == _COOKIE, table.c.is_sealed.is_(False))
        .values(is_sealed=True, data=data)
    )
    return _read(connection)


def _check(stored: dict[str, _Stored], cipher: Cipher | None) -> None:
    """Raise SettingsError if something that is encrypted can't be decrypted."""
    for name, row in stored.items():
        if not row.is_sealed:
            continue
        if cipher is None:
            raise SettingsError(
                "OPENCODE_SECRET is not set, and the keys in this database are encrypted with one: set it as "
                f"the other servers have it. {_START_ANEW}"
            )
        try:
            cipher.unseal(name, row.data)
        except WrongSecretError:
            raise SettingsError(
                "OPENCODE_SECRET is not the one that the keys in this database are encrypted with: set it as "
                f"the other servers have it. {_START_ANEW}"
            ) from None


def _row(name: str, data: bytes, is_sealed: bool) -> dict[str, object]:
    return {"id": name, "time": now_ms(), "is_sealed": is_sealed, "data": data}
