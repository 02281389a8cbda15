"""Talking to an agent on the page."""

import asyncio
import re
from pathlib import Path

from playwright.async_api import Page, expect

from tests.llm.server import LLM, Answer, Status
from tests.web.conftest import OpenPage, Site

CHAT = re.compile(r"/chat/ses_\w+$")


async def say(page: Page, text: str) -> None:
    await page.fill("#box", text)
    await page.press("#box", "Enter")


async def begin(page: Page, text: str = "Hello") -> None:
    await say(page, text)
    await page.wait_for_url(CHAT)


async def shown(page: Page) -> str:
    await expect(page.locator("time[data-local]:not([data-shown])")).to_have_count(0)
    return str(await page.inner_text("#messages"))


async def markup(page: Page) -> str:
    """Return the conversation's HTML without htmx's own attribute, and without times."""
    html = (await page.inner_html("#messages")).replace(' data-htmx-powered="true"', "")
    html = re.sub(r"<time[^>]*>[^<]*</time>", "", html)
    return re.sub(r">\s+<", "><", html).strip()


async def at_rest(page: Page) -> None:
    await expect(page.locator("#activity")).to_have_attribute("data-state", "idle")


async def test_an_answer_streams_as_rendered_markdown_and_is_the_same_after_a_reload(
    page: Page, llm: LLM
) -> None:
    gate = asyncio.Event()
    text = (
        "# A title\n\n",
        "Some **bold** words.\n\n",
        "```python\nprint(1)\n```\n\n",
        "- one\n- two\n",
        "\nEnd",
    )
    llm.script(Answer(reasoning="Let me think.", text=text, gate=gate))
    await begin(page)
    await expect(page.locator(".assistant h1")).to_have_text("A title")
    await expect(page.locator(".assistant strong").first).to_have_text("bold")
    await expect(page.locator("#stop")).to_be_visible()
    gate.set()
    await at_rest(page)
    await expect(page.locator(".assistant pre")).to_have_text("print(1)\n")
    await expect(page.locator(".reasoning summary")).to_contain_text("Thought for")
    await expect(page.locator("#stop")).to_be_hidden()
    before = await markup(page)
    await page.reload()
    assert await markup(page) == before


async def test_a_second_tab_shows_the_same_as_it_happens(page: Page, open_page: OpenPage, llm: LLM) -> None:
    gate = asyncio.Event()
    llm.script(Answer(text="first"), Answer(text=("second ", "half"), gate=gate))
    await begin(page, "one")
    await at_rest(page)
    other = await open_page(page.url[page.url.index("/chat") :])
    await say(page, "two")
    await expect(other.locator(".user").nth(1)).to_contain_text("two")
    await expect(other.locator(".assistant").nth(1)).to_contain_text("second")
    gate.set()
    await at_rest(other)
    await expect(other.locator(".assistant").nth(1)).to_contain_text("second half")
    assert await shown(page) == await shown(other)


async def test_a_generated_title_appears_on_the_page_and_in_the_list(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="hi"))
    await begin(page)
    await expect(page.locator("#title")).to_have_text("A title")
    await expect(page.locator("#sessions a[aria-current]")).to_have_text("A title")
    await expect(page).to_have_title("A title · OpenCode API")


async def test_a_message_sent_during_an_answer_is_queued_and_answered(page: Page, llm: LLM) -> None:
    gate = asyncio.Event()
    llm.script(Answer(text=("one ", "done"), gate=gate), Answer(text="two done"))
    await begin(page, "first")
    await expect(page.locator(".assistant")).to_contain_text("one")
    await say(page, "second")
    queued = page.locator(".user").nth(1)
    await expect(queued).to_contain_text("second")
    label = "e => getComputedStyle(e, '::before').content"
    assert "Queued" in await queued.evaluate(label)
    gate.set()
    await expect(page.locator(".assistant").last).to_contain_text("two done")
    assert "Queued" not in await queued.evaluate(label)
    await at_rest(page)


async def test_stop_keeps_the_text_so_far(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="on and on ", endless=True), Answer(text="a better answer"))
    await begin(page)
    await expect(page.locator(".assistant")).to_contain_text("on and on")
    await page.press("#box", "Escape")
    await at_rest(page)
    await expect(page.locator(".failure")).to_contain_text("Stopped.")
    await expect(page.locator(".assistant")).to_contain_text("on and on")
    await page.click(".failure button")
    await expect(page.locator(".assistant")).to_have_count(1)
    await expect(page.locator(".assistant")).to_contain_text("a better answer")


async def test_a_failed_answer_says_why_and_can_be_tried_again(page: Page, llm: LLM) -> None:
    llm.script(Status(400, "You have no credit left."), Answer(text="now it works"))
    await begin(page)
    await expect(page.locator(".failure")).to_contain_text("You have no credit left.")
    await page.click(".failure button")
    await expect(page.locator(".assistant")).to_contain_text("now it works")
    await expect(page.locator(".failure")).to_have_count(0)
    await expect(page.locator(".user")).to_have_count(1)


async def test_editing_an_earlier_message_replaces_all_after_it(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="answer one"), Answer(text="answer two"), Answer(text="another answer"))
    await begin(page, "question one")
    await at_rest(page)
    await say(page, "question two")
    await expect(page.locator(".assistant").nth(1)).to_contain_text("answer two")
    await at_rest(page)
    await page.locator(".user").first.hover()
    await page.locator(".user .edit").first.click()
    assert await page.input_value("#box") == "question one"
    await say(page, "a better question")
    await expect(page.locator(".message")).to_have_count(2)
    await expect(page.locator(".assistant")).to_contain_text("another answer")
    await expect(page.locator(".user")).to_contain_text("a better question")
    await expect(page.locator(".editing")).to_be_hidden()


