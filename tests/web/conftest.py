"""A real Chromium and a real server, with a connection between them that tests can cut."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.harness import Server, running_server
from tests.llm.server import LLM
from tests.requirements import chromium

HERE = Path(__file__).parent

expect.set_options(timeout=15_000)  # machines that test are busy


class Wire:
    """A TCP proxy in front of a server; it can be cut, mended and pointed at another server."""

    def __init__(self) -> None:
        self.target = 0
        self.port = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._is_cut = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def up(self) -> AsyncIterator["Wire"]:
        listener = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.cut()
            listener.close()

    def cut(self) -> None:
        """End every connection, and refuse new ones until `mend`."""
        self._is_cut = True
        for writer in tuple(self._open):
            writer.transport.abort()

    def mend(self) -> None:
        self._is_cut = False

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()
        self._open.discard(writer)


class Site:
    """A server behind a wire. `restart` stops it without a clean shutdown and starts it on the same data."""

    def __init__(self, wire: Wire, start: Callable[[], Awaitable[Server]]) -> None:
        self.wire = wire
        self.url = wire.url
        self._start = start
        self.server: Server

    async def restart(self) -> None:
        self.server = await self._start()
        self.wire.target = int(self.server.url.rpartition(":")[2])


OpenPage = Callable[..., Awaitable[Page]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of a page in one event loop, which the browser that they share lives in.

    One that fails is run once more, and the run says so: a browser on a busy machine loses a connection now
    and then, or crashes.
    """
    for item in items:
        if {"browser", "llm", "site"} & set(getattr(item, "fixturenames", ())) and item.path.parent == HERE:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest_asyncio.fixture(loop_scope="session")
async def llm() -> AsyncIterator[LLM]:
    async with LLM() as llm:
        yield llm


@asynccontextmanager
async def serving(
    tmp_path: Path, llm: LLM, env: dict[str, str] | None = None, **more: object
) -> AsyncIterator[Site]:
    """Serve a page with the scripted LLM as its model; `more`: further entries of its opencode.json."""
    config = {
        "model": "local/one",
        "provider": {
            "local": {
                "npm": "@ai-sdk/openai-compatible",
                "options": {"baseURL": f"{llm.url}/v1", "apiKey": "none"},
                "models": {"one": {"reasoning": True, "attachment": True}, "two": {}},
            }
        },
        **more,
    }
    async with AsyncExitStack() as stack, Wire().up() as wire:
        running: list[AsyncExitStack] = []

        async def start() -> Server:
            for old in running:
                await old.aclose()
            fresh = AsyncExitStack()
            running[:] = [fresh]
            return await fresh.enter_async_context(running_server(tmp_path, config, env))

        async def stop() -> None:
            for old in running:
                await old.aclose()

        stack.push_async_callback(stop)
        site = Site(wire, start)
        await site.restart()
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def site(tmp_path: Path, llm: LLM) -> AsyncIterator[Site]:
    async with serving(tmp_path, llm) as site:
        yield site


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """Start a browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        await browser.close()


class Browsers:
    """One browser for all tests, started anew if it has crashed."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._browser: Browser | None = None

    async def get(self) -> Browser:
        if self._browser is None or not self._browser.is_connected():
            self._browser = await self._stack.enter_async_context(launched())
        return self._browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsers() -> AsyncIterator[Browsers]:
    async with AsyncExitStack() as stack:
        yield Browsers(stack)


@pytest_asyncio.fixture(loop_scope="session")
async def browser(browsers: Browsers) -> Browser:
    return await browsers.get()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, site: Site) -> AsyncIterator[OpenPage]:
    """Open a page of the site. The test fails on any script error or request to another host."""
    problems: list[str] = []
    contexts: list[BrowserContext] = []

    async def open_one(path: str = "/", **options: object) -> Page:
        context = await browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = await context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((site.url, "data:", "blob:"))
                else problems.append(f"request to another host: {request.url}")
            ),
        )
        page.on(
            "console",
            lambda message: (
                problems.append(message.text)
                if message.type == "error" and "Content Security Policy" in message.text
                else None
            ),
        )
        await page.goto(f"{site.url}{path}")
        return page

    yield open_one
    for context in contexts:
        await context.close()
    assert not problems


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_page: OpenPage) -> Page:
    return await open_page()
