"""Search services: Exa, Tavily or Brave with a key; public pages of DuckDuckGo and others without one."""

import asyncio
import html
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from opencode.config.http_url import check_base_url
from opencode.errors import ToolError

from .one_shot_client import closed_after, ready, tls

MAX_BODY = 2 * 1024 * 1024
"""Maximum bytes read of a response; twenty results take far less."""

MAX_SNIPPET = 500
"""Maximum characters kept of a result's text."""


class SearchResult(msgspec.Struct, frozen=True):
    """`date`: an ISO date, or "" if the service gives none."""

    title: str
    url: str
    snippet: str = ""
    date: str = ""


class SearchBackend(ABC):
    """A search service. `doubt`: what an empty list may mean other than that there are no results."""

    name: ClassVar[str]
    doubt: ClassVar[str] = ""

    @abstractmethod
    async def search(self, query: str, count: int) -> list[SearchResult]:
        """Return about `count` results, best first; raises ToolError."""

    @abstractmethod
    async def close(self) -> None:
        """Release its resources."""


class KeyedBackend(SearchBackend):
    """A search service with an HTTP API and a key."""

    default_url: ClassVar[str]

    def __init__(self, key: str, base_url: str | None = None) -> None:
        self._key = key
        self._base_url = (base_url or self.default_url).rstrip("/")

    async def search(self, query: str, count: int) -> list[SearchResult]:
        body = await self._answer(**self._request(self._key, query, count))
        try:
            return self._results(body)
        except msgspec.DecodeError as error:
            raise ToolError(
                f"The {self.name} search service answered with something unexpected ({error}). Try again "
                "once; if it stays so, do without the search, and tell the user."
            ) from None

    async def close(self) -> None:
        """Do nothing: each search has a connection of its own."""

    @abstractmethod
    def _request(self, key: str, query: str, count: int) -> dict[str, Any]:
        """Return the request as httpx's `method`, `url` (after the base), `headers`, `params`, `json`."""

    @abstractmethod
    def _results(self, body: bytes) -> list[SearchResult]:
        """Return the results of a response's body; raises msgspec.DecodeError."""

    async def _answer(self, url: str, **request: Any) -> bytes:
        await ready()
        import httpx  # noqa: PLC0415 - 0.1 s and 8 MB, only for who searches

        body = bytearray()
        opened = httpx.AsyncClient(timeout=httpx.Timeout(20, connect=10), verify=tls())
        try:
            async with (
                closed_after(opened) as client,
                client.stream(url=self._base_url + url, **request) as response,
            ):
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_BODY:
                        raise ToolError(
                            f"The {self.name} search service answered with more than {MAX_BODY >> 20} MiB. "
                            "Ask for fewer results."
                        )
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            # Only the error's name: its text may hold the header that carries the key.
            raise ToolError(
                f"The {self.name} search service can't be reached ({type(error).__name__}). Try once more; "
                "if it happens again, do without the search."
            ) from None
        if response.status_code != 200:
            raise ToolError(self._refusal(response.status_code, body.decode(errors="replace")))
        return bytes(body)

    def _refusal(self, status: int, body: str) -> str:
        """Return what a status other than 200 means: 432 and 433 are Tavily's; Brave uses 422 for keys."""
        who = f"The {self.name} search service"
        if status in (401, 403) or "SUBSCRIPTION_TOKEN_INVALID" in body:
            return (
                f"{who} refused its key ({status}). Do without the search, and tell the user that "
                f"{self.name.upper()}_API_KEY must be set to a valid key."
            )
        if status in (402, 432, 433):
            return f"{who} says that its plan is used up ({status}). Do without it, and tell the user."
        if status == 429:
            return f"{who} takes no more requests for now (429). Wait before the next one, or do without it."
        if status >= 500:
            return f"{who} failed ({status}). Try once more; if it happens again, do without the search."
        detail = _clean(body.replace(self._key, "…"))[:200]
        return f"{who} did not accept the request ({status}: {detail}). Try a shorter or simpler query."


Hit = TypeVar("Hit")


class _Answer(msgspec.Struct, Generic[Hit]):
    results: list[Hit]


class _ExaHit(msgspec.Struct, rename="camel"):
    url: str
    title: str | None = None
    published_date: str | None = None
    highlights: list[str] | None = None


class Exa(KeyedBackend):
    """https://exa.ai/docs/reference/search"""

    name = "exa"
    default_url = "https://api.exa.ai"

    def _request(self, key: str, query: str, count: int) -> dict[str, Any]:
        contents = {"highlights": {"maxCharacters": MAX_SNIPPET}}
        return {
            "method": "POST",
            "url": "/search",
            "headers": {"x-api-key": key},
            "json": {"query": query, "type": "auto", "numResults": count, "contents": contents},
        }

    def _results(self, body: bytes) -> list[SearchResult]:
        return [
            _result(hit.title, hit.url, " … ".join(hit.highlights or ()), hit.published_date)
            for hit in msgspec.json.decode(body, type=_Answer[_ExaHit]).results
        ]


