"""An edited or repeated message keeps what it replaces, as a branch to switch to."""

import asyncio

from playwright.async_api import Page, expect

from tests.llm.server import LLM, Answer, Status
from tests.web.conftest import OpenPage, Site
from tests.web.test_conversation import at_rest, begin, say


async def edit(page: Page, number: int, text: str) -> None:
    await page.locator(".message.user").nth(number).hover()
    await page.locator(".message.user .edit").nth(number).click()
    await say(page, text)


async def test_versions_of_a_message_are_switched_in_every_tab(
    page: Page, open_page: OpenPage, site: Site, llm: LLM
) -> None:
    llm.script(*(Answer(text=f"answer {number}") for number in range(5)))
    await begin(page, "question one")
    await at_rest(page)
    await say(page, "question two")
    await expect(page.locator(".assistant").last).to_contain_text("answer 1")
    await at_rest(page)
    other = await open_page(page.url[page.url.index("/chat") :])
    await edit(page, 1, "question two, better")
    await expect(page.locator(".assistant").last).to_contain_text("answer 2")
    await at_rest(page)
    await edit(page, 0, "question one, better")
    await expect(page.locator(".message")).to_have_count(2)
    await expect(page.locator(".assistant")).to_contain_text("answer 3")
    for tab in (page, other):
        await expect(tab.locator(".branches form")).to_contain_text("2/2")
    await at_rest(page)
    await page.click("[title='Previous version']")
    for tab in (page, other):
        await expect(tab.locator(".message")).to_have_count(4)
        await expect(tab.locator(".user").nth(1)).to_contain_text("question two, better")
        await expect(tab.locator(".branches form").nth(0)).to_contain_text("1/2")
        await expect(tab.locator(".branches form").nth(1)).to_contain_text("2/2")
    await page.reload()
    await page.locator("[title='Previous version']:not([disabled])").click()
    await expect(page.locator(".assistant").last).to_contain_text("answer 1")
    await page.click(".again:visible button")
    await expect(page.locator(".assistant").last).to_contain_text("answer 4")
    await expect(page.locator(".branches form").nth(1)).to_contain_text("3/3")
    session_id = page.url.rpartition("/")[2]
    children = (await site.server.client.get(f"/session/{session_id}/children")).json()
    assert len(children) == 3 and all(child["metadata"]["branch"]["first"] for child in children)
    assert [each["id"] for each in (await site.server.client.get("/session?roots=true")).json()] == [
        session_id
    ]


async def test_a_failed_answer_leaves_no_branch(page: Page, llm: LLM) -> None:
    llm.script(Status(400, "No credit."), Answer(text="now it works"))
    await begin(page)
    await page.click(".failure button")
    await expect(page.locator(".assistant")).to_contain_text("now it works")
    await expect(page.locator(".branches form")).to_have_count(0)


async def test_versions_are_switched_without_javascript(open_page: OpenPage, site: Site, llm: LLM) -> None:
    llm.script(Answer(text="first"), Answer(text="second"))
    session_id = await site.server.new_session(title="Plain")
    await site.server.ask(session_id, "hello")
    prompt = (await site.server.messages(session_id))[0]["info"]["id"]
    page = await open_page(f"/chat/{session_id}", java_script_enabled=False)
    await page.click(".again button")
    async with asyncio.timeout(10):
        while "second" not in await page.inner_text("#messages"):
            await page.reload()
    await page.click("[title='Previous version']")
    await expect(page.locator(".assistant")).to_contain_text("first")
    assert (await site.server.messages(session_id))[0]["info"]["id"] == prompt


async def test_a_queued_message_is_edited_and_taken_back_while_the_answer_goes_on(
    page: Page, llm: LLM
) -> None:
    gate = asyncio.Event()
    llm.script(Answer(text=("on ", "and on"), gate=gate), Answer(text="to B"))
    await begin(page, "first")
    await expect(page.locator(".assistant")).to_contain_text("on")
    await say(page, "queued A")
    await say(page, "queued C")
    await expect(page.locator(".user")).to_have_count(3)
    await edit(page, 1, "queued B")
    await expect(page.locator(".user").nth(1)).to_contain_text("queued B")
    await expect(page.locator(".user").nth(1)).not_to_contain_text("queued A")
    await page.locator(".user").nth(2).locator(".take-back button").click()
    await expect(page.locator(".user")).to_have_count(2)
    await expect(page.locator("#box")).to_have_value("queued C")
    await expect(page.locator("#activity")).to_have_attribute("data-state", "busy")
    gate.set()
    await expect(page.locator(".assistant").last).to_contain_text("to B")
    await at_rest(page)
    await expect(page.locator(".failure")).to_have_count(0)
    said = str(llm.requests[-1].body["messages"])
    assert "queued B" in said and "queued A" not in said and "queued C" not in said
