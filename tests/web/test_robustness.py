"""The page stays correct: lost connections, restarted servers, hostile text."""

import asyncio
import re
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Route, expect

from tests.llm.server import LLM, Answer
from tests.web.conftest import OpenPage, Site, serving
from tests.web.test_conversation import CHAT, at_rest, begin, markup, say, shown

RECONNECTED = 35_000
"""Milliseconds within which a page whose connection was cut is connected and up to date again."""

WORDS = tuple(f"word{number} " for number in range(60))

PAYLOADS = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror='window.pwned=1'>",
    "[link](javascript:window.pwned=1)",
    '![i](x"onerror="window.pwned=1)',
    "<svg/onload=window.pwned=1>",
    "</pre></code></textarea><script>window.pwned=1</script>",
    "```html\n<script>window.pwned=1</script>\n```",
    "<a href='data:text/html,<script>window.pwned=1</script>'>x</a>",
    "<form action='/chat' hx-post='/chat' hx-trigger='load'><button>",
    "<hx-partial hx-target='#box'>gotcha</hx-partial>",
    "\u202e{{ 7*7 }} {% raw %} ${7*7}",
)


async def test_a_cut_connection_loses_and_repeats_nothing(page: Page, site: Site, llm: LLM) -> None:
    gate = asyncio.Event()
    llm.script(Answer(text=WORDS, pace=0.01, gate=gate))
    await begin(page)
    await expect(page.locator(".assistant")).to_contain_text("word20")
    site.wire.cut()
    await asyncio.sleep(0.3)  # words that the page must miss
    site.wire.mend()
    gate.set()
    await expect(page.locator(".assistant")).to_contain_text("word59")
    await at_rest(page)
    text = await page.inner_text(".assistant .text")
    assert text.split() == "".join(WORDS).split()
    before = await markup(page)
    await page.reload()
    assert await markup(page) == before


async def test_after_a_server_restart_the_page_shows_the_present_state(
    page: Page, site: Site, llm: LLM
) -> None:
    llm.script(
        Answer(text="kept words ", endless=True), Answer(text="the rest"), Answer(text="after the restart")
    )
    await begin(page)
    await expect(page.locator(".assistant")).to_contain_text("kept words")
    await site.restart()
    await expect(page.locator(".failure")).to_contain_text("goes on below")
    await expect(page.locator(".assistant").last).to_contain_text("the rest")
    await at_rest(page)
    await say(page, "and now?")
    await expect(page.locator(".assistant").last).to_contain_text("after the restart")
    await at_rest(page)
    before = await shown(page)
    await page.reload()
    assert await shown(page) == before


async def test_messages_added_and_removed_during_a_gap_are_caught_up(
    page: Page, site: Site, llm: LLM
) -> None:
    llm.script(Answer(text="one"), Answer(text="two"), Answer(text="three"))
    await begin(page, "first")
    await at_rest(page)
    session_id = page.url.rpartition("/")[2]
    site.wire.cut()
    await site.server.ask(session_id, "second")
    messages = await site.server.messages(session_id)
    await site.server.client.delete(f"/session/{session_id}/message/{messages[0]['info']['id']}")
    site.wire.mend()
    await expect(page.locator(".assistant").last).to_contain_text("two", timeout=RECONNECTED)
    await expect(page.locator(".user")).to_have_count(1)


@pytest.mark.parametrize("is_swapped", [True, False], ids=["opened by a click", "loaded"])
async def test_a_stream_whose_first_request_fails_is_opened_again(
    page: Page, site: Site, llm: LLM, is_swapped: bool
) -> None:
    llm.script(Answer(text="one"), Answer(text="two"))
    session_id = await site.server.new_session(title="Cut at first")
    await site.server.ask(session_id, "first")
    refused: list[Route] = []

    async def refuse(route: Route) -> None:
        refused.append(route)
        await route.abort()

    await page.route("**/stream?*", refuse, times=2)
    if is_swapped:
        await page.click("text=Cut at first")
    else:
        await page.goto(f"{site.url}/chat/{session_id}")
    await expect(page.locator(".assistant")).to_contain_text("one")
    await site.server.ask(session_id, "second")
    await expect(page.locator(".assistant").last).to_contain_text("two")
    assert len(refused) == 2


