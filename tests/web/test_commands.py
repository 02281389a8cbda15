"""The message box offers the commands of the configuration."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.llm.server import LLM, Answer
from tests.mcp.conftest import program
from tests.web.conftest import OpenPage, Site, serving
from tests.web.test_conversation import CHAT, at_rest, say
from tests.web.test_robustness import serious

COMMANDS = {
    "review": {"template": "Review $ARGUMENTS.", "description": "Look for what is <b>wrong</b>"},
    "preview": {"template": "Preview it."},
    "plan": {"template": "Plan it.", "description": "Plan the next steps"},
    "two words": {"template": "Never."},
    **{f"task-{number}": {"template": f"Do task {number}."} for number in range(10)},
}
MCP = {"probe": {"type": "local", "command": program().command}}
ASKED = "GET /chats/commands"


@pytest_asyncio.fixture(loop_scope="session")
async def site(request: pytest.FixtureRequest, tmp_path: Path, llm: LLM) -> AsyncIterator[Site]:
    more = getattr(request, "param", {"command": COMMANDS})
    async with serving(tmp_path, llm, **more) as site:
        yield site


def offered(page: Page) -> Locator:
    return page.locator("#commands").get_by_role("option")


async def names(page: Page) -> list[str]:
    return await page.locator("#commands [role=option] span").all_inner_texts()


async def test_a_command_is_listed_chosen_by_keyboard_and_run(page: Page, site: Site, llm: LLM) -> None:
    llm.script(Answer(text="Nothing is wrong."))
    box = page.locator("#box")
    await box.press_sequentially("/")
    await expect(offered(page)).to_have_count(13)
    await expect(offered(page).first).to_have_text("/plan Plan the next steps", use_inner_text=True)
    await box.press_sequentially("VIEW")
    await expect(offered(page)).to_have_count(2)
    await box.fill("/re")
    assert await names(page) == ["/review", "/preview"]  # names that begin with the word come first
    await expect(offered(page).first).to_contain_text("Look for what is <b>wrong</b>")
    await box.press("Enter")
    await expect(box).to_have_value("/review ")
    await expect(box).to_be_focused()
    await expect(page.locator("#commands")).to_be_hidden()
    await box.press_sequentially("the trip")
    await box.press("Enter")
    await page.wait_for_url(CHAT)
    await expect(page.locator(".user")).to_contain_text("Review the trip.")
    await expect(page.locator(".assistant")).to_contain_text("Nothing is wrong.")
    assert site.server.requests.count(ASKED) == 1


async def test_enter_sends_a_name_typed_in_full(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="Here is a plan."))
    box = page.locator("#box")
    await box.fill("/plan")
    await expect(offered(page)).not_to_have_count(0)
    await box.press("Enter")
    await expect(page.locator(".user")).to_contain_text("Plan it.")
    await expect(page.locator(".assistant")).to_contain_text("Here is a plan.")


async def test_arrow_keys_choose_and_aria_attributes_follow(page: Page) -> None:
    box = page.locator("#box")
    await box.fill("/p")
    await expect(box).to_have_attribute("aria-expanded", "true")
    await expect(box).to_have_attribute("aria-controls", "commands")
    for key, name in (("", "plan"), ("ArrowDown", "preview"), ("ArrowDown", "plan"), ("ArrowUp", "preview")):
        if key:
            await box.press(key)
        chosen = page.locator("#commands [aria-selected=true]")
        await expect(chosen).to_have_attribute("data-name", name)
        await expect(box).to_have_attribute("aria-activedescendant", str(await chosen.get_attribute("id")))
    await box.press("Tab")
    await expect(box).to_have_value("/preview ")
    await expect(box).to_be_focused()
    assert await box.get_attribute("aria-activedescendant") is None


async def test_the_list_shows_eight_rows_and_scrolls_to_the_chosen_one(page: Page) -> None:
    box = page.locator("#box")
    await box.fill("/")
    await expect(offered(page).nth(7)).to_be_in_viewport(ratio=1)
    await expect(offered(page).nth(8)).not_to_be_in_viewport(ratio=0.5)
    await box.press("ArrowUp")
    await expect(offered(page).last).to_be_in_viewport(ratio=1)


async def test_escape_closes_the_list_and_does_not_stop_the_answer(page: Page, llm: LLM) -> None:
    llm.script(Answer(text=("on", " and on "), endless=True, pace=0.01))
    await say(page, "go")
    await expect(page.locator(".assistant")).to_contain_text("on and on")
    box = page.locator("#box")
    await box.fill("/re")
    await expect(offered(page)).to_have_count(2)
    await box.press("Escape")
    await expect(page.locator("#commands")).to_be_hidden()
    await expect(box).to_have_value("/re")
    await expect(page.locator("#activity")).to_have_attribute("data-state", "busy")
    await box.press("Escape")
    await at_rest(page)


async def test_a_click_chooses_and_other_texts_open_no_list(page: Page) -> None:
    box = page.locator("#box")
    await box.fill("/")
    await page.get_by_role("option", name="/task-3").click()
    await expect(box).to_have_value("/task-3 ")
    await expect(box).to_be_focused()
    for text in ("/task-3 x", "/nothing", "a /re", ""):
        await box.fill("/re")
        await expect(page.locator("#commands")).to_be_visible()
        await box.fill(text)
        await expect(page.locator("#commands")).to_be_hidden()


@pytest.mark.parametrize("site", [{"mcp": MCP}], indirect=True)
async def test_a_prompt_of_an_mcp_server_is_listed_and_run(page: Page, site: Site, llm: LLM) -> None:
    llm.script(Answer(text="It is fine."))
    async with asyncio.timeout(15):
        while (await site.server.client.get("/mcp")).json()["probe"]["status"] != "connected":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    box = page.locator("#box")
    await box.fill("/rev")
    await expect(offered(page)).to_have_text("/probe:review Have code reviewed.", use_inner_text=True)
    await box.press("Enter")
    await expect(box).to_have_value("/probe:review ")
    await box.press_sequentially("x=1")
    await box.press("Enter")
    await expect(page.locator(".user")).to_contain_text("Review kindly: x=1")


async def test_an_unknown_command_is_sent_to_the_model_as_text(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="What is that?"))
    await page.fill("#box", "/")
    await expect(page.locator("#commands")).to_be_visible()
    await say(page, "/nothing")
    await expect(page.locator(".user")).to_contain_text("/nothing")
    await expect(page.locator(".assistant")).to_contain_text("What is that?")


async def test_the_list_is_loaded_again_after_a_minute(page: Page, site: Site) -> None:
    await page.clock.install()
    await page.reload()
    box = page.locator("#box")
    await box.fill("/")
    await expect(page.locator("#commands")).to_be_visible()
    await page.clock.fast_forward(59_000)
    await box.fill("/p")
    assert site.server.requests.count(ASKED) == 1
    await box.press("ArrowDown")
    await page.clock.fast_forward(2_000)
    async with page.expect_response("**/chats/commands"):
        await box.fill("/pr")
    await expect(offered(page)).to_have_count(1)
    assert site.server.requests.count(ASKED) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_list_is_accessible(open_page: OpenPage, scheme: str) -> None:
    page = await open_page("/", color_scheme=scheme, viewport={"width": 390, "height": 800})
    await page.fill("#box", "/")
    await expect(page.locator("#commands")).to_be_visible()
    await serious(page)
