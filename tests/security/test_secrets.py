"""Secrets stay where they are: whatever the server emits is searched for those that were planted."""

import asyncio
import json
import logging
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from opencode.config import Settings
from opencode.observe import logs
from opencode.server.app import create_app
from tests.harness import Server, running_server
from tests.llm.server import LLM, Answer, Request, Status

PASSWORD = "hunter2-the-password"
PLANTED = {
    "password": PASSWORD,
    "environment key": "sk-ant-planted-in-the-environment",
    "run-time key": "gsk-planted-at-run-time",
    "config key": "sk-planted-in-the-configuration",
    "referred key": "sk-planted-behind-a-reference",
    "file key": "sk-planted-in-a-file",
    "header": "planted-header-value-1",
    "plain header": "planted-header-value-2",
    "model header": "planted-header-value-3",
    "url login": "planted-url-password",
    "url query": "planted-url-query",
    "mcp header": "planted-mcp-header",
    "mcp environment": "planted-mcp-environment",
    "mcp argument": "planted-mcp-argument",
    "mcp oauth": "planted-mcp-oauth",
    "odd option": "planted-odd-option",
    "search key": "tvly-planted-search",
}


def config(llm: LLM) -> dict[str, Any]:
    place = llm.url.removeprefix("http://")
    return {
        "model": "local/one",
        "provider": {
            "local": {
                "npm": "@ai-sdk/openai-compatible",
                "options": {
                    "baseURL": f"http://user:{PLANTED['url login']}@{place}/v1",
                    "apiKey": PLANTED["config key"],
                    "headers": {
                        "Authorization": f"Bearer {PLANTED['header']}",
                        "X-Whatever": PLANTED["plain header"],
                    },
                },
                "models": {
                    "one": {
                        "headers": {"X-Model": PLANTED["model header"]},
                        "options": {"odd": "{env:ODD}"},
                    }
                },
            },
            "referred": {
                "npm": "@ai-sdk/openai-compatible",
                "options": {"baseURL": f"{llm.url}/v1", "apiKey": "{env:HIDDEN}"},
                "models": {"one": {}},
            },
            "filed": {
                "npm": "@ai-sdk/anthropic",
                "options": {"baseURL": f"{llm.url}/v1", "apiKey": "{file:key.txt}"},
                "models": {"one": {}},
            },
            "anthropic": {"options": {"baseURL": f"{llm.url}/v1"}, "models": {"one": {}}},
            "groq": {
                "npm": "@ai-sdk/openai-compatible",
                "options": {"baseURL": f"{llm.url}/v1"},
                "models": {"one": {}},
            },
        },
        "mcp": {
            "remote": {
                "type": "remote",
                "enabled": False,
                "url": f"https://mcp.example/mcp?token={PLANTED['url query']}",
                "headers": {"X-Api": PLANTED["mcp header"]},
                "oauth": {"clientSecret": PLANTED["mcp oauth"]},
            },
            "local": {
                "type": "local",
                "enabled": False,
                "command": ["mcp-server", f"--pass={PLANTED['mcp argument']}"],
                "environment": {"X": PLANTED["mcp environment"]},
            },
        },
    }


def echo(request: Request) -> Status:
    """Fail, and say all that was sent: what debugging proxies and careless gateways do."""
    said = f"I was sent {request.headers} to {request.path} and refuse it"
    return Status(401, said, headers={"X-Echo": request.headers.get("authorization", "none")})


async def everything(server: Server, data_dir: Path, session_id: str, only: str = "") -> dict[str, str]:
    """Return what every GET route answers, pages and documents too; of streams, how they begin.

    `only`: what a route must have in it.
    """
    app = create_app(Settings.load({"OPENCODE_DATA_DIR": str(data_dir / "other"), "HOME": str(data_dir)}))
    messages = await server.messages(session_id)
    names = {
        "session_id": session_id,
        "message_id": messages[-1]["info"]["id"],
        "part_id": messages[0]["parts"][0]["id"],
        "number": "0",
        "provider_id": "local",
        "token": (await server.client.get(f"/session/{session_id}"))
        .json()["share"]["url"]
        .rpartition("/")[2],
        "filename": "js/chat.js",
    }
    found = {}
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or only not in rule.rule:
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: names[match[1]], rule.rule)
        found[path] = await beginning(server.client, path)
    return found


async def beginning(client: httpx.AsyncClient, path: str) -> str:
    async with client.stream("GET", path) as response:
        head = str(response.headers)
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            return head + (await response.aread()).decode()
        return head + (await anext(response.aiter_text()))


