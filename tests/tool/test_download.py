"""Where a fetch goes on to: cookies that count within it, and pages that lead on."""

import asyncio
import ipaddress
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from opencode.config import Settings
from opencode.errors import ToolError
from opencode.tool.base import ToolResult
from opencode.tool.egress import Egress
from opencode.tool.html_head import declared_charset, refresh_of
from opencode.tool.webfetch import WebFetch
from tests.tool.calls import Call
from tests.tool.web import Handler, Site, answer, serving

ALLOWED = (ipaddress.ip_network("127.0.0.1/32"),)


async def resolver(host: str, port: int) -> Sequence[str]:
    """Every name is this machine, but for one."""
    return ["10.0.0.1" if host == "private.test" else "127.0.0.1"]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


class Fetching:
    """A fetch from `site` by the names that `resolver` knows; `asked`: the URLs that needed permission."""

    def __init__(self, tool: WebFetch) -> None:
        self._tool = tool
        self.asked: list[str] = []

    async def __call__(self, url: str, form: str = "markdown") -> ToolResult:
        call = Call()
        result = await self._tool.run(self._tool.parse({"url": url, "format": form}), call.context)
        self.asked = [patterns[0] for _, patterns, _ in call.asked]
        return result


@pytest.fixture
async def fetch(tmp_path: Path) -> AsyncIterator[Fetching]:
    tool = WebFetch(Settings(data_dir=tmp_path), Egress(ALLOWED, resolver))
    yield Fetching(tool)
    await tool.close()


def cookies(site: Site) -> list[str]:
    """Return the cookies of each request."""
    lines = [
        [line for line in head.split("\r\n") if line.lower().startswith("cookie:")] for head in site.requests
    ]
    return [line[0].partition(": ")[2] if line else "" for line in lines]


def wall(site: Site, cookie: str, refused: bytes) -> Handler:
    """Return a page that is there only for requests with a cookie; others get `refused`."""

    async def page(writer: asyncio.StreamWriter) -> None:
        seen = cookie.partition(";")[0] in site.requests[-1]
        writer.write(answer(b"behind the wall", "text/plain") if seen else refused)
        await writer.drain()

    return page


def set_cookie(location: str, cookie: str) -> bytes:
    return answer(status="302 Found", headers={"Location": location, "Set-Cookie": cookie})


def refresh(content: str, *, text: str = "", head: str = "", **headers: str) -> bytes:
    page = (
        f'<html><head>{head}<meta http-equiv="refresh" content="{content}"></head><body>{text}</body></html>'
    )
    return answer(page.encode(), headers=headers)


async def test_a_page_behind_a_cookie_wall_is_reached(site: Site, fetch: Fetching) -> None:
    url = site.add("/wall", wall(site, "seen=1", set_cookie("/wall", "seen=1; Path=/; HttpOnly")))
    assert (await fetch(url)).output == "behind the wall"
    assert cookies(site) == ["", "seen=1"]


async def test_cookies_are_kept_over_several_redirects(site: Site, fetch: Fetching) -> None:
    site.add("/check", set_cookie("/page", "b=2; Path=/"))
    site.add("/page", answer(b"here", "text/plain"))
    assert (await fetch(site.add("/", set_cookie("/check", "a=1")))).output == "here"
    assert cookies(site) == ["", "a=1", "a=1; b=2"]


async def test_the_cookies_of_one_fetch_are_not_sent_by_the_next(site: Site, fetch: Fetching) -> None:
    url = site.add("/wall", wall(site, "seen=1", set_cookie("/wall", "seen=1")))
    await fetch(url)
    await fetch(url)
    assert cookies(site) == ["", "seen=1"] * 2


@pytest.mark.parametrize(
    "attributes", ["", "; Domain=a.test", "; Domain=.test", "; Domain=b.a.test", "; Domain=c.test"]
)
@pytest.mark.parametrize("other", ["c.test", "b.a.test", "test", "a.test.c.test"])
async def test_a_cookie_is_sent_to_the_host_that_set_it_alone(
    site: Site, fetch: Fetching, attributes: str, other: str
) -> None:
    site.add("/there", answer(b"there", "text/plain"))
    site.add("/", set_cookie(site.url("/there", other), f"secret=1; Path=/{attributes}"))
    assert (await fetch(site.url("/", "a.test"))).output == "there"
    assert cookies(site) == ["", ""]


@pytest.mark.parametrize(
    "cookie",
    [
        "a=1; Secure",
        "a=1; Path=/elsewhere",
        "a=1; Max-Age=0",
        "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "=",
        ";",
        "a=\xe9",
    ],
)
async def test_a_cookie_that_does_not_apply_is_not_sent(site: Site, fetch: Fetching, cookie: str) -> None:
    site.add("/page", answer(b"here", "text/plain"))
    assert (await fetch(site.add("/", set_cookie("/page", cookie)))).output == "here"
    assert "a=" not in "".join(cookies(site))


async def test_a_wall_that_stays_is_a_loop(site: Site, fetch: Fetching) -> None:
    with pytest.raises(ToolError, match="loop"):
        await fetch(site.add("/", set_cookie("/", "seen=1")))
    assert site.connections == 2


async def test_a_wall_with_another_cookie_each_time_is_left_after_ten_redirects(
    site: Site, fetch: Fetching
) -> None:
    async def page(writer: asyncio.StreamWriter) -> None:
        writer.write(set_cookie("/", f"seen={site.connections}"))
        await writer.drain()

    with pytest.raises(ToolError, match="more than 10 times"):
        await fetch(site.add("/", page))
    assert site.connections == 11


