"""Providers that refuse, fail, lie and fall silent: what a turn makes of each, on all three wires.

What each failure is called is told in tests/provider; here it is whether it is tried again, that no text
is ever doubled, that the connection is closed, and that the session goes on.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server, running_server, text_of
from tests.llm.answer import Step
from tests.llm.server import LLM, Answer, Drop, Raw, Request, Silence, Status
from tests.server.conftest import WIRES, provider_config

from .mirror import Mirror

TODOS = {"todos": [{"content": "bench", "status": "pending", "priority": "low"}]}
FULL = Answer(reasoning=("Let me ", "think. "), text=("Hello, ", "wor", "ld."))
CALL = Answer(tools=(("todowrite", TODOS),))
IDLE_MS = 6_000
CASE_SECONDS = 100
ATTEMPTS = 3
"""How often the harness's policy asks in all."""


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def server(tmp_path: Path, llm: LLM) -> AsyncIterator[Server]:
    config = provider_config(llm)
    for provider in config["provider"].values():
        provider["options"] |= {"headerTimeout": IDLE_MS, "chunkTimeout": IDLE_MS}
        provider["models"] |= {f"m{number}": {"reasoning": True} for number in range(60)}
    async with running_server(tmp_path, config) as server:
        yield server


Models = Callable[[int], "Model"]


@pytest.fixture
def models(llm: LLM, wire: str) -> Models:
    """Gives models by number."""
    return lambda number: Model(llm, wire, f"m{number}")


class Model:
    """A model of the loopback LLM with a script of its own: many can be at work at once."""

    def __init__(self, llm: LLM, wire: str, name: str) -> None:
        self._steps: list[Step] = []
        self._name = f"{wire}/{name}"
        self.asked = 0
        llm.on(name, self._next)

    def script(self, *steps: Step) -> None:
        self._steps.extend(steps)

    def _next(self, request: Request) -> Step:
        self.asked += 1
        return self._steps.pop(0)

    async def turn(self, server: Server) -> tuple[Mirror, str]:
        """Have one prompt answered; return what a client was told, and the session."""
        session_id = await server.new_session(title="Named")
        mirror = Mirror()
        async with server.listen(f"/session/{session_id}/event") as stream:
            body = {"content": "go", "model": self._name}
            await server.client.post(f"/session/{session_id}/prompt_async", json=body)
            async for event_id, event in stream:
                mirror.take(event_id, event)
                if event["type"] == "session.idle":
                    break
        assert mirror.of(session_id) == await server.messages(session_id)
        return mirror, session_id

    async def goes_on(self, server: Server, session_id: str) -> None:
        """Have another prompt answered."""
        self.script(Answer(text="Better."))
        wire, _, name = self._name.partition("/")
        model = {"providerID": wire, "modelID": name}
        assert text_of(await server.ask(session_id, "again", model=model)) == "Better."


Check = Callable[[Model, Any], Awaitable[None]]


async def all_at_once(cases: dict[str, Any], check: Check, models: Models) -> None:
    """Check every case in a session of its own, with a model of its own; name those that fail."""

    async def one(number: int, case: Any) -> None:
        async with asyncio.timeout(CASE_SECONDS):
            await check(models(number), case)

    checks = [one(number, case) for number, case in enumerate(cases.values())]
    results = await asyncio.gather(*checks, return_exceptions=True)
    failed = {name: error for name, error in zip(cases, results, strict=True) if error is not None}
    for error in failed.values():
        raise AssertionError(f"failed: {', '.join(failed)}") from error