async def test_a_message_that_could_not_be_sent_is_kept_in_the_box(page: Page, site: Site, llm: LLM) -> None:
    llm.script(Answer(text="one"), Answer(text="two"))
    await begin(page)
    await at_rest(page)
    site.wire.cut()
    await say(page, "precious words")
    await expect(page.locator("#notice")).to_contain_text("could not be sent")
    assert await page.input_value("#box") == "precious words"
    site.wire.mend()
    async with asyncio.timeout(RECONNECTED / 1000):
        while await page.locator(".user").count() < 2:
            if await page.input_value("#box"):  # a connection that was cut may fail once more
                assert await page.input_value("#box") == "precious words"
                await page.press("#box", "Enter")
            await page.wait_for_timeout(500)
    await expect(page.locator(".user")).to_have_count(2)
    await expect(page.locator(".user").last).to_contain_text("precious words")


async def test_hostile_text_is_shown_as_text_everywhere(page: Page, llm: LLM, tmp_path: Path) -> None:
    everything = "\n\n".join(PAYLOADS)
    todos = [{"content": payload, "status": "pending", "priority": "high"} for payload in PAYLOADS]
    llm.script(
        Answer(
            reasoning=everything, tools=(("todowrite", {"todos": todos}), (PAYLOADS[1], {"a": PAYLOADS[0]}))
        ),
        Answer(text=everything),
    )
    file = tmp_path / "<img src=x onerror=window.pwned=1>.txt"
    file.write_text(everything)
    await page.set_input_files("#files", [file])
    await begin(page, everything)
    await at_rest(page)
    await page.click(".more summary")
    await page.fill(".rename input", PAYLOADS[0])
    await page.click(".rename button")
    await expect(page.locator("#title")).to_have_text(PAYLOADS[0])
    for _ in range(2):
        assert await page.evaluate("window.pwned") is None
        assert await page.locator(".message script, .message img[src=x], .message svg[onload]").count() == 0
        assert await page.locator(".block form, .message hx-partial, .block [hx-post]").count() == 0
        links = await page.eval_on_selector_all(".message a", "all => all.map(a => a.protocol)")
        assert set(links) <= {"http:", "https:", "mailto:"}
        await page.reload()


async def test_an_image_of_another_site_loads_on_click_only(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="![A cat](https://example.com/cat.png)"))
    await begin(page)
    await at_rest(page)
    assert await page.locator(".message img").count() == 0
    await expect(page.locator("a.image")).to_have_text("A cat")


async def test_the_login_page_asks_for_the_password(tmp_path: Path, llm: LLM, browser: Browser) -> None:
    llm.script(Answer(text="let in"))
    async with serving(tmp_path, llm, {"OPENCODE_SERVER_PASSWORD": "sesame"}) as site:
        page = await browser.new_page()
        await page.goto(f"{site.url}/settings")
        await page.fill("[name=password]", "wrong")
        await page.click("button")
        await expect(page.locator(".problem")).to_contain_text("Wrong user name")
        await page.fill("[name=password]", "sesame")
        await page.click("button")
        await expect(page.locator("h1")).to_have_text("Settings")
        await page.goto(site.url)
        await begin(page)
        await expect(page.locator(".assistant")).to_contain_text("let in")


async def test_search_results_load_more_when_their_end_is_visible(page: Page, site: Site, llm: LLM) -> None:
    llm.on("one", Answer(text="the answer is zebra"))
    for number in range(45):
        await site.server.new_session(title=f"Numbered {number}")
    await begin(page, "about animals")
    await at_rest(page)
    await site.server.client.patch(f"/session/{page.url.rpartition('/')[2]}", json={"title": "Animals"})
    await page.set_viewport_size({"width": 1000, "height": 500})
    await page.fill("#search", "number")
    found = page.locator("#found a")
    await expect(found).to_have_count(20)
    await page.locator(".more-found").scroll_into_view_if_needed()
    await expect(found).to_have_count(40)
    await page.locator(".more-found button").focus()
    await page.keyboard.press("Enter")
    await expect(found).to_have_text([f"Numbered {number}" for number in reversed(range(45))])
    await expect(page.locator("#found h2")).to_have_text(["In titles"])
    await page.locator(".more-found").scroll_into_view_if_needed()
    await expect(page.locator(".more-found")).to_have_count(0)
    await page.fill("#search", "zebra")
    await expect(page.locator("#found h2")).to_have_text(["In messages"])
    await page.fill("#search", "ebra")
    await expect(page.locator("#found h2")).to_have_text(["In parts of words"])
    await page.fill("#search", "number ebra")
    await expect(page.locator("#found")).to_have_text("No chats found for “number ebra”.")


