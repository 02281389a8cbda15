"""Providers that only the environment names: the simple program streams from each through its SDK."""

import re
from pathlib import Path

import pytest

from opencode.config import Settings
from opencode.errors import SettingsError
from tests.harness import running_server
from tests.llm.server import LLM, Answer

TODOS = {"todos": [{"content": "pack", "status": "pending", "priority": "high"}]}


@pytest.mark.parametrize(
    ("env", "path", "wire"),
    [
        ({"ANTHROPIC_API_KEY": "a-key", "ANTHROPIC_BASE_URL": "{url}"}, "/v1/messages", "anthropic"),
        (
            {"OPENAI_API_KEY": "a-key", "OPENAI_BASE_URL": "{url}/v1", "OPENAI_API": "responses"},
            "/v1/responses",
            "openai",
        ),
        ({"OPENAI_API_KEY": "a-key", "OPENAI_BASE_URL": "{url}/v1"}, "/v1/chat/completions", "openai"),
        ({"OPENAI_BASE_URL": "{url}/v1"}, "/v1/chat/completions", "openai"),
    ],
)
async def test_a_key_and_an_address_are_enough(
    tmp_path: Path, env: dict[str, str], path: str, wire: str
) -> None:
    async with LLM() as llm:
        llm.script(
            Answer(reasoning="I should note that.", tools=(("todowrite", TODOS),)),
            Answer(text=("It is ", "noted.")),
        )
        named = {name: value.format(url=llm.url) for name, value in env.items()}
        async with running_server(tmp_path, env=named) as server:
            session_id = await server.new_session()
            events = await server.stream(session_id, "Note: pack")
            deltas = [e["properties"]["delta"] for e in events if e["type"] == "message.part.delta"]
            assert "It is noted." in "".join(deltas)
            kinds = {e["properties"]["part"]["type"] for e in events if e["type"] == "message.part.updated"}
            assert {"reasoning", "tool", "text", "step-start", "step-finish"} <= kinds
            assert events[-1]["type"] == "session.idle"
            answer = (await server.messages(session_id))[-1]["info"]
            assert answer["providerID"] == wire
            assert (await server.client.get(f"/session/{session_id}/todo")).json()[0]["content"] == "pack"
        asked = [request for request in llm.requests if request.path != "/v1/models"]
        assert {request.path for request in asked} == {path}
        credentials = asked[0].headers.get("x-api-key") or asked[0].headers.get("authorization", "")
        assert ("a-key" in credentials) == any(name.endswith("_API_KEY") for name in env)


async def test_the_configuration_may_come_by_environment(tmp_path: Path) -> None:
    content = '{"default_agent": "plan", "command": {"hi": {"template": "{env:GREETING}"}}}'
    environ = {"OPENCODE_DATA_DIR": str(tmp_path / "data"), "HOME": str(tmp_path), "GREETING": "Hello"}
    settings = Settings.load({**environ, "OPENCODE_CONFIG_CONTENT": content})
    assert settings.config.default_agent == "plan"
    assert settings.config.command["hi"].template == "Hello"


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ('{"model": "demo/demo", // ours\n "agent": }', "line 2, column 11"),
        ('{"model": "demo/demo"', "line 1, column 22"),
        ('{"agent": {"one": {}, "two": {"steps": "many"}}}', "agent.two.steps must be an integer"),
    ],
)
def test_what_is_wrong_in_the_configuration_is_told_with_its_place(content: str, place: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(place)):
        Settings.load({"OPENCODE_CONFIG_CONTENT": content})


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        ('{"provders": {}}', "provders is unknown; did you mean provider?"),
        ('{"mcpServers": {}}', "mcpServers is unknown."),
        (
            '{"provider": {"local": {"options": {"baseUrl": "http://127.0.0.1/v1"}}}}',
            "provider.local.options.baseUrl is unknown; did you mean baseURL?",
        ),
        (
            '{"agent": {"one": {"permision": {}}}}',
            "agent.one.permision is unknown; did you mean permission?",
        ),
        (
            '{"provider": {"local": {"models": {"m": {"limits": {}}}}}}',
            "provider.local.models.m.limits is unknown; did you mean limit?",
        ),
    ],
)
def test_keys_that_nothing_reads_are_told(content: str, warning: str) -> None:
    settings = Settings.load({"OPENCODE_CONFIG_CONTENT": content})
    assert settings.warnings == (f"OPENCODE_CONFIG_CONTENT: {warning}",)


def test_variables_that_are_not_set_are_told_once() -> None:
    content = '{"command": {"a": {"template": "{env:SET} {env:UNSET}"}, "b": {"template": "{env: UNSET }"}}}'
    settings = Settings.load({"OPENCODE_CONFIG_CONTENT": content, "SET": "x"})
    assert settings.warnings == ("OPENCODE_CONFIG_CONTENT uses {env:UNSET}, but UNSET is not set.",)


def test_nothing_is_said_of_what_opencode_knows() -> None:
    content = """{
        "$schema": "https://opencode.ai/config.json", "theme": "dark", "lsp": false, "plugin": [],
        "provider": {"one": {"id": "one", "options": {"setCacheKey": true, "organization": "x"},
                     "models": {"m": {"experimental": true, "options": {"anything": 1}}}}},
        "agent": {"a": {"top_p": 0.5, "maxSteps": 2, "thinkingBudget": 3}},
        "mcp": {"m": {"type": "remote", "url": "http://127.0.0.1/", "oauth": false}},
        "permission": {"webfetch": {"https://*": "allow"}}
    }"""
    assert Settings.load({"OPENCODE_CONFIG_CONTENT": content}).warnings == ()
