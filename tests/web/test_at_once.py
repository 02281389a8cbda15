"""What one does shows at once: messages, other chats, and a connection that died."""

import asyncio
import re

import pytest
from playwright.async_api import Page, Route, expect

from opencode.server import event_stream
from tests.llm.server import LLM, Answer
from tests.web.conftest import OpenPage, Site
from tests.web.test_conversation import CHAT, at_rest, say


async def test_a_message_stands_in_the_conversation_before_the_server_has_it(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="first"), Answer(text="second"))
    arrives = asyncio.Event()

    async def late(route: Route) -> None:
        await arrives.wait()
        await route.continue_()

    await page.route(
        re.compile("/chat"),
        lambda route: late(route) if route.request.method == "POST" else route.continue_(),
    )
    for number, text in enumerate(("slow words", "slow again"), 1):
        await say(page, text)
        await expect(page.locator(".sending")).to_have_text(text)
        await expect(page.locator("#box")).to_have_value("")
        arrives.set()
        await page.wait_for_url(CHAT)
        await expect(page.locator(".assistant")).to_have_count(number)
        await at_rest(page)
        await expect(page.locator(".sending")).to_have_count(0)
        await expect(page.locator(".user")).to_have_count(number)
        arrives.clear()


async def test_a_message_that_does_not_arrive_is_in_the_box_again(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="first"))
    await page.route(
        re.compile("/chat$"),
        lambda route: route.abort() if route.request.method == "POST" else route.continue_(),
    )
    await say(page, "lost words")
    await expect(page.locator("#notice")).to_contain_text("could not be sent")
    await expect(page.locator("#box")).to_have_value("lost words")
    await expect(page.locator(".sending")).to_have_count(0)
    await expect(page.locator(".hello")).to_be_visible()


async def test_chats_are_opened_without_a_full_load(open_page: OpenPage, site: Site, llm: LLM) -> None:
    llm.on("one", Answer(text="an answer"))
    ids = [await site.server.new_session(title=f"Chat {number}") for number in range(40)]
    for session_id in ids[:2]:
        await site.server.ask(session_id, f"question in {session_id}")
    page = await open_page()
    await page.evaluate("window.sameDocument = true")
    first, second = (
        page.locator("#sessions a", has_text=re.compile(f"^Chat {number}$")) for number in (0, 1)
    )
    await first.click()
    await page.wait_for_url(f"**/chat/{ids[0]}")
    await expect(page.locator(".user").first).to_contain_text(ids[0])
    await expect(page).to_have_title("Chat 0 · OpenCode API")
    await expect(first).to_have_attribute("aria-current", "page")
    await page.fill("#box", "draft of the first")
    await second.click()
    await expect(page.locator(".user").first).to_contain_text(ids[1])
    await expect(page.locator("#box")).to_have_value("")
    await say(page, "and now?")
    await expect(page.locator(".user")).to_have_count(2)
    await expect(page.locator(".assistant")).to_have_count(2)
    await page.go_back()
    await page.wait_for_url(f"**/chat/{ids[0]}")
    await expect(page.locator(".user").first).to_contain_text(ids[0])
    await expect(page.locator("#box")).to_have_value("draft of the first")
    await page.go_back()
    await expect(page.locator(".hello")).to_be_visible()
    await page.go_forward()
    await expect(page.locator(".user").first).to_contain_text(ids[0])
    await page.locator("#sessions a", has_text=re.compile("^Chat 7$")).click()
    await page.wait_for_url(f"**/chat/{ids[7]}")
    assert await page.evaluate("window.sameDocument && document.querySelector('.chat-list').scrollTop > 0")
    await page.reload()
    await expect(page.locator("#sessions [aria-current]")).to_be_in_viewport()


async def test_scripts_and_styles_are_asked_for_once(open_page: OpenPage) -> None:
    page = await open_page()
    names = await page.evaluate("performance.getEntriesByType('resource').map(each => each.name)")
    own = [name for name in names if "/static/" in name]
    assert len(own) > 15 and all("?v=" in name for name in own if not name.endswith(".svg")), own
    await page.reload()
    await expect(page.locator("#box")).to_be_focused()
    sizes = await page.evaluate(
        """performance.getEntriesByType('resource')
            .filter(each => /[.](js|css)[?]/.test(each.name)).map(each => each.transferSize)"""
    )
    assert len(sizes) > 10 and not any(sizes)


async def test_a_known_page_is_usable_at_once_on_a_slow_network(
    open_page: OpenPage, site: Site, llm: LLM
) -> None:
    """At 400 ms and 50 KB/s, the message box has the focus and the stream is open within 1.5 s."""
    llm.on("one", Answer(text="some words " * 200))
    session_id = await site.server.new_session(title="Slow")
    for _ in range(5):
        await site.server.ask(session_id, "go on")
    page = await open_page(f"/chat/{session_id}")
    network = await page.context.new_cdp_session(page)
    await network.send("Network.enable")
    await network.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 400, "downloadThroughput": 51_200, "uploadThroughput": 51_200},
    )
    for path in (f"/chat/{session_id}", "/"):
        await page.goto(f"{site.url}{path}")
        taken = []
        for _ in range(3):  # the machine may be busy
            await page.reload(wait_until="commit")
            await expect(page.locator("#box")).to_be_focused()
            taken.append(await page.evaluate(USABLE))
        assert min(taken) < 1_500, (path, taken)


USABLE = """new Promise(resolve => {
    const timer = setInterval(() => {
        if (!document.getElementById("main")?._htmx?.sse) return;
        clearInterval(timer);
        resolve(performance.now());
    }, 10);
})"""
"""Milliseconds from the start of the load until the page's stream is open."""


async def test_a_file_is_kept_for_ever_only_under_the_version_that_it_has(site: Site) -> None:
    page = (await site.server.client.get("/")).text
    url = re.search(r'src="(/static/js/chat\.js\?v=\w+)"', page)[1]  # type: ignore[index]
    assert "immutable" in (await site.server.client.get(url)).headers["cache-control"]
    for version in ("0" * 12, "", url[-2:]):
        response = await site.server.client.get(f"/static/js/chat.js?v={version}")
        assert response.headers["cache-control"] == "no-cache"


async def test_the_page_hears_the_heartbeats_of_its_stream(
    open_page: OpenPage, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.05)
    session_id = await site.server.new_session(title="Still")
    page = await open_page(f"/chat/{session_id}")
    await page.evaluate(
        """new Promise(resolve => {
            let beats = 0;
            const main = document.getElementById('main');
            main.addEventListener('heartbeat', () => { if (++beats > 2) resolve(); });
        })"""
    )