async def test_chats_are_searched_pinned_renamed_forked_and_deleted_with_undo(
    page: Page, site: Site, llm: LLM
) -> None:
    llm.on("one", Answer(text="the answer is zebra"))
    other = await site.server.new_session(title="Another one")
    await begin(page, "about animals")
    await at_rest(page)
    await page.click(".more summary")
    await page.fill(".rename input", "Animals")
    await page.click(".rename button")
    await expect(page.locator("#sessions a[aria-current]")).to_have_text("Animals")
    await page.fill("#search", "zebra")
    await expect(page.locator("#found a > span")).to_have_text(["Animals"])
    await page.fill("#search", "another")
    await expect(page.locator("#found a")).to_have_text(["Another one"])
    await page.fill("#search", "")
    await page.click(".more summary")
    await page.click("text=Pin")
    await expect(page.locator("#sessions h2").first).to_have_text("Pinned")
    await page.click(".more summary")
    await page.click("text=Fork into a new chat")
    await expect(page.locator("#title")).to_have_text("Animals (fork #1)")
    await page.click(".more summary")
    await page.click("text=Delete")
    await expect(page.locator("#notice")).to_contain_text("deleted")
    await expect(page.locator("#sessions a")).to_have_count(2)
    await page.click("text=Undo")
    await page.wait_for_url(CHAT)
    await expect(page.locator("#title")).to_have_text("Animals (fork #1)")
    assert other in await page.inner_html("#sessions")


async def test_a_shared_link_is_read_only_until_sharing_stops(
    page: Page, open_page: OpenPage, llm: LLM
) -> None:
    llm.script(Answer(text="for everyone"))
    await begin(page)
    await at_rest(page)
    await page.click(".more summary")
    await page.click("text=Share a read-only link")
    await page.click(".more summary")
    url = await page.input_value(".menu-list input[readonly]")
    path = url[url.index("/share/") :]
    reader = await open_page(path)
    await expect(reader.locator(".assistant")).to_contain_text("for everyone")
    assert await reader.locator("form:visible, textarea").count() == 0
    await page.click("text=Stop sharing")
    await expect(page.locator("text=Share a read-only link")).to_have_count(1)
    await reader.reload()
    await expect(reader.locator("main")).to_contain_text("link is invalid")


async def test_a_model_is_picked_from_a_list_that_can_be_searched(page: Page, llm: LLM) -> None:
    llm.on("two", Answer(text="I am two"))
    await page.click("#pick")
    await page.fill("#model-filter", "two")
    await page.press("#model-filter", "Enter")
    await expect(page.locator("#picked")).to_have_text("two")
    await begin(page)
    await expect(page.locator(".assistant")).to_contain_text("I am two")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
async def test_pages_are_accessible(open_page: OpenPage, llm: LLM, scheme: str, width: int) -> None:
    """axe finds nothing serious on a new chat, in a conversation and in the settings."""
    text = (
        "# Hi\n\n`code`, [a link](https://example.com)\n\n```python\nx = 1  # one\n```\n\n| a |\n|-|\n| b |"
    )
    llm.script(
        Answer(reasoning="Hm.", tools=(("todoread", {}), ("webfetch", {"url": "http://127.0.0.1/"}))),
        Answer(text=text),
    )
    page = await open_page("/", color_scheme=scheme, viewport={"width": width, "height": 900})
    await serious(page)
    await begin(page)
    await at_rest(page)
    await serious(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.goto(re.sub(r"/chat/.*", "/settings", page.url))
    await serious(page)


async def serious(page: Page) -> None:
    found = await Axe().run(page)
    bad = [each for each in found.response["violations"] if each["impact"] in ("serious", "critical")]
    assert not bad, [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in bad]
