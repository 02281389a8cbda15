"""Hostile requests of every kind: no fault of the server's, no hang, no growth.

`FUZZ_EXAMPLES=1000 pytest tests/security/test_fuzz.py` is the long form: so many requests for every route.
"""

import asyncio
import os
import random
import re
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from opencode import ids
from opencode.clock import now_ms
from opencode.config import Settings
from opencode.schema.message import ModelChoice, UserMessage
from opencode.schema.part import CreatedTime, TextPart, Tokens
from opencode.schema.session import Session, SessionTime
from opencode.server.app import create_app
from opencode.server.openapi import describe
from opencode.store import Store
from tests.harness import Server, running_server

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "6"))
SECONDS = 10.0
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ENDLESS = ("/event", "/global/event", "/session/{sessionID}/event")
ENV = {"OPENCODE_DEMO_PACE": "0", "OPENCODE_RATE_LIMIT": "0"}


class Background:
    """A server in a thread of its own, for clients that block."""

    def __init__(self, data_dir: Path) -> None:
        self.url = ""
        self._data_dir = data_dir
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> "Background":
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with running_server(self._data_dir, env=ENV) as server:
            self.url = server.url
            self.session_id = await server.new_session()
            await server.ask(self.session_id, "Hello")
            self.message_id = (await server.messages(self.session_id))[0]["info"]["id"]
            self._ready.set()
            await self._stop.wait()


@pytest.fixture(scope="module")
def background(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Background]:
    with Background(tmp_path_factory.mktemp("fuzz")) as found:
        yield found


def operations() -> list[str]:
    document = document_of()
    return [
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "post", "put", "patch", "delete") and path not in ENDLESS
    ]


def document_of() -> dict[str, Any]:
    return describe(create_app(Settings(data_dir=Path("nowhere"))))


SCHEMA = schemathesis.openapi.from_dict(document_of())


@pytest.mark.timeout(60 + 5 * EXAMPLES)
@pytest.mark.parametrize("name", operations())
def test_every_route_answers_as_its_document_says(background: Background, name: str) -> None:
    method, _, path = name.partition(" ")
    known = {"sessionID": background.session_id, "messageID": background.message_id, "providerID": "demo"}

    @given(
        case=SCHEMA[path][method].as_strategy(),
        real=st.booleans(),
    )
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=EXAMPLES < 100,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: schemathesis.Case, real: bool) -> None:
        if real and method != "DELETE":
            case.path_parameters.update({k: v for k, v in known.items() if k in case.path_parameters})
        response = case.call(base_url=background.url, timeout=SECONDS)
        streamed = response.headers.get("content-type", [""])[0].startswith("text/event-stream")
        case.validate_response(response, checks=CHECKS[:-1] if streamed else CHECKS)

    check()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Server]:
    async with running_server(tmp_path, env={**ENV, "OPENCODE_MAX_BODY_MB": "2"}) as server:
        yield server


def connection(server: Server) -> tuple[str, int]:
    host, _, port = server.url.rpartition("//")[2].partition(":")
    return host, int(port)


async def spoken(server: Server, data: bytes, half_close: bool = True) -> bytes:
    """Send bytes and return all that comes back until the server closes, or has been silent for a while."""
    reader, writer = await asyncio.open_connection(*connection(server))
    found = b""
    try:
        writer.write(data)
        await writer.drain()
        if half_close:
            writer.write_eof()
        while piece := await asyncio.wait_for(reader.read(1 << 16), 0.5):
            found += piece
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.transport.abort()
    return found


def mutated(seed: int) -> bytes:
    """Return a request with some of its bytes changed, lost, doubled or cut off."""
    chance = random.Random(seed)
    body = b'{"title": "hello"}'
    whole = bytearray(
        b"POST /session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(whole))
        match chance.randrange(5):
            case 0:
                whole[at] = chance.randrange(256)
            case 1:
                del whole[at : at + chance.randint(1, 20)]
            case 2:
                whole[at:at] = whole[at : at + chance.randint(1, 40)]
            case 3:
                whole[at:at] = chance.randbytes(chance.randint(1, 60))
            case _:
                whole[at:at] = chance.choice((b"\r\n", b"\0", b"\xff\xfe", b"%00", b"..", b"HTTP/2.0", b": "))
    return bytes(whole)


async def test_bytes_that_are_hardly_http_are_answered_or_dropped(
    served: Server, caplog: pytest.LogCaptureFixture
) -> None:
    first = [
        b"",
        b"\0" * 4096,
        b"\r\n" * 2000,
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 200,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 200,
        b"GET /\xff\xfe\x80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%zz%f%00%ff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /session HTTP/1.1\r\nHost: [\r\n\r\n",
        b"GET /session HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
        b"GET /session HTTP/1.1\r\nHost: x\r\nCookie: opencode_login=\xff;;;=;\r\n\r\n",
        b"GET /session HTTP/1.1\r\nHost: x\r\nAccept: \xff\r\nLast-Event-ID: \xff\r\n\r\n",
        b"GET /session HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ,,\xff,,[,]:::\r\n\r\n",
        b"GET /session HTTP/1.1\r\nHost: x\r\nAuthorization: Basic \xff\xff\r\n\r\n",
        b'GET /session HTTP/1.1\r\nHost: x\r\nRange: bytes=-1-,x\r\nIf-None-Match: "\xff\r\n\r\n',
        b"GET /session HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /session HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 20_000 + b"\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /session?" + b"a=b&" * 3_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /session HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        b"GET /session HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"HTTP2-Settings: \xff\r\n\r\n",
        b"POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
        b"POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}",
        b"POST /session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n"
        b"0\r\n\r\n",
        b"POST /session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"POST /session HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /chat HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=\r\n"
        b"Content-Length: 4\r\n\r\n--\r\n",
    ]
    many = 60 * EXAMPLES
    answers = await asyncio.gather(*(spoken(served, data) for data in first))
    for start in range(0, many, 30):
        answers += await asyncio.gather(*(spoken(served, mutated(seed)) for seed in range(start, start + 30)))
    statuses = [int(match[1]) for each in answers if (match := re.match(rb"HTTP/1.1 (\d+)", each))]
    assert len(statuses) > many // 3
    # 501 is what HTTP has for a transfer coding that a server does not know.
    assert [status for status in statuses if status >= 500 and status != 501] == []
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]
    assert (await served.client.get("/global/health")).status_code == 200


