"""The server about itself: health, configuration, providers, agents, documentation."""

import re
from pathlib import Path
from typing import Any

import msgspec

from opencode.schema.provider import ConfigProviders, ProviderList
from tests.harness import Server, running_server


async def test_without_a_key_the_demo_is_the_default_and_says_so(tmp_path: Path) -> None:
    async with running_server(tmp_path, env={"OPENCODE_DEMO_PACE": "0"}) as server:
        listed = msgspec.json.decode(
            (await server.client.get("/config/providers")).content, type=ConfigProviders
        )
        assert [provider.id for provider in listed.providers] == ["demo"]
        assert "demo" in listed.providers[0].name.lower()
        session_id = await server.new_session()
        events = await server.stream(session_id, "Hello, what can you help me with?")
        text = "".join(e["properties"]["delta"] for e in events if e["type"] == "message.part.delta")
        assert "demo" in text
        assert events[-1]["type"] == "session.idle"


async def test_the_demo_calls_the_real_tools(tmp_path: Path) -> None:
    async with running_server(tmp_path, env={"OPENCODE_DEMO_PACE": "0"}) as server:
        session_id = await server.new_session()
        await server.ask(session_id, "todo: buy milk, call home")
        todos = (await server.client.get(f"/session/{session_id}/todo")).json()
        assert [todo["content"] for todo in todos] == ["buy milk", "call home"]


async def test_health_paths_and_project(server: Server) -> None:
    assert (await server.client.get("/global/health")).json()["healthy"] is True
    path = (await server.client.get("/path")).json()
    assert set(path) == {"home", "state", "config", "worktree", "directory"}
    project = (await server.client.get("/project/current")).json()
    assert project["id"] == "global"


async def test_the_directory_is_the_projects(tmp_path: Path) -> None:
    project = tmp_path / "elsewhere"
    project.mkdir()
    async with running_server(tmp_path, env={"OPENCODE_DIRECTORY": str(project)}) as server:
        assert (await server.client.get("/path")).json()["directory"] == str(project)
        session = (await server.client.post("/session", json={})).json()
        assert session["directory"] == str(project)


async def test_an_agents_variant_counts_only_if_its_model_has_it(tmp_path: Path) -> None:
    agent = {"model": "demo/demo", "variant": "high", "prompt": "X"}
    async with running_server(tmp_path, {"agent": {"x": agent}}, {"OPENCODE_DEMO_PACE": "0"}) as server:
        session_id = await server.new_session()
        await server.ask(session_id, "hello", agent="x")
        parts = [{"type": "text", "text": "hello"}]
        body = {"parts": parts, "agent": "x", "variant": "high"}
        refused = await server.client.post(f"/session/{session_id}/message", json=body)
        assert refused.status_code == 400


async def test_the_configuration_is_shown_without_secrets(server: Server) -> None:
    response = await server.client.get("/config")
    assert response.json()["provider"]["anthropic"]["options"]["baseURL"].startswith("http://127.0.0.1")
    for path in ("/config", "/provider", "/config/providers", "/provider/anthropic"):
        assert "a-secret-key" not in (await server.client.get(path)).text


async def test_providers_are_listed_with_their_models(server: Server) -> None:
    listed = msgspec.json.decode((await server.client.get("/provider")).content, type=ProviderList)
    assert {"anthropic", "openai", "compatible", "demo"} <= set(listed.connected)
    assert listed.default["compatible"] == "one"
    one = (await server.client.get("/provider/compatible")).json()
    assert set(one["models"]) >= {"one", "two"}
    models = (await server.client.get("/provider/compatible/model")).json()
    assert {model["id"] for model in models} >= {"one", "two"}