async def test_each_kind_of_tool_call_has_its_own_layout(page: Page, llm: LLM) -> None:
    todos = [
        {"content": "bake", "status": "completed", "priority": "high"},
        {"content": "eat", "status": "in_progress", "priority": "high"},
    ]
    llm.script(
        Answer(tools=(("todowrite", {"todos": todos}), ("webfetch", {"url": "http://127.0.0.1/x"}))),
        Answer(text="There it is."),
    )
    await begin(page)
    await at_rest(page)
    await expect(page.locator(".tool .checklist li")).to_have_count(2)
    await expect(page.locator("#todos summary")).to_contain_text("1 of 2 done")
    await expect(page.locator("#todos summary")).to_contain_text("eat")
    failed = page.locator(".tool[data-status=error]")
    await expect(failed).to_contain_text("Read 127.0.0.1")
    await failed.locator("summary").click()
    await expect(failed.locator(".tool-error")).to_be_visible()


async def test_files_are_attached_shown_and_sent(page: Page, llm: LLM, tmp_path: Path) -> None:
    llm.script(Answer(text="I see a note."))
    note = tmp_path / "note.md"
    note.write_text("remember the milk")
    await page.set_input_files("#files", [note])
    await expect(page.locator("#attachments figure")).to_contain_text("note.md")
    await begin(page, "What is this?")
    await expect(page.locator(".user .file")).to_contain_text("note.md")
    await at_rest(page)
    assert "remember the milk" in str(llm.requests[0].body)


async def test_long_conversations_open_at_their_end_and_load_on_the_way_up(
    open_page: OpenPage, site: Site, llm: LLM
) -> None:
    llm.on("one", Answer(text="Line.\n\n" * 12))
    session_id = await site.server.new_session(title="Long")
    for number in range(20):
        await site.server.ask(session_id, f"question {number}")
    page = await open_page(f"/chat/{session_id}")
    await expect(page.locator(".user").last).to_contain_text("question 19")
    assert await page.locator(".message").count() == 30
    assert await page.evaluate("scrollY + document.getElementById('scroll').scrollTop") > 0
    await page.locator(".older").scroll_into_view_if_needed()
    await expect(page.locator(".message")).to_have_count(40)
    await expect(page.locator(".user").first).to_contain_text("question 0")


async def test_reading_and_sending_work_without_javascript(open_page: OpenPage, llm: LLM) -> None:
    llm.script(Answer(text="Plain **answer**."))
    page = await open_page("/", java_script_enabled=False)
    await page.fill("#box", "Hello")
    await page.click("#send")
    await page.wait_for_url(CHAT)
    await expect(page.locator(".user")).to_contain_text("Hello")
    async with asyncio.timeout(10):
        while await page.locator(".assistant strong").count() == 0:
            await page.reload()
    await expect(page.locator(".assistant")).to_contain_text("Plain answer.")


async def test_a_permission_request_appears_and_is_allowed(open_page: OpenPage, site: Site, llm: LLM) -> None:
    rule = {"permission": "webfetch", "pattern": "*", "action": "ask"}
    session_id = await site.server.new_session(title="Careful", permission=[rule])
    llm.script(Answer(tools=(("webfetch", {"url": "http://127.0.0.1:9/x"}),)), Answer(text="Tried it."))
    page = await open_page(f"/chat/{session_id}")
    await say(page, "go")
    await expect(page.locator(".ask")).to_contain_text("webfetch")
    await expect(page.locator(".ask")).to_contain_text("http://127.0.0.1:9/x")
    await page.reload()
    await page.click("text=Allow once")
    await expect(page.locator(".assistant").last).to_contain_text("Tried it.")
    await expect(page.locator(".ask")).to_have_count(0)


async def test_a_sub_tasks_permission_request_appears_in_the_parent_chat(
    open_page: OpenPage, site: Site, llm: LLM
) -> None:
    rule = {"permission": "webfetch", "pattern": "*", "action": "ask"}
    session_id = await site.server.new_session(title="Careful", permission=[rule])
    task = {"description": "Look", "prompt": "Look there.", "subagent_type": "general"}
    fetch = ("webfetch", {"url": "http://127.0.0.1:9/x"})
    llm.script(
        Answer(tools=(("task", task),)),
        Answer(tools=(fetch,)),
        Answer(tools=(fetch,)),
        Answer(text="Looked."),
        Answer(text="All done."),
    )
    page = await open_page(f"/chat/{session_id}")
    await say(page, "go")
    first = page.locator(".ask")
    await expect(first).to_contain_text("http://127.0.0.1:9/x")
    request_id = await first.get_attribute("id")
    await page.click("text=Allow once")
    await expect(page.locator(f"#{request_id}")).to_have_count(0)
    await expect(page.locator(".ask")).to_have_count(1)
    await page.reload()
    await page.click("text=Allow once")
    await expect(page.locator(".assistant").last).to_contain_text("All done.")
    await expect(page.locator(".ask")).to_have_count(0)


async def test_a_question_appears_and_is_answered(page: Page, llm: LLM) -> None:
    options = [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cool"}]
    question = {"question": "Which colour?", "header": "Colour", "options": options}
    llm.script(Answer(tools=(("question", {"questions": [question]}),)), Answer(text="Blue it is."))
    await begin(page)
    await page.click(".ask >> text=Blue")
    await page.click(".ask button.primary")
    await expect(page.locator(".assistant").last).to_contain_text("Blue it is.")
    await expect(page.locator(".ask")).to_have_count(0)
    assert any('"Which colour?"="Blue"' in str(request.body["messages"]) for request in llm.requests)
