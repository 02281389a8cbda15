"""Request heads that no honest client sends: never a 500, a traceback, or a connection that stays open."""

import asyncio
import logging
from pathlib import Path

import pytest

from tests.harness import Server, running_server

PASSWORD = {"OPENCODE_SERVER_PASSWORD": "sesame"}
PROXIED = {"OPENCODE_TRUSTED_PROXIES": "127.0.0.0/8"}

HEADERS = (
    *("Authorization", "Cookie", "Origin", "Host", "Last-Event-ID", "traceparent", "tracestate", "Accept"),
    *("Accept-Encoding", "If-None-Match", "If-Modified-Since", "Range", "Content-Type", "Referer"),
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id", "Sec-Fetch-Site"),
    *("HX-Request", "Access-Control-Request-Method", "Access-Control-Request-Headers"),
)
VALUES = (
    *(b"\xff\xfe", b"\xc3", b"\xa0", b"", b"[", b"http://[", b"http://\xef\xbc\x8f/", b"a..b", b"a" * 300),
    *(b'"', b"%", b"-1", b";;;==", b"9" * 5_000, b"Basic", b"Basic =", b"Basic \xff", b"gzip;q=\xff"),
)
TARGETS = (
    *("/session", "*", "?x=1", "http://[/session", "http://localhost/session", "http://localhost", "a:80"),
    *("//session", "/session/", "/session//", "/event/", "/chat/x/", "/chat//", "///", "/static/", "//login"),
    *("/%00", "/session/%ff", "/session/%2f", "/login/", "/session?x=%ff&y=%00", "/%2e%2e/", "/share/a/"),
)
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "TRACE", "CONNECT", "PROPFIND", "FOO", "get")
STREAMS = ("/event", "/global/event", "/session/{id}/event", "/chats/stream", "/chat/{id}/stream")


async def answer(server: Server, request: bytes, whole: bool = True) -> bytes:
    """Send bytes on a connection of their own and return what comes: until its end, or the head alone."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read() if whole else reader.readuntil(b"\r\n\r\n"), 20)
    finally:
        writer.close()


def status(head: bytes) -> int:
    return int(head.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("env", "method", "path"),
    [
        ({}, "GET", "/"),
        ({}, "POST", "/session"),
        ({**PASSWORD, **PROXIED}, "GET", "/session"),
        (PASSWORD, "POST", "/login"),
    ],
)
async def test_no_header_is_a_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, env: dict[str, str], method: str, path: str
) -> None:
    async with running_server(tmp_path, env=env) as server:
        for name in HEADERS:
            for value in VALUES:
                host = b"" if name == "Host" else b"Host: localhost\r\n"
                lines = host + name.encode() + b": " + value + b"\r\nConnection: close\r\n\r\n"
                head = await answer(server, f"{method} {path} HTTP/1.1\r\n".encode() + lines)
                assert status(head) < 500, (name, value, head)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("env", [{}, PASSWORD], ids=["open", "password"])
async def test_no_target_and_no_method_is_a_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, env: dict[str, str]
) -> None:
    async with running_server(tmp_path, env=env) as server:
        for method in METHODS:
            for target in TARGETS:
                for version, host in (("1.1", "Host: localhost\r\n"), ("1.0", "")):
                    request = f"{method} {target} HTTP/{version}\r\n{host}Connection: close\r\n\r\n"
                    head = await answer(server, request.encode(), whole=False)
                    assert status(head) < 500, (request, head)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_an_address_in_the_target_is_its_path(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        target = b"GET http://localhost/global/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        assert status(await answer(server, target, whole=False)) == 200


async def test_a_handshake_of_a_websocket_is_refused_whatever_its_host(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade = (
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    async with running_server(tmp_path) as server:
        for host in (b"localhost", b"a..b", b"\xff", b"evil.example", b"[::1"):
            head = await answer(server, b"GET /event HTTP/1.1\r\nHost: " + host + b"\r\n" + upgrade)
            assert 400 <= status(head) < 500, host
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("path", STREAMS)
async def test_head_of_a_stream_ends(tmp_path: Path, path: str) -> None:
    async with running_server(tmp_path) as server:
        path = path.format(id=await server.new_session())
        for connection in ("close", "keep-alive"):
            request = f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n".encode()
            last = b"GET /nope HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            head = await answer(server, request if connection == "close" else request + last)
            assert status(head) == 200
            assert b"text/event-stream" in head and b"data:" not in head
        metrics = (await server.client.get("/metrics")).text
        assert "opencode_subscribers 0.0" in metrics