async def test_models_are_listed_without_a_key_and_marked_as_not_connected(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        models = (await server.client.get("/provider/anthropic/model")).json()
        sonnet = next(model for model in models if model["id"] == "claude-sonnet-4-6")
        assert sonnet["connected"] is False and sonnet["limit"]["context"] and sonnet["cost"]["output"]
        one = (await server.client.get("/provider/anthropic")).json()
        assert one["connected"] is False and one["env"] == ["ANTHROPIC_API_KEY"]
        assert set(one["models"]) == {model["id"] for model in models}
        assert (await server.client.get("/provider/demo/model")).json()[0]["connected"] is True
        listed = (await server.client.get("/provider")).json()
        assert next(entry for entry in listed["all"] if entry["id"] == "anthropic")["models"] == {}
        missing = await server.client.get("/provider/antropic/model")
        assert missing.status_code == 404 and "anthropic" in missing.json()["data"]["message"]


async def test_a_key_set_at_run_time_connects_and_is_never_shown(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        key = {"type": "api", "key": "sk-planted-secret"}
        assert (await server.client.put("/auth/anthropic", json=key)).json() is True
        listed = await server.client.get("/provider")
        assert "anthropic" in listed.json()["connected"]
        assert "sk-planted-secret" not in listed.text
        file = tmp_path / "data" / "auth.json"
        assert file.stat().st_mode & 0o777 == 0o600
        assert (await server.client.delete("/auth/anthropic")).json() is True
        assert "anthropic" not in (await server.client.get("/provider")).json()["connected"]


async def test_the_demo_names_the_address_that_it_was_asked_at(tmp_path: Path) -> None:
    async with running_server(tmp_path, env={"SPACE_HOST": "me-my.hf.space"}) as server:
        for headers, address in (
            ({}, str(server.client.base_url).rstrip("/")),
            ({"Host": "me-my.hf.space", "X-Forwarded-Proto": "https"}, "https://me-my.hf.space"),
        ):
            body = {"parts": [{"type": "text", "text": "hello"}]}
            path = f"/session/{await server.new_session()}/message"
            answer = (await server.client.post(path, json=body, headers=headers)).json()
            text = "".join(part["text"] for part in answer["parts"] if part["type"] == "text")
            assert f"curl -X PUT {address}/auth/anthropic" in text


async def test_agents_are_listed_the_default_first(server: Server) -> None:
    agents = (await server.client.get("/agent")).json()
    assert agents[0]["name"] == "build"
    assert {agent["name"] for agent in agents} >= {"build", "plan", "general", "explore", "title"}


async def test_sessions_are_created_listed_changed_and_deleted(server: Server) -> None:
    empty = await server.client.post("/session")
    assert empty.status_code == 200
    assert re.fullmatch(r"New session - \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", empty.json()["title"])
    parent_id = await server.new_session(title="Lisbon")
    child_id = await server.new_session(parentID=parent_id)
    found = (await server.client.get("/session?search=lisb")).json()
    assert [session["id"] for session in found] == [parent_id]
    page = await server.client.get("/session?limit=2")
    assert len(page.json()) == 2
    rest = await server.client.get("/session", params={"limit": 2, "cursor": page.headers["x-next-cursor"]})
    assert len(rest.json()) == 1
    assert "x-next-cursor" not in rest.headers
    whole = await server.client.get("/session?limit=3")
    assert len(whole.json()) == 3
    assert "x-next-cursor" not in whole.headers, "a page that is just full is the last one"
    children = (await server.client.get(f"/session/{parent_id}/children")).json()
    assert [session["id"] for session in children] == [child_id]
    changed = await server.client.patch(
        f"/session/{parent_id}", json={"title": "Porto", "time": {"archived": 5}}
    )
    assert (changed.json()["title"], changed.json()["time"]["archived"]) == ("Porto", 5)
    await server.client.delete(f"/session/{parent_id}")
    assert (await server.client.get(f"/session/{child_id}")).status_code == 404


async def test_messages_are_paged_back_from_the_newest(server: Server) -> None:
    session_id = await server.new_session(title="Named")
    for number in range(5):
        await server.ask(session_id, str(number), noReply=True)
    everything = await server.messages(session_id)
    seen: list[Any] = []
    parameters: dict[str, Any] = {"limit": 2}
    while True:
        page = await server.client.get(f"/session/{session_id}/message", params=parameters)
        seen = page.json() + seen
        if "x-next-cursor" not in page.headers:
            break
        parameters["before"] = page.headers["x-next-cursor"]
    assert seen == everything
    wrong = await server.client.get(f"/session/{session_id}/message", params={"before": "yesterday"})
    assert (wrong.status_code, "before" in wrong.text) == (400, True)
    one = await server.client.get(f"/session/{session_id}/message/{everything[0]['info']['id']}")
    assert one.json() == everything[0]


async def test_the_documentation_pages_load_nothing_from_elsewhere(server: Server) -> None:
    for path in ("/docs", "/redoc"):
        page = await server.client.get(path)
        assert page.status_code == 200
        sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert sources
        for source in sources:
            if source.startswith("data:"):
                continue
            assert not re.match(r"(https?:)?//", source)
            assert (await server.client.get(source)).status_code == 200, source
