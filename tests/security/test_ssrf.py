"""Where the server can be made to go by a model, a page or a client: nowhere within."""

import ipaddress
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from opencode.config import Settings
from opencode.errors import ToolError
from opencode.tool.egress import Egress, canonical, is_public, system_resolver
from opencode.tool.webfetch import WebFetch
from tests.harness import running_server, text_of
from tests.llm.server import LLM, Answer
from tests.server.conftest import provider_config
from tests.tool.calls import Call
from tests.tool.test_egress import HOSTILE_HOSTS, LOOPBACK, ScriptedResolver, body_of
from tests.tool.web import Site, answer, redirect, serving


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        site.add("/", answer(b"secret", "text/plain"))
        yield site


EMBEDDED = [
    "64:ff9b::192.168.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::0.0.0.0",
    "::ffff:0:127.0.0.1",
    "::ffff:192.168.1.1",
    "::ffff:100.100.100.200",
    "2002:c0a8:101::1",
    "2002:6464:64c8::",
    "::10.0.0.1",
    "fd00:ec2::254",
    "fe80::a9fe:a9fe",
    "2001:0:a9fe:a9fe::",
    "100.100.100.200",
]


@pytest.mark.parametrize("text", EMBEDDED)
def test_an_address_within_another_is_judged_by_what_it_leads_to(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("host", [host for host in HOSTILE_HOSTS if host.isascii()])
async def test_a_redirect_to_any_spelling_of_loopback_connects_nowhere(
    tmp_path: Path, site: Site, host: str
) -> None:
    """The first address is allowed by name server and rule alike, the second by neither."""

    async def names(name: str, port: int) -> Sequence[str]:
        if name == "public.example":
            return ["127.0.0.1"]
        return [
            "127.0.0.2" if "127" in each or "7f00" in each else each
            for each in await system_resolver(name, port)
        ]

    tool = WebFetch(Settings(data_dir=tmp_path), Egress((ipaddress.ip_network("127.0.0.1/32"),), names))
    start = site.add("/start", redirect(f"http://{host}:{site.port}/")).replace("127.0.0.1", "public.example")
    try:
        with pytest.raises(ToolError):
            await tool.run(tool.parse({"url": start}), Call().context)
    finally:
        await tool.close()
    assert [head.split(" ")[1] for head in site.requests] == ["/start"]


async def test_a_name_that_changes_between_redirects_connects_nowhere(tmp_path: Path, site: Site) -> None:
    resolver = ScriptedResolver(["127.0.0.1"], ["127.0.0.2"])
    tool = WebFetch(Settings(data_dir=tmp_path), Egress((ipaddress.ip_network("127.0.0.1/32"),), resolver))
    site.add("/start", redirect("/secret"))
    site.add("/secret", answer(b"secret", "text/plain"))
    try:
        with pytest.raises(ToolError, match="private"):
            await tool.run(tool.parse({"url": f"http://rebind.example:{site.port}/start"}), Call().context)
    finally:
        await tool.close()
    assert resolver.asked == ["rebind.example", "rebind.example"]
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    "answers", [["not an address"], ["127.0.0.1%lo"], [""], ["8.8.8.8", "::ffff:127.0.0.1"], []]
)
async def test_a_resolver_that_answers_nonsense_connects_nowhere(site: Site, answers: list[str]) -> None:
    with pytest.raises(ToolError):
        await body_of(Egress((), ScriptedResolver(answers)), site.url("/", "odd.example"))
    assert site.connections == 0


async def test_what_is_checked_is_what_is_connected_to(site: Site) -> None:
    """The Host header has the name that was asked for, not one that the URL smuggles in."""
    egress = Egress(LOOPBACK, ScriptedResolver(["127.0.0.1"]))
    assert await body_of(egress, f"http://a.example:{site.port}/#@b.example/") == b"secret"
    assert "b.example" not in site.requests[0]
    for url in (
        f"http://a.example:{site.port}@b.example/",
        f"http://a.example\\@b.example:{site.port}/",
        "http://a.example/\r\nX: y",
    ):
        with pytest.raises(ToolError):
            await body_of(Egress(LOOPBACK, ScriptedResolver(["127.0.0.1"])), url)


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("HTTP://Example.COM:80/a/../b?x=%7e#f", "http://example.com/b?x=~"),
        ("https://example.com.:443", "https://example.com/"),
        ("http://example.com/%2fa", "http://example.com/%2Fa"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
    ],
)
def test_a_url_has_one_plain_spelling(url: str, plain: str) -> None:
    assert canonical(url).rstrip("/") == plain.rstrip("/")
    assert canonical(canonical(url)) == canonical(url)


FILES = [
    "http://127.0.0.1:{port}/cat.png",
    "http://169.254.169.254/latest/meta-data/",
    "https://user:word@127.0.0.1:{port}/cat.png",
]


@pytest.mark.parametrize("url", FILES)
async def test_files_of_a_prompt_by_address_are_left_to_the_provider(
    tmp_path: Path, llm: LLM, site: Site, url: str
) -> None:
    """This server fetches none of them: the provider is given the address, if it takes one."""
    llm.script(Answer(text="fine"))
    config = provider_config(llm)
    config["provider"]["compatible"]["models"]["one"]["modalities"] = {"input": ["text", "image"]}
    async with running_server(tmp_path, config) as server:
        session_id = await server.new_session(title="Files")
        address = url.format(port=site.port)
        parts = [
            {"type": "text", "text": "what is this?"},
            {"type": "file", "mime": "image/png", "url": address},
        ]
        answered = await server.client.post(f"/session/{session_id}/message", json={"parts": parts})
        assert text_of(answered.json()) == "fine"
        assert address in json.dumps(llm.requests[0].body)
        for path in (f"/chat/{session_id}", f"/chat/{session_id}/export.md"):
            assert (await server.client.get(path)).status_code == 200
    assert site.connections == 0


async def test_no_route_sets_where_a_provider_is_asked(tmp_path: Path, llm: LLM, site: Site) -> None:
    """A provider's address comes from the environment and opencode.json: those are the owner's."""
    llm.script(Answer(text="fine"))
    evil: dict[str, Any] = {"baseURL": site.url("/v1"), "url": site.url("/v1"), "api": site.url("/v1")}
    async with running_server(tmp_path, provider_config(llm)) as server:
        key = {"type": "api", "key": "k", "metadata": evil, **evil, "options": evil}
        await server.client.put("/auth/compatible", json=key)
        session_id = await server.new_session(
            title="Fixed", model={"providerID": "compatible", "id": "one", **evil}
        )
        answered = await server.ask(
            session_id, "hi", model={"providerID": "compatible", "modelID": "one", **evil}, options=evil
        )
        assert text_of(answered) == "fine"
        await server.client.patch("/config", json={"provider": {"compatible": {"options": evil}}})
    assert site.connections == 0
