"""What relies on hypercorn's private parts: used with tested versions, switched off with others."""

import asyncio
from collections.abc import Iterator
from importlib import metadata

import httpx
import pytest
from hypercorn.asyncio import run
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.protocol.http_stream import HTTPStream

from opencode.server import hypercorn_compat
from tests.harness import serving
from tests.server.test_direct_write import app_with_direct_writes


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look at hypercorn anew in each test, and again after it."""
    monkeypatch.setattr(run, "TCPServer", TCPServer)
    hypercorn_compat.is_supported.cache_clear()
    yield
    hypercorn_compat.is_supported.cache_clear()


async def text_served() -> str:
    async with serving(app_with_direct_writes()) as (url, _), httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(url)).status_code == 200
        return (await client.get(url)).text


async def test_the_installed_version_is_supported(caplog: pytest.LogCaptureFixture) -> None:
    assert await text_served() == "first direct last"
    assert run.TCPServer is not TCPServer
    assert caplog.text == ""


async def test_the_connection_of_a_client_that_left_is_closed_at_once() -> None:
    async with serving(app_with_direct_writes()) as (url, _), asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", url.rpartition(":")[2])
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"0\r\n\r\n")
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()


async def test_an_unknown_version_is_one_warning_and_the_server_does_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: "0.19.0")
    assert await text_served() == "first usual last"
    assert run.TCPServer is TCPServer
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "hypercorn 0.19.0" in caplog.text


async def test_a_missing_private_part_is_one_warning_that_names_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Changed(HTTPStream):
        def __init__(self) -> None:
            pass

    monkeypatch.setattr("hypercorn.protocol.http_stream.HTTPStream", Changed)
    assert await text_served() == "first usual last"
    assert run.TCPServer is TCPServer
    (record,) = caplog.records
    assert "Changed.send" in record.getMessage()


async def test_another_server_s_send_is_left_alone() -> None:
    async def send(_: object) -> None:
        pass

    assert hypercorn_compat.transport_of(send) is None
