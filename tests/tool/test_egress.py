import asyncio
import ipaddress
import random
import socket
from collections.abc import AsyncIterator, Sequence

import httpx
import psutil
import pytest

from opencode.errors import ToolError
from opencode.tool.egress import Egress, is_public
from tests.tool.web import Site, answer, serving

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        site.add("/", answer(b"secret", "text/plain"))
        yield site


async def body_of(egress: Egress, url: str) -> bytes:
    async with egress.get(url, {}, timeout=5) as response:
        return b"".join([chunk async for chunk in response.aiter_raw()])


class ScriptedResolver:
    """Answers in turn, the last one for ever: a name server that changes its mind."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


PRIVATE = [
    *(
        "0.0.0.0",
        "0.1.2.3",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
    ),
    *(
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
    ),
    *(
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
    ),
    *(
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
    ),
    *(
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
    ),
    *(
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "100::1",
        "2001::1",
    ),
    *(
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "2002:7f00:1::",
    ),
    *(
        "2002:a00:1::1",
        "2002:a9fe:a9fe::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
    ),
    *(
        "fe80::1%1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ),
]


@pytest.mark.parametrize("text", PRIVATE)
def test_an_address_that_is_not_of_the_public_internet_is_known_as_such(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8",
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_a_public_address_is_known_as_such(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


HOSTILE_HOSTS = [
    *(
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "127.0.1",
    ),
    *(
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ),
    *(
        "[::ffff:7f00:1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "localhost.",
        "LOCALHOST",
    ),
    *(
        "１２７.0.0.1",
        "127。0。0。1",
    ),
]


@pytest.mark.parametrize("host", HOSTILE_HOSTS)
async def test_no_spelling_of_loopback_is_connected_to(site: Site, host: str) -> None:
    with pytest.raises(ToolError):
        await body_of(Egress(), site.url("/", host))
    assert site.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
        "javascript:alert(1)",
        "data:text/html,hello",
        "//127.0.0.1/",
        "example.com",
        "",
        "http://",
        "http:///path",
        "http://[::1",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:99999/",
        "http://user:secret@127.0.0.1/",
        "http://user@127.0.0.1/",
        "http://example.com\\@127.0.0.1/",
        "http://127.0.0.1\r\nHost: example.com/",
    ],
)
async def test_a_url_that_is_not_plain_http_is_refused_before_its_host_is_looked_up(url: str) -> None:
    resolver = ScriptedResolver(["127.0.0.1"])
    with pytest.raises(ToolError) as refusal:
        await body_of(Egress(LOOPBACK, resolver), url)
    assert resolver.asked == []
    assert "secret" not in refusal.value.message


async def test_a_refusal_names_the_setting_that_allows_it_and_not_the_address(site: Site) -> None:
    with pytest.raises(ToolError) as refusal:
        await body_of(Egress((), ScriptedResolver(["10.1.2.3"])), "http://intranet.example/")
    assert "OPENCODE_FETCH_ALLOW" in refusal.value.message
    assert "10.1.2.3" not in refusal.value.message


async def test_a_name_with_one_private_address_among_public_ones_is_refused(site: Site) -> None:
    with pytest.raises(ToolError):
        await body_of(Egress((), ScriptedResolver(["8.8.8.8", "127.0.0.1"])), site.url("/", "mixed.example"))
    assert site.connections == 0


async def test_a_name_that_changes_its_address_after_the_check_is_not_asked_again(site: Site) -> None:
    resolver = ScriptedResolver(["127.0.0.1"], ["10.0.0.1"])
    assert await body_of(Egress(LOOPBACK, resolver), site.url("/", "rebind.example")) == b"secret"
    assert resolver.asked == ["rebind.example"]


async def test_every_request_checks_the_name_again(site: Site) -> None:
    egress = Egress(LOOPBACK, ScriptedResolver(["127.0.0.1"], ["10.0.0.1"]))
    assert await body_of(egress, site.url("/", "rebind.example")) == b"secret"
    with pytest.raises(ToolError):
        await body_of(egress, site.url("/", "rebind.example"))
    assert site.connections == 1


async def test_an_allowed_network_is_reached_by_its_own_name(site: Site) -> None:
    egress = Egress(LOOPBACK, ScriptedResolver(["127.0.0.1"]))
    assert await body_of(egress, site.url("/", "intranet.example")) == b"secret"
    assert f"Host: intranet.example:{site.port}\r\n" in site.requests[0]


async def test_a_mapped_address_is_allowed_where_its_ipv4_form_is(site: Site) -> None:
    assert await body_of(Egress(LOOPBACK), site.url("/", "[::ffff:127.0.0.1]")) == b"secret"


async def test_allowing_one_network_allows_no_other(site: Site) -> None:
    with pytest.raises(ToolError):
        await body_of(Egress((ipaddress.ip_network("10.0.0.0/8"),)), site.url("/"))
    assert site.connections == 0


async def test_the_next_address_is_tried_where_the_first_one_refuses(site: Site) -> None:
    resolver = ScriptedResolver(["127.0.0.2", "127.0.0.1"])
    assert await body_of(Egress(LOOPBACK, resolver), site.url("/", "two.example")) == b"secret"


async def test_proxies_of_the_environment_are_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, site.url(""))
    with pytest.raises(ToolError):
        await body_of(Egress((), ScriptedResolver(["10.0.0.1"])), "http://intranet.example/")
    assert await body_of(Egress(LOOPBACK), site.url("/")) == b"secret"
    assert site.requests[0].startswith("GET / ")


async def test_an_unknown_host_is_said_to_have_no_address() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(ToolError, match="has no address"):
        await body_of(Egress((), unknown), "http://nowhere.example/")


async def test_fetches_that_are_cancelled_leave_no_connection(site: Site) -> None:
    egress = Egress(LOOPBACK)
    chance = random.Random(7)
    here = psutil.Process()
    before = len(here.net_connections())

    async def cut_short() -> None:
        fetch = asyncio.create_task(body_of(egress, site.url("/")))
        await asyncio.sleep(chance.random() * 0.02)
        fetch.cancel()
        await asyncio.sleep(0)
        fetch.cancel()
        await asyncio.wait({fetch})

    for _ in range(10):
        await asyncio.gather(*(cut_short() for _ in range(30)))
    assert await body_of(egress, site.url("/")) == b"secret"
    async with asyncio.timeout(5):
        while len(here.net_connections()) > before:  # noqa: ASYNC110 - the system has no event for it
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://name.example/", 80),
        ("https://name.example/", 443),
        ("https://name.example:8443/", 8443),
        ("http://name.example:65535/", 65535),
    ],
)
async def test_a_name_is_looked_up_for_the_port_that_will_be_connected_to(url: str, port: int) -> None:
    asked: list[tuple[str, int]] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return []

    with pytest.raises(ToolError, match="has no address"):
        await body_of(Egress((), resolve), url)
    assert asked == [("name.example", port)]


async def test_a_server_that_sends_nothing_is_given_up_after_the_time_given() -> None:
    async def read_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(read_only, "127.0.0.1", 0) as server, asyncio.timeout(30):
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(httpx.ReadTimeout):
            async with Egress(LOOPBACK).get(f"http://127.0.0.1:{port}/", {}, timeout=0.2):
                pass


async def test_a_tls_server_learns_the_name_though_its_address_is_connected_to() -> None:
    """Servers of several sites choose their certificate by it; a name's last dot is no part of it."""
    first_bytes: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def take_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first_bytes.set_result(await reader.read(4096))
        writer.close()

    async with await asyncio.start_server(take_hello, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        egress = Egress(LOOPBACK, ScriptedResolver(["127.0.0.1"]))
        with pytest.raises(httpx.ConnectError):
            async with egress.get(f"https://name.example.:{port}/", {}, timeout=5):
                pass
    hello = await first_bytes
    assert b"name.example" in hello
    assert b"name.example." not in hello
