"""What servers of a database share and nobody may read. Both databases could; only PostgreSQL has to."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from opencode.errors import SettingsError, Unavailable
from opencode.store import SharedSecrets, Store
from opencode.store.cipher import Cipher, WrongSecretError

SECRET = "the operator's long secret"
OTHER = "somebody else's long secret"
KEY = b'{"type": "api", "key": "sk-very-secret"}'


async def raw(store: Store) -> bytes:
    """Return everything that the table has, as anyone sees it who reads the database."""
    rows = await store._database.read(
        lambda connection: connection.execute(text("SELECT id, is_sealed, data FROM secret")).all()
    )
    return b"".join(f"{row.id} {row.is_sealed} ".encode() + bytes(row.data) for row in rows)


async def test_a_key_is_read_by_every_server_and_is_encrypted_in_the_database(store: Store) -> None:
    first, second = [await store.shared_secrets(SECRET) for _ in range(2)]
    await first.put_provider_key("openai", KEY)
    await first.put_provider_key("anthropic", b"{}")
    await first.put_provider_key("openai", KEY + b" ")
    assert list((await second.provider_keys()).items()) == [("openai", KEY + b" "), ("anthropic", b"{}")]
    assert b"openai" in await raw(store)
    assert b"sk-very-secret" not in await raw(store) and first.cookie_key not in await raw(store)
    await second.remove_provider_key("openai")
    assert list(await first.provider_keys()) == ["anthropic"]


async def test_another_secret_or_none_stops_the_start(store: Store) -> None:
    """Of a server of its own, without keys: the cookies' key is encrypted too."""
    await store.shared_secrets(SECRET)
    for secret, reason in ((OTHER, "is not the one"), (None, "is not set")):
        with pytest.raises(SettingsError, match=f"OPENCODE_SECRET {reason}") as stopped:
            await store.shared_secrets(secret)
        assert "DELETE FROM secret" in stopped.value.message and "\n" not in stopped.value.message
        assert SECRET not in stopped.value.message and OTHER not in stopped.value.message
    await store._database.write(lambda connection: connection.execute(text("DELETE FROM secret")))
    assert (await store.shared_secrets(OTHER)).can_store


async def test_servers_without_a_secret_share_the_cookies_key_and_keep_it_when_they_get_one(
    store: Store,
) -> None:
    without = await store.shared_secrets(None)
    assert not without.can_store
    assert len(without.cookie_key) == 32
    assert await without.provider_keys() == {}
    assert (await store.shared_secrets(None)).cookie_key == without.cookie_key
    assert (await store.shared_secrets(SECRET)).cookie_key == without.cookie_key
    assert without.cookie_key not in await raw(store)


async def test_of_two_servers_that_start_at_once_with_two_secrets_one_is_stopped(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.shared_secrets(None)
    others: list[SharedSecrets] = []
    seal = Cipher.seal

    def slow_seal(self: Cipher, name: str, value: bytes) -> bytes:
        """Meanwhile the other server has sealed the row."""
        sealed = seal(self, name, value)
        if not others:
            others.append(SharedSecrets(store._database, None, b""))
            by_other = seal(Cipher(OTHER, salt), name, value)
            statement = text("UPDATE secret SET is_sealed = :yes, data = :data WHERE id = 'cookie'")
            with store._database._engines.reading.connect() as connection:
                connection.execute(statement, {"yes": True, "data": by_other})
                if connection.in_transaction():
                    connection.commit()
        return sealed

    select = text("SELECT data FROM secret WHERE id = 'salt'")
    salt = bytes(await store._database.read(lambda c: c.execute(select).scalar_one()))
    monkeypatch.setattr(Cipher, "seal", slow_seal)
    with pytest.raises(SettingsError, match="is not the one"):
        await store.shared_secrets(SECRET)


async def test_a_key_that_was_put_in_another_ones_place_is_refused(store: Store) -> None:
    secrets = await store.shared_secrets(SECRET)
    await secrets.put_provider_key("openai", KEY)
    await store._database.write(
        lambda connection: connection.execute(
            text("UPDATE secret SET id = 'provider/mine' WHERE id = 'provider/openai'")
        )
    )
    with pytest.raises(Unavailable, match="another OPENCODE_SECRET"):
        await secrets.provider_keys()


def test_what_was_cut_off_or_changed_is_not_decrypted() -> None:
    cipher = Cipher(SECRET, b"salt")
    sealed = cipher.seal("name", b"value")
    assert cipher.unseal("name", sealed) == b"value"
    assert cipher.seal("name", b"value") != sealed
    for wrong in (b"", sealed[:5], sealed[:-1], sealed[:-1] + b"\0", b"\0" + sealed[1:]):
        with pytest.raises(WrongSecretError):
            cipher.unseal("name", wrong)


async def test_a_dump_of_the_database_has_no_key(tmp_path: Path, cluster: object, url: str | None) -> None:
    if url is None:
        pytest.skip("SQLite keeps keys in a file")
    store = await Store.open(tmp_path, url)
    await (await store.shared_secrets(SECRET)).put_provider_key("openai", KEY)
    await store.close()
    with psycopg.connect(url) as connection, connection.cursor().copy("COPY secret TO STDOUT") as copy:
        assert b"sk-very-secret".hex().encode() not in b"".join(bytes(block) for block in copy)
