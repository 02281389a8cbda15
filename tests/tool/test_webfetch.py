import asyncio
import ipaddress
from pathlib import Path

import msgspec
import psutil
import pytest

from opencode import __version__
from opencode.config import Settings
from opencode.errors import ToolError
from opencode.tool.webfetch import WebFetch
from tests.tool.calls import Call
from tests.tool.conftest import Fetch
from tests.tool.web import Site, answer, redirect

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
MEGABYTE = 1024 * 1024
ARTICLE = (
    "<html><head><title>The  Kestrel</title><style>p{}</style></head><body><nav><a href='/x'>Menu</a></nav>"
    "<article><h1>The Kestrel</h1>"
    + "<p>A kestrel hovers <b>into the wind</b>; see <a href='/owl'>the owl</a>.</p>"
    * 8
    + "<pre><code>def hover():\n    return True</code></pre></article>"
    "<script>track('secret')</script></body></html>"
)


async def test_a_page_comes_back_as_the_markdown_of_its_article(site: Site, fetch: Fetch) -> None:
    url = site.add("/kestrel", answer(ARTICLE.encode()))
    result = await fetch(url)
    assert "# The Kestrel" in result.output
    assert "**into the wind**" in result.output
    assert f"({site.url('/owl')})" in result.output
    assert "track" not in result.output
    assert result.title == f"{url} (text/html)"
    assert result.metadata == {"url": url, "status": 200, "contentType": "text/html", "title": "The Kestrel"}


async def test_a_page_without_an_article_comes_back_whole(site: Site, fetch: Fetch) -> None:
    result = await fetch(site.add("/", answer(b"<ul><li><a href='a'>One</a><li>Two</ul><script>no</script>")))
    assert f"[One]({site.url('/a')})" in result.output
    assert "Two" in result.output
    assert "no" not in result.output


async def test_text_is_all_the_readable_text_with_its_code_as_it_was(site: Site, fetch: Fetch) -> None:
    result = await fetch(site.add("/", answer(ARTICLE.encode())), format="text")
    assert "A kestrel hovers into the wind; see the owl." in result.output
    assert "def hover():\n    return True" in result.output
    assert "Menu" in result.output
    assert "<" not in result.output
    assert "track" not in result.output


async def test_html_is_the_source_as_it_is(site: Site, fetch: Fetch) -> None:
    result = await fetch(site.add("/", answer(ARTICLE.encode())), format="html")
    assert result.output == ARTICLE
    assert result.metadata["title"] == "The Kestrel"


async def test_a_page_without_text_says_that_it_may_need_javascript(site: Site, fetch: Fetch) -> None:
    result = await fetch(site.add("/", answer(b"<div id=app></div><script>go()</script>")))
    assert "JavaScript" in result.output


@pytest.mark.parametrize("form", ["markdown", "text"])
@pytest.mark.parametrize("tag", ["div", "b", "blockquote", "table><tr><td"])
@pytest.mark.parametrize("depth", [190, 1_000, 100_000])
async def test_nested_tags_in_any_number_give_text(
    site: Site, fetch: Fetch, tag: str, depth: int, form: str
) -> None:
    page = "<title>Deep</title><p>Before</p>" + f"<{tag}>" * depth
    result = await fetch(site.add("/", answer(page.encode())), format=form)
    assert "Before" in result.output
    assert result.metadata["title"] == "Deep"


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("404 Not Found", "search"),
        ("403 Forbidden", "another source"),
        ("429 Too Many Requests", "Wait"),
        ("503 Down", "later"),
    ],
)
async def test_an_error_status_is_an_error_with_a_hint(
    site: Site, fetch: Fetch, status: str, hint: str
) -> None:
    with pytest.raises(ToolError, match=f"{status[:3]}.*{hint}"):
        await fetch(site.add("/", answer(b"<h1>Oops</h1>", status=status)))


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
async def test_a_redirect_is_followed_and_the_last_url_is_told(site: Site, fetch: Fetch, status: str) -> None:
    site.add("/new/page", answer(b"here", "text/plain"))
    result = await fetch(site.add("/old/page", redirect("../new/page", status)))
    assert result.output == "here"
    assert result.metadata["url"] == site.url("/new/page")