class _TavilyHit(msgspec.Struct):
    url: str
    title: str | None = None
    content: str | None = None
    published_date: str | None = None


class Tavily(KeyedBackend):
    """https://docs.tavily.com/documentation/api-reference/endpoint/search; only news are dated."""

    name = "tavily"
    default_url = "https://api.tavily.com"

    def _request(self, key: str, query: str, count: int) -> dict[str, Any]:
        return {
            "method": "POST",
            "url": "/search",
            "headers": {"Authorization": f"Bearer {key}"},
            "json": {"query": query, "search_depth": "basic", "max_results": count},
        }

    def _results(self, body: bytes) -> list[SearchResult]:
        return [
            _result(hit.title, hit.url, hit.content, hit.published_date)
            for hit in msgspec.json.decode(body, type=_Answer[_TavilyHit]).results
        ]


class _BraveHit(msgspec.Struct):
    url: str
    title: str | None = None
    description: str | None = None
    page_age: str | None = None


class _BraveAnswer(msgspec.Struct):
    web: _Answer[_BraveHit] | None = None


class Brave(KeyedBackend):
    """https://api-dashboard.search.brave.com/api-reference/web/search/get; without results, no `web`."""

    name = "brave"
    default_url = "https://api.search.brave.com"

    def _request(self, key: str, query: str, count: int) -> dict[str, Any]:
        return {
            "method": "GET",
            "url": "/res/v1/web/search",
            "headers": {"X-Subscription-Token": key, "Accept": "application/json"},
            "params": {"q": query, "count": count, "text_decorations": False},
        }

    def _results(self, body: bytes) -> list[SearchResult]:
        web = msgspec.json.decode(body, type=_BraveAnswer).web
        hits = web.results if web else []
        return [_result(hit.title, hit.url, hit.description, hit.page_age) for hit in hits]


class Ddgs(SearchBackend):
    """Public search pages, read with the ddgs library, without a key."""

    name = "ddgs"
    doubt = "The engines may also be out of reach, or turn this server away because it asks often."

    def __init__(self) -> None:
        # Threads of its own: a search that hangs must not take the default ones, which name look-ups need.
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="websearch")

    async def search(self, query: str, count: int) -> list[SearchResult]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._search, query, count)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    def _search(query: str, count: int) -> list[SearchResult]:
        from ddgs import DDGS, exceptions  # noqa: PLC0415 - 9 MB that a server with a key never needs

        try:
            hits = DDGS(timeout=5).text(query, max_results=count)
        except exceptions.TimeoutException:
            raise ToolError(
                "The search engines did not answer in time. Try once more, or do without the search."
            ) from None
        except exceptions.DDGSException as error:
            if "No results found" in str(error):
                return []
            raise ToolError(
                "The search engines can't be reached. Do without the search, and tell the user that the "
                "server may have no way to the internet, or should be given EXA_API_KEY, TAVILY_API_KEY or "
                "BRAVE_API_KEY."
            ) from None
        return [_result(hit.get("title"), hit.get("href", ""), hit.get("body"), None) for hit in hits]


def configured(environ: Mapping[str, str]) -> SearchBackend:
    """Return the backend of the first key that is set (`EXA_API_KEY` and so on), or the one without a key.

    `EXA_BASE_URL`, and so on, name another server with the same interface. Raises SettingsError if one of
    them is not an http or https address.
    """
    keyed: tuple[type[KeyedBackend], ...] = (Exa, Tavily, Brave)
    for backend in keyed:
        if url := environ.get(variable := f"{backend.name.upper()}_BASE_URL"):
            check_base_url(variable, url)
    for backend in keyed:
        prefix = backend.name.upper()
        if key := environ.get(f"{prefix}_API_KEY", "").strip():
            return backend(key, environ.get(f"{prefix}_BASE_URL"))
    return Ddgs()


def _result(title: str | None, url: str, snippet: str | None, published: str | None) -> SearchResult:
    return SearchResult(
        title=_clean(title or "") or url,
        url=url,
        snippet=_clean(snippet or "")[:MAX_SNIPPET],
        date=_iso_date(published or ""),
    )


def _clean(text: str) -> str:
    """Return text on one line, with HTML entities decoded."""
    return " ".join(html.unescape(text).split())


def _iso_date(text: str) -> str:
    """Return the date of an ISO (Exa, Brave) or RFC 2822 (Tavily) time stamp, "" if there is none."""
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text).date().isoformat()
    except (ValueError, OverflowError):
        return ""