@pytest.mark.parametrize(
    "content",
    [
        *("0; url=/docs/target", "0;URL='target'", "0;url=&quot;/docs/target&quot;", " 3 ; url = target "),
        *("0, target", "0 url=target", "0.5; target", "0;url=/x/../docs/target#part"),
    ],
)
async def test_a_page_that_leads_on_at_once_is_followed(site: Site, fetch: Fetching, content: str) -> None:
    site.add("/docs/target", answer(b"where it leads", "text/plain"))
    result = await fetch(site.add("/docs/", refresh(content)))
    assert result.output == "where it leads"
    assert result.metadata["url"] == site.url("/docs/target")
    assert fetch.asked == [site.url("/docs/"), site.url("/docs/target")]


async def test_the_base_of_a_page_counts_for_where_it_leads(site: Site, fetch: Fetching) -> None:
    site.add("/docs/target", answer(b"there", "text/plain"))
    assert (await fetch(site.add("/", refresh("0; target", head="<base href='/docs/x'>")))).output == "there"


async def test_a_wall_that_refreshes_itself_with_a_cookie_is_passed(site: Site, fetch: Fetching) -> None:
    first = refresh("1", **{"Set-Cookie": "seen=1"}).replace(b'content="1"', b'content="1;url=/wall"')
    first = first.replace(b"Content-Length: ", b"X-Length: ")
    url = site.add("/wall", wall(site, "seen=1", first))
    assert (await fetch(url)).output == "behind the wall"


@pytest.mark.parametrize(
    "content",
    [
        "0; url=#part",
        "0; url=/page",
        "60",
        "",
        "x",
        "0; url=javascript:alert(1)",
        "0; url=data:,x",
        "0; url=http://[",
    ],
)
async def test_a_page_that_leads_nowhere_else_is_the_content(
    site: Site, fetch: Fetching, content: str
) -> None:
    result = await fetch(site.add("/page", refresh(content, text="<p>its words</p>")))
    assert "its words" in result.output
    assert result.metadata["url"] == site.url("/page")
    assert site.connections == 1


async def test_a_page_that_leads_on_later_is_the_content_with_the_address(
    site: Site, fetch: Fetching
) -> None:
    result = await fetch(site.add("/page", refresh("30; url=/next", text="<p>its words</p>")))
    assert "its words" in result.output
    assert result.output.endswith(f"After 30 seconds this page leads on to {site.url('/next')}]")
    assert site.connections == 1


async def test_pages_that_lead_to_each_other_give_the_last_of_them(site: Site, fetch: Fetching) -> None:
    site.add("/b", refresh("0; url=/a", text="<p>words of b</p>"))
    assert "words of b" in (await fetch(site.add("/a", refresh("0; url=/b")))).output
    assert site.connections == 2


async def test_a_chain_of_refreshing_pages_is_followed_ten_times(site: Site, fetch: Fetching) -> None:
    for number in range(30):
        site.add(f"/{number}", refresh(f"0; url=/{number + 1}", text=f"<p>page {number}</p>"))
    assert "page 10" in (await fetch(site.url("/0"))).output
    assert site.connections == 11


@pytest.mark.parametrize("content", ["0; url=http://private.test/", "0; url=http://user:x@a.test/"])
async def test_a_page_leads_only_where_a_fetch_may_go(site: Site, fetch: Fetching, content: str) -> None:
    with pytest.raises(ToolError):
        await fetch(site.add("/", refresh(content, text="words")))
    assert site.connections == 1


async def test_a_page_leads_only_where_the_user_permits(site: Site, tmp_path: Path) -> None:
    tool = WebFetch(Settings(data_dir=tmp_path), Egress(ALLOWED, resolver))
    site.add("/next", answer(b"secret", "text/plain"))
    url = site.add("/", refresh("0; url=/next"))
    call = Call()

    async def only_the_first(permission: str, patterns: list[str], metadata: dict[str, object]) -> None:
        if patterns[0] != url:
            raise ToolError("not allowed")

    call._ask = only_the_first  # type: ignore[method-assign]
    with pytest.raises(ToolError, match="not allowed"):
        await tool.run(tool.parse({"url": url}), call.context)
    assert site.connections == 1
    await tool.close()


@pytest.mark.parametrize(
    "page",
    [
        "<!-- <meta http-equiv=refresh content='0;url=/x'> -->",
        "<script>'<meta http-equiv=refresh content=0;url=/x>'</script>",
        "<noscript><meta http-equiv=refresh content='0;url=/x'></noscript>",
        "<textarea><meta http-equiv=refresh content='0;url=/x'></textarea>",
        "<metadata http-equiv=refresh content='0;url=/x'>",
        "<meta name=refresh content='0;url=/x'>",
        "<script><meta http-equiv=refresh content='0;url=/x'>",
        "x" * 300_000 + "<meta http-equiv=refresh content='0;url=/x'>",
    ],
)
def test_what_is_no_markup_leads_nowhere(page: str) -> None:
    assert refresh_of(page, "http://a.test/") is None


@pytest.mark.parametrize(
    "page",
    [
        *(
            "<!--" * 60_000,
            "<meta " * 40_000,
            "<meta a" + "a" * 200_000,
            "<meta " + "a " * 100_000,
            "<script>" * 30_000,
        ),
        *(
            "<meta http-equiv=refresh content='" + " " * 200_000,
            "<meta charset" * 20_000,
            "<meta a='" * 20_000,
        ),
        *('<meta a="' * 20_000, "<?xml " * 40_000, "<base href=" * 20_000, "<meta" + " \n" * 100_000),
    ],
)
def test_a_hostile_head_takes_little_time(page: str) -> None:
    began = time.process_time()
    refresh_of(page, "http://a.test/")
    declared_charset(page.encode())
    assert time.process_time() - began < 0.5