async def test_ten_redirects_are_followed_and_the_eleventh_is_not(site: Site, fetch: Fetch) -> None:
    for number in range(11):
        site.add(f"/{number}", redirect(f"/{number + 1}"))
    site.add("/11", answer(b"end", "text/plain"))
    assert (await fetch(site.url("/1"))).output == "end"
    with pytest.raises(ToolError, match="more than 10 times"):
        await fetch(site.url("/0"))


async def test_a_redirect_loop_is_named(site: Site, fetch: Fetch) -> None:
    site.add("/a", redirect("/b"))
    site.add("/b", redirect("/a"))
    with pytest.raises(ToolError, match="loop"):
        await fetch(site.url("/a"))
    assert site.connections == 2


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:{port}/secret",
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "http://a:b@127.0.0.1:{port}/secret",
        "http://[",
    ],
)
async def test_a_redirect_to_where_one_may_not_go_is_refused(site: Site, fetch: Fetch, location: str) -> None:
    site.add("/secret", answer(b"secret", "text/plain"))
    with pytest.raises(ToolError):
        await fetch(site.add("/", redirect(location.format(port=site.port))))
    assert site.connections == 1


async def test_a_body_of_five_megabytes_is_read_and_one_byte_more_is_not(site: Site, fetch: Fetch) -> None:
    site.add("/fits", answer(b"x" * 5 * MEGABYTE, "text/plain"))
    site.add("/large", answer(b"x" * (5 * MEGABYTE + 1), "text/plain"))
    assert len((await fetch(site.url("/fits"))).output) == 5 * MEGABYTE
    with pytest.raises(ToolError, match="larger than 5 MB"):
        await fetch(site.url("/large"))


async def test_a_body_without_end_is_left_at_the_limit(site: Site, fetch: Fetch) -> None:
    gone = asyncio.Event()

    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        finally:
            gone.set()

    with pytest.raises(ToolError, match="larger than 5 MB"):
        await fetch(site.add("/", endless))
    await asyncio.wait_for(gone.wait(), 10)


async def test_a_server_that_trickles_is_left_when_the_time_is_over(site: Site, fetch: Fetch) -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    with pytest.raises(ToolError, match=r"more than 0\.3 seconds"):
        await fetch(site.add("/", trickle), timeout=0.3)


async def test_a_connection_that_breaks_is_an_error(site: Site, fetch: Fetch) -> None:
    with pytest.raises(ToolError, match="could not be read"):
        await fetch(site.add("/", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"))
    with pytest.raises(ToolError, match="could not be read"):
        await fetch(site.add("/", b"what is this\r\n\r\n"))


async def test_requests_say_who_asks_and_what_for_and_keep_no_cookies(site: Site, fetch: Fetch) -> None:
    url = site.add("/", answer(b"{}", "application/json", headers={"Set-Cookie": "id=1"}))
    await fetch(url, format="html")
    await fetch(url)
    assert f"User-Agent: OpenCode-API/{__version__} (+webfetch)\r\n" in site.requests[0]
    assert "Accept: text/html, " in site.requests[0]
    assert "Accept: text/markdown, text/html;q=0.9" in site.requests[1]
    assert "cookie" not in site.requests[1].lower()


async def test_permission_is_asked_before_anything_is_fetched(site: Site, tmp_path: Path) -> None:
    tool = WebFetch(Settings(data_dir=tmp_path, fetch_allow=(ipaddress.ip_network("127.0.0.1/32"),)))
    call = Call(refuse=True)
    url = site.add("/", answer(b"hello"))
    with pytest.raises(ToolError, match="not allowed"):
        await tool.run(tool.parse({"url": url}), call.context)
    assert call.asked == [("webfetch", [url], {"url": url, "format": "markdown", "timeout": 30})]
    assert site.connections == 0


@pytest.mark.parametrize("args", [{"timeout": 121}, {"timeout": 0}, {"format": "pdf"}, {"url": ""}])
def test_input_out_of_range_is_refused(tmp_path: Path, args: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        WebFetch(Settings(data_dir=tmp_path)).parse({"url": "https://example.com", **args})


async def test_an_abort_ends_the_conversion_of_a_page(site: Site, fetch: Fetch) -> None:
    slow = b"<p>a" + b" " * 4 * MEGABYTE + b"b</p>"
    running = asyncio.create_task(fetch(site.add("/", answer(slow))))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(running, 1.5)
    assert psutil.Process().children() == []
