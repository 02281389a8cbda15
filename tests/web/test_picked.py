"""What is picked below the message box is what answers, whichever button asks."""

import re
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.llm.server import LLM, Answer, Status
from tests.web.conftest import OpenPage, Site, serving
from tests.web.test_conversation import CHAT, at_rest, begin
from tests.web.test_robustness import serious

HITCH_MS = 400
"""The longest that the page may be busy at a key, on a machine that has other work."""


async def pick(page: Page, words: str) -> None:
    await page.click("#pick")
    await page.fill("#model-filter", words)
    await page.press("#model-filter", "Enter")
    await expect(page.locator("#picked")).to_have_text(words)


def asked(llm: LLM) -> list[str]:
    return [str(request.body["model"]) for request in llm.requests]


async def test_the_picked_model_answers_again(page: Page, llm: LLM) -> None:
    llm.on("one", Answer(text="first"))
    llm.on("two", Answer(text="second"))
    await begin(page)
    await at_rest(page)
    await pick(page, "two")
    await page.click(".message.assistant:last-child .again button")
    await expect(page.locator(".assistant")).to_contain_text("second")
    assert asked(llm)[-1] == "two"
    await page.click(".again-with")
    await page.fill("#model-filter", "one")
    await page.press("#model-filter", "Enter")
    await expect(page.locator(".assistant")).to_contain_text("first")
    await expect(page.locator("#picked")).to_have_text("one")


async def test_the_picked_model_answers_what_failed(page: Page, llm: LLM) -> None:
    llm.on("one", Status(400, "No credit."))
    llm.on("two", Answer(text="second"))
    await begin(page)
    await expect(page.locator(".failure")).to_be_visible()
    await pick(page, "two")
    await page.click(".failure button")
    await expect(page.locator(".assistant")).to_contain_text("second")


async def test_the_picked_model_answers_a_suggestion(page: Page, llm: LLM) -> None:
    llm.on("two", Answer(text="second"))
    await pick(page, "two")
    await page.click(".suggestions button >> nth=0")
    await page.wait_for_url(CHAT)
    await expect(page.locator(".assistant")).to_contain_text("second")


async def test_a_new_chat_begins_with_what_was_used_last(page: Page, llm: LLM) -> None:
    llm.on("two", Answer(text="second"))
    await pick(page, "two")
    await page.reload()
    await expect(page.locator("#picked")).to_have_text("two")
    await begin(page)
    await at_rest(page)
    await page.click("a.new")
    await expect(page.locator(".hello")).to_be_visible()
    await expect(page.locator("#picked")).to_have_text("two")


async def test_a_choice_that_there_is_no_more_is_the_default(open_page: OpenPage) -> None:
    page = await open_page()
    await page.context.add_cookies(
        [{"name": "opencode_choice", "value": "gone/model|high|nobody", "url": page.url}]
    )
    await page.reload()
    await expect(page.locator("#picked")).to_have_text("one")
    await expect(page.locator("[name=agent]")).to_have_value("build")


async def test_the_picker_is_used_by_keyboard(page: Page) -> None:
    await page.click("#pick")
    await expect(page.locator("#models [aria-current]").last).to_be_in_viewport()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#models button:focus")).to_have_count(1)
    await page.keyboard.press("ArrowUp")
    await expect(page.locator("#model-filter")).to_be_focused()
    await page.keyboard.type("two")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#models button:focus")).to_have_attribute("data-name", "two")
    await page.keyboard.press("Enter")
    await expect(page.locator("#picked")).to_have_text("two")
    await expect(page.locator("#box")).to_be_focused()
    await page.click("#pick")
    await expect(page.locator("#models .recent button[value]")).to_have_attribute("data-name", "two")
    await expect(page.locator("#models button[data-name=one] small")).to_contain_text(re.compile("reasoning"))


async def test_favourites_stand_on_top_and_are_kept(page: Page) -> None:
    await page.click("#pick")
    await page.focus("#models button[value='local/two']")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    star = page.locator("#models .star:focus")
    await expect(star).to_have_attribute("aria-pressed", "true")
    await serious(page)
    await page.keyboard.press("Escape")
    await page.reload()
    await page.click("#pick")
    top = page.locator("#models section").first
    await expect(top.locator("h2")).to_have_text("Favourites")
    await expect(top.locator("button[value]")).to_have_attribute("data-name", "two")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator("#picked")).to_have_text("two")
    await page.click("#pick")
    await expect(page.locator("#models .recent")).to_have_count(0)  # it stands among the favourites
    await page.click("#models .favourites .star")
    await expect(page.locator("#models .favourites")).to_have_count(0)
    await expect(page.locator("#models .recent button[value]")).to_have_attribute("data-name", "two")


async def test_new_chats_begin_with_the_default_that_was_set_on_the_page(page: Page, llm: LLM) -> None:
    llm.on("one", Answer(text="first"))
    await pick(page, "two")
    await page.click("#pick")
    async with page.expect_response("**/chats/default"):
        await page.check("text=New chats begin with two")
    await page.fill("#model-filter", "one")
    await page.press("#model-filter", "Enter")
    await expect(page.locator("#picked")).to_have_text("one")
    await begin(page)
    await at_rest(page)
    await page.click("a.new")
    await expect(page.locator(".hello")).to_be_visible()
    await expect(page.locator("#picked")).to_have_text("two")
    await page.click("#pick")
    async with page.expect_response("**/chats/default"):
        await page.uncheck("text=New chats begin with two")
    await page.reload()
    await expect(page.locator("#picked")).to_have_text("one")  # what was used last


async def test_a_default_must_be_a_model(site: Site) -> None:
    response = await site.server.client.post("/chats/default", data={"default": "no/such"})
    assert response.status_code == 400 and "set-cookie" not in response.headers


MANY = {f"model-{number:03}": {"name": f"Model {number:03}", "attachment": True} for number in range(500)}


async def test_five_hundred_models_open_and_filter_without_a_hitch(
    tmp_path: Path, llm: LLM, browser: Browser
) -> None:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{llm.url}/v1", "apiKey": "none"},
        "models": MANY,
    }
    async with serving(tmp_path, llm, model="many/model-400", provider={"many": provider}) as site:
        page = await browser.new_page()
        await page.goto(site.url)
        await page.click("#pick")
        await expect(page.locator("#models [aria-current]")).to_be_in_viewport()
        assert await page.locator("#models .pick-list button[value]").count() >= 500
        await page.evaluate(
            """() => { window.longest = 0; new PerformanceObserver(list => {
                for (const each of list.getEntries()) longest = Math.max(longest, each.duration);
            }).observe({type: 'longtask'}); }"""
        )
        await page.keyboard.type("model-37")
        await page.keyboard.press("ArrowDown")
        for _ in range(3):
            await page.keyboard.press("ArrowDown")
        await expect(page.locator("#models button:focus")).to_have_attribute("data-name", "Model 373")
        assert await page.evaluate("longest") < HITCH_MS
        await page.keyboard.press("Enter")
        await expect(page.locator("#picked")).to_have_text("Model 373")
        await page.close()
