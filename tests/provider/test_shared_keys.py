"""Keys set at run time with PostgreSQL: every server has them, after a start or a `reload`."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opencode.config import Settings
from opencode.errors import BadRequest, SettingsError
from opencode.provider.configured_provider import ConfiguredProvider
from opencode.provider.keys import FileKeys
from opencode.provider.registry import Registry
from opencode.provider.shared_keys import SharedKeys, open_keys
from opencode.schema.provider import ApiAuth
from opencode.store import Store
from tests.program import free_port, program, said, start

OPERATORS = "the operator's long secret"
SECRET = "sk-very-secret"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """The table is the same in both databases."""
    store = await Store.open(tmp_path / "database")
    yield store
    await store.close()


async def test_a_changed_key_reaches_another_server_when_it_reloads(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.load({"OPENCODE_DATA_DIR": str(tmp_path), "OPENCODE_CONFIG_CONTENT": "{}"})
    registries = []
    for _ in range(2):
        keys = await open_keys(tmp_path / "auth.json", await store.shared_secrets(OPERATORS))
        registries.append(Registry(settings, keys=keys))
    first, second = registries
    assert "anthropic" not in second.defaults()
    await first.set_key("anthropic", ApiAuth(key=SECRET))
    await first.set_key("openai", ApiAuth(key=SECRET))
    await second.reload_keys()
    assert {"anthropic", "openai"} <= second.defaults().keys()
    openai, anthropic = second._provider("openai"), second._provider("anthropic")
    await first.remove_key("openai")
    await first.set_key("anthropic", ApiAuth(key="sk-other"))
    retired = []
    monkeypatch.setattr(ConfiguredProvider, "retire", lambda self: asyncio.sleep(0, retired.append(self)))
    await second.reload_keys()
    assert "openai" not in second.defaults()
    assert second._provider("anthropic") is not anthropic
    assert set(retired) == {openai, anthropic}
    kept = second._provider("anthropic")
    await second.reload_keys()
    assert second._provider("anthropic") is kept, "nothing has changed"
    for registry in registries:
        await registry.close()
    assert not (tmp_path / "auth.json").exists()


async def test_keys_of_a_file_move_into_the_database(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "auth.json"
    oauth = {"type": "oauth", "refresh": "r"}
    path.write_text(json.dumps({"openai": {"type": "api", "key": SECRET}, "anthropic": oauth}))
    keys = await open_keys(path, await store.shared_secrets(OPERATORS))
    assert isinstance(keys, SharedKeys)
    assert keys.get("openai") == SECRET
    assert json.loads(path.read_text()) == {"anthropic": oauth}
    path.write_text(json.dumps({"openai": {"type": "api", "key": "sk-of-this-server"}}))
    again = await open_keys(path, await store.shared_secrets(OPERATORS))
    assert again.get("openai") == SECRET
    assert "the key of openai is not used" in caplog.text
    assert FileKeys(path).get("openai") == "sk-of-this-server", "nothing is lost"
    assert SECRET not in caplog.text and "sk-of" not in caplog.text
    await again.remove("openai")
    assert list(await (await store.shared_secrets(OPERATORS)).provider_keys()) == []


async def test_without_a_secret_no_key_is_stored_but_those_of_a_file_are_used(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "auth.json"
    await FileKeys(path).set("openai", ApiAuth(key=SECRET))
    keys = await open_keys(path, await store.shared_secrets(None))
    assert keys.get("openai") == SECRET
    assert "OPENCODE_SECRET" in caplog.text
    with pytest.raises(BadRequest, match="OPENCODE_SECRET is not set"):
        await keys.set("anthropic", ApiAuth(key=SECRET))
    await keys.remove("openai")
    assert FileKeys(path).provider_ids() == []


async def test_a_file_that_cannot_be_read_stops_the_start(tmp_path: Path, store: Store) -> None:
    (tmp_path / "auth.json").write_text("{")
    for secret in (None, OPERATORS):
        with pytest.raises(SettingsError, match=r"auth\.json can't be read"):
            await open_keys(tmp_path / "auth.json", await store.shared_secrets(secret))


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
async def test_keys_and_logins_are_the_databases(tmp_path: Path, url: str) -> None:
    env = {
        "OPENCODE_DATABASE_URL": url,
        "OPENCODE_SERVER_PASSWORD": "sesame",
        "OPENCODE_CONFIG_CONTENT": "{}",
    }
    with_secret = env | {"OPENCODE_SECRET": OPERATORS}
    basic = ("opencode", "sesame")
    async with program(tmp_path / "a", **env) as (_, server):
        refused = await server.client.put("/auth/anthropic", json={"type": "api", "key": SECRET}, auth=basic)
        assert refused.status_code == 400
        assert "OPENCODE_SECRET is not set" in refused.text
        page = await server.client.post(
            "/settings/keys", data={"provider": "anthropic", "key": SECRET}, auth=basic
        )
        assert "OPENCODE_SECRET is not set" in page.text and SECRET not in page.text
        logged_in = await server.client.post("/login", data={"username": "opencode", "password": "sesame"})
        cookie = logged_in.headers["Set-Cookie"].partition(";")[0]
    async with program(tmp_path / "b", **with_secret) as (_, server):
        assert (await server.client.get("/session")).status_code == 401
        assert (await server.client.get("/session", headers={"Cookie": cookie})).status_code == 200
        stored = await server.client.put("/auth/anthropic", json={"type": "api", "key": SECRET}, auth=basic)
        assert stored.json() is True
        assert [name for _, _, names in os.walk(tmp_path) for name in names] == []
    async with program(tmp_path / "c", **with_secret) as (_, server):
        providers = (await server.client.get("/provider", headers={"Cookie": cookie})).json()
        assert "anthropic" in providers["connected"]
    process = await start(tmp_path / "d", free_port(), **env | {"OPENCODE_SECRET": OPERATORS + "!"})
    log = await said(process)
    assert process.returncode == 1
    assert "OPENCODE_SECRET is not the one" in log
    assert OPERATORS not in log and SECRET not in log and "Traceback" not in log