def _date(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


PASSING: dict[str, Step] = {
    "429": Status(429, "slow down"),
    "429 in seconds": Status(429, "slow down", headers={"Retry-After": "0.01"}),
    "429 at a date": Status(429, "slow down", headers={"Retry-After": _date(0)}),
    "500": Status(500),
    "502 of a proxy": Status(502, body="<html>Bad gateway</html>", content_type="text/html"),
    "503": Status(503),
    "529": Status(529, "overloaded"),
    "a drop before the first byte": Drop(),
    "silence before the head": Silence(),
    "an empty stream": Raw(()),
    "garbage bytes": Raw((bytes(range(1, 256)) * 4, b"\n\ndata: \xff\xfe{{{\n\n")),
}
for moment in ("start", "reasoning", "text", "end"):
    for fault in ("drop", "close", "hang", "garbage", "error"):
        PASSING[f"{fault} at {moment}"] = Answer(FULL.text, FULL.reasoning, fault=(moment, fault))  # type: ignore[arg-type]
for fault in ("drop", "close", "hang"):
    PASSING[f"{fault} in a tool's input"] = Answer(tools=CALL.tools, fault=("tool", fault))  # type: ignore[arg-type]


@pytest.mark.timeout(120)
async def test_what_may_pass_is_tried_again_and_leaves_no_trace(server: Server, models: Models) -> None:
    async def check(model: Model, step: Step) -> None:
        model.script(step, FULL)
        mirror, session_id = await model.turn(server)
        answer = mirror.of(session_id)[-1]
        assert "error" not in answer["info"]
        kinds = [part["type"] for part in answer["parts"]]
        assert kinds == ["step-start", "reasoning", "text", "step-finish"]
        assert text_of(answer) == "Hello, world."
        assert model.asked == 2
        await model.goes_on(server, session_id)

    await all_at_once(PASSING, check, models)


LASTING: dict[str, tuple[Step, str]] = {
    "400": (Status(400, "temperature is too high"), "temperature is too high"),
    "401": (Status(401, "bad key"), "Check the API key"),
    "403": (Status(403, "not for you"), "Check the API key"),
    "404 model": (Status(404, "no such model"), "no such model"),
    "413": (Status(413, "request too large"), "too large"),
    "429 without end": (Status(429, "no quota", code="insufficient_quota"), "no quota"),
    "429 for longer than one waits": (Status(429, "tomorrow", headers={"Retry-After": "80000"}), "tomorrow"),
    "a page": (Status(200, body="<h1>Hi</h1>", content_type="text/html"), "instead of an event stream"),
    "an error of 30 MB": (Status(400, body="x" * 30_000_000), "xxx"),
    "an error without an end": (Status(400, body="x" * 10_000, endless=True), "xxx"),
    "a line of 50 MB": (Raw((b"data: ", *((b"x" * 1_000_000,) * 50)), end=False), "more than"),
}


async def test_what_lasts_is_said_at_once(server: Server, models: Models) -> None:
    async def check(model: Model, case: tuple[Step, str]) -> None:
        step, said = case
        model.script(step)
        mirror, session_id = await model.turn(server)
        error = mirror.of(session_id)[-1]["info"]["error"]
        assert said in error["data"]["message"]
        assert len(error["data"].get("responseBody", "")) < 10_000
        assert mirror.errors == [error]
        assert model.asked == 1
        await model.goes_on(server, session_id)

    await all_at_once(LASTING, check, models)


async def test_what_never_passes_ends_with_an_error_and_what_was_said(server: Server, models: Models) -> None:
    model = models(0)
    model.script(*[Answer(FULL.text, FULL.reasoning, fault=("end", "drop"))] * ATTEMPTS)
    mirror, session_id = await model.turn(server)
    answer = mirror.of(session_id)[-1]
    assert "ended before it was complete" in answer["info"]["error"]["data"]["message"]
    assert text_of(answer) == "Hello, world."
    assert model.asked == ATTEMPTS
    await model.goes_on(server, session_id)


async def test_events_cut_in_half_and_calls_cut_in_half_are_mended(server: Server, models: Models) -> None:
    model = models(0)
    broken = Answer(tools=(("todowrite", '{"todos": [{"cont'),), halves=True)
    model.script(broken, CALL, Answer(FULL.text, FULL.reasoning, halves=True))
    mirror, session_id = await model.turn(server)
    states = [part["state"]["status"] for part in mirror.all_parts(session_id) if part["type"] == "tool"]
    assert states == ["error", "completed"]
    assert text_of(mirror.of(session_id)[-1]) == "Hello, world."
    assert mirror.todos[session_id] == TODOS["todos"]


async def test_an_endless_answer_is_cut_off(
    server: Server, llm: LLM, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opencode.provider.wire.adapter.MAX_ANSWER_BYTES", 1_000_000)
    model = models(0)
    model.script(Answer(text="more and more " * 1000, endless=True))
    mirror, session_id = await model.turn(server)
    answer = mirror.of(session_id)[-1]
    assert "an answer of more than" in answer["info"]["error"]["data"]["message"]
    assert text_of(answer).startswith("more and more")
    await llm.until(lambda llm: llm.disconnects == 1)
    await model.goes_on(server, session_id)


async def test_a_place_that_can_not_be_reached_is_named(tmp_path: Path, llm: LLM, wire: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    places = {
        "closed": f"http://127.0.0.1:{port}",
        "nameless": "http://no-such-host.invalid",
        "plain": llm.url.replace("http:", "https:"),
    }
    npm = WIRES[wire]
    config = {
        "provider": {
            name: {"npm": npm, "options": {"baseURL": f"{url}/v1", "apiKey": "k"}, "models": {"one": {}}}
            for name, url in places.items()
        }
    }
    async with running_server(tmp_path, config) as server:
        for name, url in places.items():
            mirror, session_id = await Model(llm, name, "one").turn(server)
            error = mirror.of(session_id)[-1]["info"]["error"]["data"]
            assert url.partition("://")[2] in error["message"]
            assert (await server.client.get(f"/session/{session_id}")).status_code == 200