async def test_a_body_without_end_and_a_client_that_never_finishes_cost_nothing(served: Server) -> None:
    """Bodies over the limit are not kept, and whoever dawdles holds up no one else."""
    process = psutil.Process()
    endless = (
        b"POST /session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + (b"10000\r\n" + b"a" * 0x10000 + b"\r\n") * 100
    )
    before = process.memory_info().rss
    slow = [await asyncio.open_connection(*connection(served)) for _ in range(200)]
    for _, writer in slow:
        writer.write(b"POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    for _ in range(5):
        answer = await spoken(served, endless, half_close=False)
        assert not answer or b" 413 " in answer
    assert (await asyncio.wait_for(served.client.get("/session"), 10)).status_code == 200
    for _, writer in slow:
        writer.transport.abort()
    assert process.memory_info().rss - before < 60e6


@pytest.mark.parametrize("depth", [500, 900, 2_000, 100_000])
async def test_deep_json_is_taken_whole_or_refused(served: Server, depth: int) -> None:
    session_id = await served.new_session(title="Deep")
    objects, lists = '{"a":' * depth + "1" + "}" * depth, "[" * depth + "]" * depth
    schema = '{"type":"object","properties":{"a":' * depth + "{}" + "}}" * depth
    for path, body in (
        ("/session", f'{{"metadata": {objects}}}'),
        ("/session", f'{{"metadata": {{"a": {lists}}}}}'),
        ("/session", objects),
        (f"/session/{session_id}/message", f'{{"content": "a", "noReply": true, "x": {lists}}}'),
        (
            f"/session/{session_id}/message",
            f'{{"content": "a", "noReply": true, "format": {{"type": "json_schema", "schema": {schema}}}}}',
        ),
        (
            f"/session/{session_id}/message",
            f'{{"noReply": true, "parts": [{{"type": "text", "text": "a", "metadata": {objects}}}]}}',
        ),
    ):
        answer = await served.client.post(path, content=body)
        assert answer.status_code in (200, 400, 413), (path, body[:80], answer.text)
    for path in ("/session", f"/session/{session_id}/message", f"/chat/{session_id}", "/"):
        assert (await served.client.get(path)).status_code == 200
    async with served.listen() as stream:
        await served.client.patch(f"/session/{session_id}", json={"title": "Still here"})
        assert (await anext(stream))[1]["type"] == "session.updated"


async def test_a_long_name_that_is_not_known_is_refused_at_once(served: Server) -> None:
    session_id = await served.new_session(title="Named")
    name = "a1b-" * 400_000
    for body in ({"content": "a", "model": f"demo/{name}"}, {"content": "a", "agent": name}):
        answer = await asyncio.wait_for(served.client.post(f"/session/{session_id}/message", json=body), 5)
        assert answer.status_code == 400
        assert len(answer.content) < 10_000


async def ten_thousand_messages(data_dir: Path) -> str:
    """Put a session of 10,000 prompts and answers into a store; returns its id."""
    store = await Store.open(data_dir / "data")
    now = now_ms()
    session = Session(
        id=ids.descending("ses"),
        slug="long",
        project_id="global",
        directory="/",
        title="Long",
        version="1",
        time=SessionTime(created=now, updated=now),
        cost=0,
        tokens=Tokens(),
    )
    store.put_session(session)
    for _ in range(10_000):
        message = UserMessage(
            id=ids.ascending("msg"),
            session_id=session.id,
            time=CreatedTime(created=now),
            agent="build",
            model=ModelChoice(provider_id="demo", model_id="demo"),
        )
        store.put_message(message)
        store.put_part(
            TextPart(id=ids.ascending("prt"), session_id=session.id, message_id=message.id, text="a message ")
        )
    await store.commit()
    await store.close()
    return session.id


async def test_a_session_of_ten_thousand_messages_is_served(tmp_path: Path) -> None:
    """Read whole and by pages, shown, searched, exported and continued."""
    session_id = await ten_thousand_messages(tmp_path)
    async with running_server(tmp_path, env=ENV) as server:
        assert len(await server.messages(session_id)) == 10_000
        page = await server.client.get(f"/session/{session_id}/message?limit=100")
        assert len(page.json()) == 100 and page.headers["x-next-cursor"]
        shown = await server.client.get(f"/chat/{session_id}")
        assert shown.status_code == 200 and len(shown.content) < 200_000
        exported = await server.client.get(f"/chat/{session_id}/export.md")
        assert exported.text.count("a message") == 10_000
        assert session_id in (await server.client.get("/chats/search?q=message")).text
        answered = await server.ask(session_id, "todo: rest")
        assert answered["info"]["finish"] == "stop"
