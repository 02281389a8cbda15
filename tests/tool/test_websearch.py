"""Web search: each service's wire on a loopback server, the keyless engines, and how all of them fail."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

import msgspec
import pytest
from aiohttp import web
from ddgs.engines import ENGINES
from ddgs.exceptions import DDGSException, TimeoutException
from ddgs.results import TextResult

from opencode.config import Settings
from opencode.errors import SettingsError, ToolError
from opencode.tool.base import ToolResult
from opencode.tool.search_backends import MAX_BODY, configured
from opencode.tool.websearch import WebSearch
from tests.tool.calls import Call
from tests.tool.search_service import EMPTY, FOUND, Service, serving

KEY = "sk-very-secret"


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with serving() as service:
        yield service


def environ(provider: str, url: str) -> dict[str, str]:
    return {f"{provider.upper()}_API_KEY": KEY, f"{provider.upper()}_BASE_URL": url}


async def search(
    environ: dict[str, str], tmp_path: Any, call: Call | None = None, **asked: Any
) -> ToolResult:
    tool = WebSearch(Settings(data_dir=tmp_path, environ=environ))
    try:
        return await tool.run(tool.parse({"query": "alpha docs", **asked}), (call or Call()).context)
    finally:
        await tool.close()


async def refusal(environ: dict[str, str], tmp_path: Any) -> str:
    """Return what a model is told of a search that fails; the key is never in it."""
    with pytest.raises(ToolError) as caught:
        await search(environ, tmp_path)
    told = caught.value
    assert KEY not in f"{told.message} {told!r} {told.__cause__!r}"
    assert told.__suppress_context__ or told.__context__ is None
    return told.message


providers = pytest.mark.parametrize("provider", ["exa", "tavily", "brave"])


@providers
async def test_every_service_gives_the_same_shape(service: Service, provider: str, tmp_path: Any) -> None:
    service.answer(FOUND[provider])
    result = await search(environ(provider, service.url), tmp_path)
    assert result.title == "alpha docs"
    assert result.metadata == {
        "provider": provider,
        "results": [
            {
                "title": "Alpha",
                "url": "https://docs.example/a",
                "snippet": "First excerpt. … Second.",
                "date": "2025-03-04",
            },
            {"title": "https://docs.example/b", "url": "https://docs.example/b", "snippet": "", "date": ""},
        ],
    }
    assert result.output == (
        "1. Alpha (2025-03-04)\n   https://docs.example/a\n   First excerpt. … Second.\n\n"
        "2. https://docs.example/b\n   https://docs.example/b"
    )


async def test_exa_is_asked_in_its_own_words(service: Service, tmp_path: Any) -> None:
    service.answer(EMPTY["exa"])
    await search(environ("exa", service.url + "/"), tmp_path, numResults=3)
    ((path, headers, asked),) = service.requests
    assert path == "POST /search"
    assert headers["x-api-key"] == KEY
    assert asked == {
        "query": "alpha docs",
        "type": "auto",
        "numResults": 3,
        "contents": {"highlights": {"maxCharacters": 500}},
    }


async def test_tavily_is_asked_in_its_own_words(service: Service, tmp_path: Any) -> None:
    service.answer(EMPTY["tavily"])
    await search(environ("tavily", service.url), tmp_path)
    ((path, headers, asked),) = service.requests
    assert path == "POST /search"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert asked == {"query": "alpha docs", "search_depth": "basic", "max_results": 8}


async def test_brave_is_asked_in_its_own_words(service: Service, tmp_path: Any) -> None:
    service.answer(EMPTY["brave"])
    await search(environ("brave", service.url), tmp_path, numResults=20)
    ((path, headers, asked),) = service.requests
    assert path == "GET /res/v1/web/search"
    assert headers["X-Subscription-Token"] == KEY
    assert asked == {"q": "alpha docs", "count": "20", "text_decorations": "false"}


@providers
async def test_no_result_is_said_and_is_no_failure(service: Service, provider: str, tmp_path: Any) -> None:
    service.answer(EMPTY[provider])
    result = await search(environ(provider, service.url), tmp_path)
    assert result.output.startswith("Nothing was found for 'alpha docs'.")
    assert result.metadata == {"provider": provider, "results": []}


@pytest.mark.parametrize(
    ("provider", "status", "body", "advice"),
    [
        ("exa", 401, {"error": "Invalid API key", "tag": "INVALID_API_KEY"}, "EXA_API_KEY must be set"),
        ("exa", 402, {"error": "out of credits", "tag": "NO_MORE_CREDITS"}, "plan is used up"),
        ("exa", 400, {"error": f"bad request by {KEY}"}, "bad request by …"),
        ("exa", 307, "elsewhere", "did not accept the request (307"),
        ("tavily", 401, {"detail": {"error": "Unauthorized"}}, "TAVILY_API_KEY must be set"),
        ("tavily", 432, {"detail": {"error": "plan's limit"}}, "plan is used up"),
        ("tavily", 429, {"detail": {"error": "blocked"}}, "no more requests for now"),
        ("brave", 422, {"error": {"code": "SUBSCRIPTION_TOKEN_INVALID"}}, "BRAVE_API_KEY must be set"),
        ("brave", 422, {"error": {"detail": "query is too long"}}, "query is too long"),
        ("brave", 429, {"error": {"code": "RATE_LIMITED"}}, "no more requests for now"),
        ("brave", 503, "<html>", "failed (503)"),
    ],
)
async def test_a_refusal_says_what_to_do(
    service: Service, provider: str, status: int, body: object, advice: str, tmp_path: Any
) -> None:
    service.answer(body, status)
    assert advice in await refusal(environ(provider, service.url), tmp_path)


@providers
@pytest.mark.parametrize("body", ["<html>", '{"results": 3, "web": 3}', '{"results": [{}], "web": {}}', "[]"])
async def test_an_answer_of_another_shape_is_told(
    service: Service, provider: str, body: str, tmp_path: Any
) -> None:
    service.answer(body)
    assert "something unexpected" in await refusal(environ(provider, service.url), tmp_path)


async def test_an_answer_that_is_too_large_is_not_read_to_its_end(service: Service, tmp_path: Any) -> None:
    service.answer("x" * (MAX_BODY + 1))
    assert "more than 2 MiB" in await refusal(environ("exa", service.url), tmp_path)


async def test_a_server_that_is_not_there_is_told(tmp_path: Any) -> None:
    told = await refusal(environ("tavily", "http://127.0.0.1:9"), tmp_path)
    assert "can't be reached (ConnectError)" in told


@pytest.mark.parametrize("key", ["sk-é", "a\nb"])
async def test_a_key_that_no_header_can_hold_is_told(key: str, tmp_path: Any) -> None:
    with pytest.raises(ToolError, match="can't be reached") as caught:
        await search({"EXA_API_KEY": key, "EXA_BASE_URL": "http://127.0.0.1:9"}, tmp_path)
    assert key not in caught.value.message


@pytest.mark.parametrize("url", ["http://[", "nonsense", "ftp://a.example", "http://", "http://a b"])
@pytest.mark.parametrize("environ", [{}, {"BRAVE_API_KEY": KEY}])
def test_a_base_url_that_is_no_http_address_stops_the_start(
    url: str, environ: dict[str, str], tmp_path: Any
) -> None:
    with pytest.raises(SettingsError, match=r"^BRAVE_BASE_URL must be an address such as"):
        WebSearch(Settings(data_dir=tmp_path, environ={**environ, "BRAVE_BASE_URL": url}))


async def test_links_that_are_no_web_pages_are_left_out_and_the_count_is_kept(
    service: Service, tmp_path: Any
) -> None:
    urls = ["javascript:alert(1)", "https://a.example/1", "http://a.example/2", "https://a.example/3"]
    service.answer({"results": [{"url": url, "title": url} for url in urls]})
    result = await search(environ("tavily", service.url), tmp_path, numResults=2)
    assert [found["url"] for found in result.metadata["results"]] == urls[1:3]


async def test_the_user_is_asked_before_anything_leaves(service: Service, tmp_path: Any) -> None:
    call = Call(refuse=True)
    with pytest.raises(ToolError, match="not allowed"):
        await search(environ("exa", service.url), tmp_path, call, numResults=5)
    assert call.asked == [("websearch", ["alpha docs"], {"query": "alpha docs", "numResults": 5})]
    assert service.requests == []


async def test_an_abort_closes_the_connection_to_the_service(service: Service, tmp_path: Any) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def hang() -> web.StreamResponse:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        raise AssertionError

    service.reply = hang
    running = asyncio.create_task(search(environ("exa", service.url), tmp_path))
    await asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    async with asyncio.timeout(5):
        await gone.wait()


@pytest.mark.parametrize(
    ("set_", "provider"),
    [
        ({"EXA_API_KEY": KEY, "TAVILY_API_KEY": KEY, "BRAVE_API_KEY": KEY}, "exa"),
        ({"TAVILY_API_KEY": KEY, "BRAVE_API_KEY": KEY}, "tavily"),
        ({"EXA_API_KEY": "  ", "BRAVE_API_KEY": KEY}, "brave"),
        ({"EXA_BASE_URL": "http://127.0.0.1:9"}, "ddgs"),
    ],
)
async def test_the_first_key_decides(set_: dict[str, str], provider: str) -> None:
    backend = configured(set_)
    assert backend.name == provider
    assert KEY not in repr(backend)
    await backend.close()


@pytest.mark.parametrize(
    "asked", [{"query": ""}, {"numResults": 0}, {"numResults": 21}, {"query": "x" * 401}]
)
def test_input_out_of_bounds_is_refused(asked: dict[str, Any], tmp_path: Any) -> None:
    tool = WebSearch(Settings(data_dir=tmp_path, environ={"EXA_API_KEY": KEY}))
    with pytest.raises(msgspec.ValidationError):
        tool.parse({"query": "q", **asked})


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> type["Engine"]:
    """Make `Engine` the only one that ddgs knows of; all else of ddgs is real."""
    monkeypatch.setattr(Engine, "found", [])
    monkeypatch.setattr(Engine, "asked", [])
    monkeypatch.setitem(ENGINES, "text", {"engine": Engine})
    return Engine


class Engine:
    """A search engine for ddgs: what it finds, or how it fails."""

    name = provider = "engine"
    priority = 1
    found: ClassVar[list[tuple[str, str, str]] | Callable[[], None]] = []
    asked: ClassVar[list[str]] = []

    def __init__(self, **settings: object) -> None: ...

    def search(self, query: str, **rest: object) -> list[TextResult]:
        self.asked.append(query)
        found = type(self).found
        if callable(found):
            found()
            return []
        return [self._result(*each) for each in found]

    @staticmethod
    def _result(title: str, href: str, body: str) -> TextResult:
        result = TextResult()
        result.title, result.href, result.body = title, href, body
        return result


async def test_without_a_key_public_engines_are_asked(engine: type[Engine], tmp_path: Any) -> None:
    engine.found = [
        ("Alpha - Docs", "https://docs.example/a", "First\u00a0excerpt &amp; more"),
        ("Alpha again", "https://docs.example/b", ""),
        ("Alpha and no link", "", ""),
    ]
    result = await search({}, tmp_path, numResults=3)
    assert engine.asked == ["alpha docs"]
    assert result.metadata == {
        "provider": "ddgs",
        "results": [
            {
                "title": "Alpha - Docs",
                "url": "https://docs.example/a",
                "snippet": "First excerpt & more",
                "date": "",
            },
            {"title": "Alpha again", "url": "https://docs.example/b", "snippet": "", "date": ""},
        ],
    }


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (TimeoutException("error sending request > operation timed out"), "did not answer in time"),
        (DDGSException("DNSError: no records found"), "may have no way to the internet"),
        (ValueError("a page that no parser knows"), "may have no way to the internet"),
    ],
)
async def test_engines_that_fail_are_told(
    engine: type[Engine], error: Exception, advice: str, tmp_path: Any
) -> None:
    def fail() -> None:
        raise error

    engine.found = fail
    assert advice in await refusal({}, tmp_path)


async def test_engines_that_find_nothing_may_have_turned_the_server_away(
    engine: type[Engine], tmp_path: Any
) -> None:
    result = await search({}, tmp_path)
    assert "Nothing was found" in result.output
    assert "turn this server away" in result.output


async def test_an_abort_does_not_wait_for_the_engines(engine: type[Engine], tmp_path: Any) -> None:
    asked, released = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hang() -> None:
        loop.call_soon_threadsafe(asked.set)
        released.wait(30)

    engine.found = hang
    running = asyncio.create_task(search({}, tmp_path))
    try:
        async with asyncio.timeout(5):
            await asked.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
    finally:
        released.set()
