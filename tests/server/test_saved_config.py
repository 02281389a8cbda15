"""`PATCH /config`: what clients change at run time, and what they can't."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server, running_server
from tests.llm.server import LLM, Answer

OWNED = {"HOST": "127.0.0.1"}
"""The environment of a server that strangers can't reach, so that its settings can be changed."""


def provider(llm: LLM, **options: Any) -> dict[str, Any]:
    entry = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Mine",
        "options": {"baseURL": f"{llm.url}/v1", **options},
    }
    return {"provider": {"mine": entry}}


async def patched(server: Server, changes: dict[str, Any], status: int = 200) -> Any:
    response = await server.client.patch("/config", json=changes)
    assert response.status_code == status, response.text
    return response.json() if status == 200 else response.json()["data"]["message"]


async def test_an_added_server_answers_at_once_and_after_a_restart(tmp_path: Path, llm: LLM) -> None:
    llm.on("one", Answer(text="Hello from mine"))
    async with running_server(tmp_path, env=OWNED) as server:
        shown = await patched(server, provider(llm, apiKey="sk-planted-secret"))
        assert shown["provider"]["mine"]["options"] == {"baseURL": f"{llm.url}/v1"}
        answer = await server.ask(await server.new_session(), "Hi", model="mine/one")
        assert answer["parts"][1]["text"] == "Hello from mine"
    async with running_server(tmp_path, env=OWNED) as server:
        await server.ask(await server.new_session(), "Hi", model="mine/one")
        for path in ("/config", "/provider", "/config/providers", "/settings"):
            assert "sk-planted-secret" not in (await server.client.get(path)).text
    keys = {request.headers.get("authorization") for request in llm.requests}
    assert keys == {"Bearer sk-planted-secret"}
    file = tmp_path / "data" / "config.json"
    assert "sk-planted-secret" not in file.read_text() and file.stat().st_mode & 0o777 == 0o600


async def test_defaults_count_more_than_the_files_and_null_removes_them(tmp_path: Path, llm: LLM) -> None:
    config = {"model": "demo/demo", "agent": {"poet": {"prompt": "Rhyme."}}, "default_agent": "plan"}
    async with running_server(tmp_path, config, OWNED) as server:
        await patched(server, {**provider(llm), "model": "mine/two", "default_agent": "poet"})
        shown = (await server.client.get("/config")).json()
        assert (shown["model"], shown["default_agent"]) == ("mine/two", "poet")
        assert (await server.client.get("/agent")).json()[0]["name"] == "poet"
        shown = await patched(server, {"model": None, "default_agent": None})
        assert (shown["model"], shown["default_agent"]) == ("demo/demo", "plan")
        assert "mine" in shown["provider"]


async def test_an_added_server_is_the_default_only_where_there_is_no_other(tmp_path: Path, llm: LLM) -> None:
    llm.on("one", Answer(text="Hello"))
    (tmp_path / "alone").mkdir()
    async with running_server(tmp_path / "alone", env=OWNED) as server:
        await patched(server, provider(llm))
        answer = await server.ask(await server.new_session(), "Hi")
        assert answer["info"]["providerID"] == "mine"
    anthropic = {"ANTHROPIC_API_KEY": "sk-none", "ANTHROPIC_BASE_URL": llm.url}
    async with running_server(tmp_path, env=OWNED | anthropic) as server:
        await patched(server, provider(llm))
        llm.script(Answer(text="Hello"))
        answer = await server.ask(await server.new_session(), "Hi")
        assert answer["info"]["providerID"] == "anthropic"


