"""What one client, one session and one message may ask for, and what is said where it is too much."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from opencode.config import Limits, Settings
from opencode.errors import SettingsError
from opencode.server.rate_limit import RateLimiter
from tests.harness import Server, running_server
from tests.llm.server import LLM, Answer
from tests.server.conftest import provider_config


async def refusal(
    server: Server, path: str, status: int, *words: str, method: str = "POST", **request: Any
) -> None:
    response = await server.client.request(method, path, **request)
    assert response.status_code == status, response.text
    message = response.json()["data"]["message"]
    assert all(word in message for word in words), message
    assert (status == 429) == ("retry-after" in response.headers)
    if status == 429:
        assert int(response.headers["retry-after"]) > 0


async def test_who_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with running_server(tmp_path, env={"OPENCODE_RATE_LIMIT": "10"}) as server:
        for _ in range(10):
            assert (await server.client.get("/session")).status_code == 200
        await refusal(server, "/session", 429, "OPENCODE_RATE_LIMIT", "wait", method="GET")
        await refusal(server, "/session", 429, "127.0.0.1")
        assert (await server.client.get("/global/health")).status_code == 200
        page = await server.client.post("/chat", data={"text": "Hello"})
        assert page.status_code == 429
        assert page.headers["content-type"].startswith("text/html")
        assert "wait" in page.text and "<h1>That did not work" in page.text
        notice = await server.client.post("/chat", data={"text": "Hello"}, headers={"HX-Request": "true"})
        assert "OPENCODE_RATE_LIMIT" in notice.text and "#notice" in notice.text


async def test_no_limit_is_no_limit(tmp_path: Path) -> None:
    async with running_server(tmp_path, env={"OPENCODE_RATE_LIMIT": "0"}) as server:
        answers = await asyncio.gather(*(server.client.get("/session/status") for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}


def test_counting_clients_takes_bounded_memory_and_forgets_who_was_quiet_longest() -> None:
    pace = RateLimiter(2, clients=100)
    for number in range(10_000):
        pace.count(f"client {number}")
    assert len(pace._until) == 100
    pace.count("client 9999")
    assert 0 < pace.wait("client 9999") <= 30
    assert pace.wait("client 9998") == 0
    assert pace.wait("client 0") == 0


def test_a_client_may_use_its_minute_at_once_and_gets_it_back_bit_by_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 5 * 10**12
    monkeypatch.setattr("opencode.server.rate_limit.time.monotonic_ns", lambda: now)
    pace = RateLimiter(60)
    for _ in range(60):
        assert pace.wait("a") == 0
        pace.count("a")
    assert pace.wait("a") == 1
    now += 10**9
    assert pace.wait("a") == 0
    pace.count("a")
    assert pace.wait("a") == 1
    now += 60 * 10**9
    assert sum(pace.wait("a") == 0 and pace.count("a") is None for _ in range(100)) == 60


async def test_no_more_sessions_work_at_once_than_may(tmp_path: Path, llm: LLM) -> None:
    gate = asyncio.Event()
    llm.on("one", Answer(text=("a", "b"), gate=gate))
    async with running_server(tmp_path, provider_config(llm), {"OPENCODE_MAX_RUNNING": "3"}) as server:
        sessions = [await server.new_session(title="Busy") for _ in range(6)]
        answers = await asyncio.gather(
            *(
                server.client.post(f"/session/{each}/prompt_async", json={"content": "go"})
                for each in sessions
            )
        )
        assert sorted(answer.status_code for answer in answers) == [204, 204, 204, 429, 429, 429]
        left_out = [each for each, answer in zip(sessions, answers, strict=True) if answer.is_error]
        assert await server.messages(left_out[0]) == []
        await refusal(
            server, f"/session/{left_out[0]}/message", 429, "OPENCODE_MAX_RUNNING", json={"content": "go"}
        )
        taken = next(each for each in sessions if each not in left_out)
        more = await server.client.post(f"/session/{taken}/prompt_async", json={"content": "and"})
        assert more.status_code == 204
        await server.ask(left_out[0], "a note", noReply=True)
        async with server.listen() as stream:
            gate.set()
            async for _, event in stream:
                if event["type"] == "session.idle":
                    break
        assert (await server.ask(left_out[0], "go"))["info"]["finish"] == "stop"


async def test_no_more_prompts_wait_in_a_session_than_may(tmp_path: Path, llm: LLM) -> None:
    gate = asyncio.Event()
    llm.on("one", Answer(text=("a", "b"), gate=gate))
    async with running_server(tmp_path, provider_config(llm), {"OPENCODE_MAX_WAITING": "5"}) as server:
        session_id = await server.new_session(title="Busy")
        path = f"/session/{session_id}/prompt_async"
        answers = await asyncio.gather(
            *(server.client.post(path, json={"content": str(n)}) for n in range(9))
        )
        assert sorted(answer.status_code for answer in answers) == [204] * 5 + [429] * 4
        await refusal(server, path, 429, "OPENCODE_MAX_WAITING", "abort", json={"content": "one more"})
        page = await server.client.post(
            f"/chat/{session_id}", data={"text": "x"}, headers={"HX-Request": "1"}
        )
        assert "abort it" in page.text
        assert len(await server.messages(session_id)) == 6
        async with server.listen() as stream:
            gate.set()
            async for _, event in stream:
                if event["type"] == "session.idle":
                    break
        assert (await server.ask(session_id, "again"))["info"]["finish"] == "stop"


async def test_two_hundred_sessions_and_fifty_prompts_at_once_are_within_the_limits(
    tmp_path: Path, llm: LLM
) -> None:
    gate = asyncio.Event()
    llm.on("one", Answer(text=("a", "b"), gate=gate))
    async with running_server(tmp_path, provider_config(llm)) as server:
        sessions = await asyncio.gather(*(server.new_session(title="One") for _ in range(200)))
        prompts = [*sessions, *[sessions[0]] * 50]
        answers = await asyncio.gather(
            *(server.client.post(f"/session/{each}/prompt_async", json={"content": "go"}) for each in prompts)
        )
        assert {answer.status_code for answer in answers} == {204}
        gate.set()


def image(size: int) -> dict[str, str]:
    url = f"data:image/png;base64,{base64.b64encode(bytes(size)).decode()}"
    return {"type": "file", "mime": "image/png", "filename": "cat.png", "url": url}


async def test_a_message_that_is_too_much_is_refused_whole(tmp_path: Path) -> None:
    env = {
        "OPENCODE_MAX_MESSAGE_KB": "2",
        "OPENCODE_MAX_ATTACHMENTS": "2",
        "OPENCODE_MAX_ATTACHMENT_MB": "1",
    }
    async with running_server(tmp_path, env=env) as server:
        session_id = await server.new_session(title="Named")
        path = f"/session/{session_id}/message"
        text = {"type": "text", "text": "hello"}
        for body, words in (
            ({"content": "é" * 1025}, ("3 KB", "2 KB", "OPENCODE_MAX_MESSAGE_KB")),
            ({"content": "a", "system": "b" * 2048}, ("OPENCODE_MAX_MESSAGE_KB",)),
            ({"content": "a", "tools": {"b" * 2048: False}}, ("OPENCODE_MAX_MESSAGE_KB",)),
            (
                {
                    "content": "a",
                    "format": {
                        "type": "json_schema",
                        "schema": {"type": "object", "description": "b" * 2048},
                    },
                },
                ("OPENCODE_MAX_MESSAGE_KB",),
            ),
            (
                {
                    "parts": [
                        {"type": "file", "mime": "text/plain", "url": "data:,a", "filename": "b" * 4096},
                    ]
                },
                ("OPENCODE_MAX_MESSAGE_KB",),
            ),
            ({"parts": [text, *[image(9)] * 3]}, ("3 files", "at most 2", "OPENCODE_MAX_ATTACHMENTS")),
            ({"parts": [image(1024 * 1024 + 3)]}, ("cat.png", "1 MB", "OPENCODE_MAX_ATTACHMENT_MB")),
            ({"parts": [text] * 1_001}, ("1,001 parts",)),
        ):
            await refusal(server, path, 413, *words, json=body)
        assert await server.messages(session_id) == []
        fitting = {"parts": [{"type": "text", "text": "é" * 1024}, *[image(1024 * 1024)] * 2]}
        assert (await server.client.post(path, json={**fitting, "noReply": True})).status_code == 200
        files = [("files", (f"{name}.txt", b"x", "text/plain")) for name in "abc"]
        page = await server.client.post(f"/chat/{session_id}", data={"text": "hello"}, files=files)
        assert page.status_code == 413 and "send at most 2" in page.text


async def test_a_form_over_the_limit_of_bodies_is_a_sentence_on_the_page(tmp_path: Path) -> None:
    async with running_server(tmp_path, env={"OPENCODE_MAX_BODY_MB": "1"}) as server:
        large = {"files": ("a.txt", b"x" * 1_200_000, "text/plain")}
        page = await server.client.post("/chat", data={"text": "hello"}, files=large)
        assert page.status_code == 413 and "OPENCODE_MAX_BODY_MB" in page.text and "<h1>" in page.text
        notice = await server.client.post("/chat", files=large, headers={"HX-Request": "true"})
        assert "OPENCODE_MAX_BODY_MB" in notice.text and "#notice" in notice.text


async def test_what_every_event_of_a_session_carries_stays_small(server: Server) -> None:
    session_id = await server.new_session(title="Named")
    path = f"/session/{session_id}"
    await refusal(server, path, 400, "1,001 characters", method="PATCH", json={"title": "x" * 1001})
    large = {"note": "x" * 300_000}
    await refusal(server, path, 413, "metadata", method="PATCH", json={"metadata": large, "title": "New"})
    rule = {"permission": "webfetch", "pattern": "*", "action": "ask"}
    patched = await server.client.patch(path, json={"permission": [rule] * 900})
    assert patched.status_code == 200
    await refusal(server, path, 400, "1,800", method="PATCH", json={"permission": [rule] * 900})
    await refusal(server, "/session", 413, "metadata", json={"metadata": large})
    assert (await server.client.get(path)).json()["title"] == "Named"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENCODE_RATE_LIMIT", "-1"),
        ("OPENCODE_RATE_LIMIT", "many"),
        ("OPENCODE_MAX_RUNNING", "0"),
        ("OPENCODE_MAX_WAITING", "0"),
        ("OPENCODE_MAX_MESSAGE_KB", "0"),
        ("OPENCODE_MAX_ATTACHMENTS", "x"),
        ("OPENCODE_MAX_ATTACHMENT_MB", "0"),
        ("OPENCODE_TRUSTED_PROXIES", "proxy"),
        ("OPENCODE_CORS", "*"),
        ("OPENCODE_CORS", "https://app.example/path"),
    ],
)
def test_a_limit_that_makes_no_sense_stops_the_start(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.load({"HOME": str(tmp_path), name: value})


def test_the_limits_are_what_they_are_set_to(tmp_path: Path) -> None:
    env = {"OPENCODE_RATE_LIMIT": "1", "OPENCODE_MAX_RUNNING": "2", "OPENCODE_MAX_WAITING": "3"}
    found = Settings.load({"HOME": str(tmp_path), **env, "OPENCODE_MAX_ATTACHMENT_MB": "1"}).limits
    assert (found.requests, found.running, found.waiting, found.attachment) == (1, 2, 3, 1024 * 1024)
    assert Settings.load({"HOME": str(tmp_path)}).limits == Limits()