async def test_no_secret_is_in_anything_that_the_server_emits(
    tmp_path: Path, llm: LLM, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.set_up("DEBUG", "TEXT")
    caplog.set_level(logging.DEBUG)
    (tmp_path / "key.txt").write_text(PLANTED["file key"])
    env = {
        "OPENCODE_SERVER_PASSWORD": PASSWORD,
        "ANTHROPIC_API_KEY": PLANTED["environment key"],
        "TAVILY_API_KEY": PLANTED["search key"],
        "TAVILY_BASE_URL": llm.url,
        "HIDDEN": PLANTED["referred key"],
        "ODD": PLANTED["odd option"],
    }
    llm.on("one", echo)
    async with running_server(tmp_path, config(llm), env) as server:
        key = {"type": "api", "key": PLANTED["run-time key"]}
        assert (await server.client.put("/auth/groq", json=key)).status_code == 200
        emitted: dict[str, str] = {}
        async with server.client.stream("GET", "/event") as stream:
            seen: list[str] = []
            reader = asyncio.create_task(collect(stream, seen))
            for provider in ("local", "referred", "filed", "anthropic", "groq"):
                session_id = await server.new_session(title="Echoes")
                answered = await server.ask(session_id, "go", model=f"{provider}/one")
                assert "I was sent" in answered["info"]["error"]["data"]["message"], provider
                emitted[f"answer of {provider}"] = json.dumps(answered)
                await server.client.post(f"/session/{session_id}/share")
                for path, text in (await everything(server, tmp_path, session_id, "<session_id>")).items():
                    emitted[f"{provider} {path}"] = text
            emitted |= await everything(server, tmp_path, session_id)
            llm.on("two", Answer(tools=(("websearch", {"query": "x"}),)))
            for name, request in {
                "wrong password": {"auth": ("opencode", PASSWORD + "x")},
                "wrong key": {"auth": ("opencode", PLANTED["config key"])},
            }.items():
                refused = await server.client.get("/config", **request)  # type: ignore[arg-type]
                emitted[name] = refused.text + str(refused.headers)
            for body in (
                {"type": "api", "key": f"{PLANTED['run-time key']} x"},
                {"type": "api", "key": [PASSWORD]},
            ):
                refused = await server.client.put("/auth/groq", json=body)
                assert refused.status_code == 400
                emitted[f"refused key {body}"] = refused.text
            login = await server.client.post("/login", data={"username": "opencode", "password": PASSWORD})
            emitted["login"] = login.text + str(login.headers)
            refused = await server.client.post("/login", data={"username": "x", "password": PASSWORD})
            emitted["refused login"] = refused.text + str(refused.headers)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            emitted["events"] = "".join(seen)
    output = capfd.readouterr()
    emitted["log"] = caplog.text + output.out + output.err
    sent = [(request.headers, request.path) for request in llm.requests]
    for name in ("environment key", "run-time key", "referred key", "file key", "header", "plain header"):
        assert PLANTED[name] in str(sent), f"{name} was not used, so that this test shows nothing of it"
    assert "message.updated" in emitted["events"]
    leaks = [
        f"{name} is in {where}: …{text[max(0, at - 100) : at]}…"
        for where, text in emitted.items()
        for name, secret in PLANTED.items()
        if (at := text.find(secret)) >= 0
    ]
    assert leaks == []


async def collect(stream: httpx.Response, into: list[str]) -> None:
    async for text in stream.aiter_text():
        into.append(text)  # noqa: PERF401 - what has come by now is wanted when this is cancelled


@pytest.mark.parametrize(
    "written",
    [
        {"provider": {"local": {"options": {"timeout": PASSWORD}}}},
        {"provider": {"local": {"options": {"apiKey": [PASSWORD]}}}},
        {"model": [PASSWORD], "provider": {"local": {"options": {"apiKey": PASSWORD}}}},
    ],
)
def test_a_configuration_that_is_wrong_is_told_without_its_secrets(
    tmp_path: Path, written: dict[str, Any]
) -> None:
    file = tmp_path / "opencode.json"
    file.write_text(json.dumps({**written, "model": written.get("model") and ["x"]}))
    with pytest.raises(Exception, match=r"opencode\.json") as failure:
        Settings.load({"OPENCODE_CONFIG": str(file), "HOME": str(tmp_path)})
    assert PASSWORD not in str(failure.value)


def test_settings_and_what_holds_keys_do_not_print_them(tmp_path: Path) -> None:
    settings = Settings.load({"HOME": str(tmp_path), "OPENCODE_SERVER_PASSWORD": PASSWORD})
    assert PASSWORD not in repr(settings)