async def test_a_key_does_not_follow_its_server_to_another_address(tmp_path: Path, llm: LLM) -> None:
    async with LLM() as other, running_server(tmp_path, env=OWNED) as server:
        for each in (llm, other):
            each.on("one", Answer(text="Hello"))
        await patched(server, provider(llm, apiKey="sk-planted-secret"))
        await patched(server, {"provider": {"mine": {"options": {"baseURL": f"{other.url}/v1"}}}})
        await server.ask(await server.new_session(), "Hi", model="mine/one")
        assert other.requests
        assert "sk-planted-secret" not in str([request.headers for request in other.requests])
        await patched(server, {"provider": {"mine": None}})
        assert "mine" not in (await server.client.get("/provider")).json()["connected"]
        assert json.loads((tmp_path / "data" / "auth.json").read_text()) == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mcp": {"x": {"type": "local", "command": ["id"]}}}, "mcp can't be changed here"),
        ({"instructions": ["/etc/passwd"]}, "instructions can't be changed here"),
        ({"permission": {"*": "allow"}}, "permission can't be changed here"),
        (
            {"provider": {"anthropic": {"options": {"baseURL": "http://127.0.0.1:1/v1"}}}},
            "named anthropic already",
        ),
        ({"provider": {"fixed": {"options": {"baseURL": "http://127.0.0.1:1/v1"}}}}, "named fixed already"),
        ({"provider": {"demo": {"options": {"baseURL": "http://127.0.0.1:1/v1"}}}}, "named demo already"),
        ({"provider": {"kept": {"options": {"baseURL": "http://127.0.0.1:1/v1"}}}}, "a key for kept already"),
        ({"provider": {"mine": {"env": ["ANTHROPIC_API_KEY"]}}}, "provider.mine.env can't be changed here"),
        ({"provider": {"mine": {"options": {"baseURL": "file:///etc/passwd"}}}}, "must be an address"),
        ({"provider": {"mine": {"options": {"baseURL": "http://a:b@127.0.0.1/v1"}}}}, "without a login"),
        (
            {
                "provider": {
                    "mine": {"options": {"baseURL": "http://h/v1", "apiKey": "{env:ANTHROPIC_API_KEY}"}}
                }
            },
            "filled in in opencode.json only",
        ),
        ({"provider": {"mine": {"options": {"baseURL": "http://h/{file:/etc/passwd}"}}}}, "filled in"),
        ({"provider": {"mine": {}}}, "baseURL is missing"),
        ({"provider": {"Mine Own": {"options": {"baseURL": "http://h/v1"}}}}, "can't be a provider's id"),
        ({"provider": "x"}, "provider"),
        ({"provider": {"mine": "x"}}, "provider"),
        ({"model": 7}, "model"),
        ({"model": "nobody/x"}, "Unknown provider"),
        ({"model": "x"}, "provider/model"),
        ({"default_agent": "nobody"}, "nobody"),
        ({"default_agent": "general"}, "only works for other agents"),
    ],
)
async def test_what_clients_cannot_change_is_refused(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    config = {"provider": {"fixed": {"options": {"baseURL": "http://127.0.0.1:9/v1"}}}}
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "auth.json").write_text('{"kept": {"type": "api", "key": "sk-of-another"}}')
    async with running_server(tmp_path, config, {**OWNED, "ANTHROPIC_API_KEY": "sk-x"}) as server:
        before = (await server.client.get("/config")).json()
        assert words in await patched(server, changes, 400)
        assert (await server.client.get("/config")).json() == before
        assert not (tmp_path / "data" / "config.json").exists()


@pytest.mark.parametrize(
    ("env", "status"),
    [({}, 403), ({"HOST": "127.0.0.1"}, 200), ({"OPENCODE_SERVER_PASSWORD": "a password"}, 200)],
)
async def test_strangers_cannot_change_it(tmp_path: Path, env: dict[str, str], status: int) -> None:
    async with running_server(tmp_path, env=env) as server:
        for path in ("/config", "/global/config"):
            response = await server.client.patch(path, json={"model": "demo/demo"})
            assert response.status_code == status
            assert status == 200 or "OPENCODE_SERVER_PASSWORD" in response.text


async def test_a_set_ups_provider_of_the_same_name_keeps_its_address(tmp_path: Path, llm: LLM) -> None:
    async with running_server(tmp_path, env=OWNED) as server:
        await patched(server, provider(llm))
    own = {"provider": {"mine": {"options": {"baseURL": "http://127.0.0.1:9/v1", "apiKey": "sk-x"}}}}
    async with running_server(tmp_path, own, OWNED) as server:
        shown = (await server.client.get("/config")).json()
        assert shown["provider"]["mine"]["options"] == {"baseURL": "http://127.0.0.1:9/v1"}
        assert "provider.mine is left out" in (await server.client.get("/settings")).text


@pytest.fixture(params=['{"model": 7}', "[]", "{", '{"model": "demo/demo"', '"x"'])
def broken(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param


async def test_a_broken_file_is_named(tmp_path: Path, broken: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "config.json").write_text(broken)
    with pytest.raises(Exception, match=r"config\.json"):
        async with running_server(tmp_path, env=OWNED):
            pass
