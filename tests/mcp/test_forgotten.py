"""Remote servers that forget sessions, refuse, or vanish: calls are repeated only if they can't have run."""

import json
from collections.abc import Callable

import pytest

from opencode.schema.mcp import McpFailed
from tests.mcp.conftest import Bench
from tests.mcp.endpoint import Reply, endpoint

Build = Callable[..., Bench]


def error(message: str, code: int = -32600, request_id: object = None) -> bytes:
    return json.dumps(
        {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}
    ).encode()


@pytest.mark.parametrize(
    "unknown",
    [
        Reply(404),
        Reply(404, b"Session not found", "text/plain"),
        Reply(404, error("Session not found", -32001)),
        Reply(404, error("Session not found", request_id="server-error")),
        Reply(400, b"Bad Request: No valid session ID provided", "text/html"),
        Reply(400, error("Bad Request: Server not initialized", -32000)),
        Reply(400, error("Sitzung unbekannt", -32602, 3)),
        Reply(400, b'{"detail": "Missing session ID"}'),
        Reply(400, b"\xff{", "application/json"),
        Reply(410, b"<html><title>Gone</title>", "text/html"),
    ],
)
async def test_a_forgotten_session_is_opened_anew_and_the_call_repeated(bench: Build, unknown: Reply) -> None:
    async with endpoint() as server:
        server.unknown = unknown
        own = bench(server.config())
        await own.connect()
        assert (await own.call("probe_count")).output == "1"
        for number in (2, 3):
            server.sessions.clear()
            assert (await own.call("probe_count")).output == str(number)
            assert await own.connected()
        assert server.given == 3


async def test_a_prompt_of_a_forgotten_session_is_got_anew(bench: Build) -> None:
    async with endpoint() as server:
        own = bench(server.config())
        await own.connect()
        (prompt,) = await own.servers.prompts()
        server.sessions.clear()
        assert await prompt.text([]) == "asked"


async def test_what_is_refused_in_a_new_session_too_is_an_error_of_the_call(bench: Build) -> None:
    async with endpoint() as server:
        own = bench(server.config())
        await own.connect()
        server.before = lambda method, _: (
            Reply(400, error("no such thing")) if method == "tools/call" else None
        )
        assert "refused the call: HTTP status 400: no such thing" in await own.failure("probe_count")
        assert server.asked.count("tools/call") == 2
        assert await own.connected()


async def test_a_call_that_may_have_run_is_not_repeated(bench: Build) -> None:
    async with endpoint() as server:
        own = bench(server.config())
        await own.connect()
        server.before = lambda method, _: Reply(500, b"oops") if method == "tools/call" else None
        assert "HTTP status 500: oops" in await own.failure("probe_count")
        assert server.asked.count("tools/call") == 1


async def test_a_call_for_which_there_was_no_connection_is_repeated(bench: Build) -> None:
    async with endpoint() as server:
        port = server.port
        own = bench(server.config())
        await own.connect()
    assert "can't be reached" in await own.failure("probe_count")
    async with endpoint(port) as server:
        assert await own.servers.connect("probe")
        assert (await own.call("probe_count")).output == "1"


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (
            Reply(403, error("the scope files:write is missing")),
            "HTTP status 403: the scope files:write is missing",
        ),
        (Reply(403, b'{"error": "insufficient_scope", "error_description": "no files"}'), "403: no files"),
        (Reply(403, b"<html><head><title>Not from here</title></head>", "text/html"), "403: Not from here"),
        (Reply(403, b"x" * 200_000, "text/plain"), "403: xxx"),
        (Reply(403, b"quiet", "text/plain", hangs=True), "403: quiet"),
    ],
)
async def test_a_403_is_told_with_its_reason(
    bench: Build, monkeypatch: pytest.MonkeyPatch, refusal: Reply, said: str
) -> None:
    monkeypatch.setattr("opencode.tool.mcp.remote.REFUSAL_SECONDS", 0.2)
    async with endpoint() as server:
        own = bench(server.config())
        server.before = lambda method, _: refusal
        assert not await own.servers.connect("probe")
        status = (await own.servers.statuses())["probe"]
        assert isinstance(status, McpFailed)
        assert said in status.error
        server.before = lambda method, _: refusal if method == "tools/call" else None
        await own.connect()
        failure = await own.failure("probe_count")
        assert said in failure
        assert len(failure) < 600
        assert await own.connected()


async def test_credentials_that_are_refused_later_are_told(bench: Build) -> None:
    async with endpoint() as server:
        own = bench(server.config())
        await own.connect()
        server.before = lambda method, _: Reply(401) if method == "tools/call" else None
        assert "rejected the credentials" in await own.failure("probe_count")
        await own.lost()
        assert server.asked.count("tools/call") == 1


async def test_a_server_that_does_not_hear_the_end_of_a_session_does_not_delay_it(bench: Build) -> None:
    async with endpoint() as server:
        own = bench(server.config())
        await own.connect()
        server.before = lambda method, _: Reply(hangs=True) if method == "DELETE" else None
        await own.servers.disconnect("probe")
        assert server.asked[-1] == "DELETE"
        assert await own.servers.connect("probe")
        assert (await own.call("probe_count")).output == "1"
