"""Features of the page beyond a plain conversation."""

import asyncio
import gzip
import re

import pytest
from playwright.async_api import Page, Route, expect

from tests.llm.server import LLM, Answer, Status
from tests.web.conftest import OpenPage, Site
from tests.web.test_conversation import at_rest, begin, say
from tests.web.test_robustness import serious

KILOBYTES = 100
"""Limit for the start page with everything it loads, compressed."""


async def test_the_end_is_followed_until_the_reader_scrolls_up(page: Page, llm: LLM) -> None:
    llm.script(Answer(text=tuple(f"Paragraph {number}.\n\n" for number in range(200)), pace=0.002))
    await begin(page)
    await at_rest(page)
    await expect(page.locator("#latest")).to_be_hidden()
    await expect(page.locator(".block").last).to_be_in_viewport()
    await page.hover("#scroll")
    await page.mouse.wheel(0, -2_000)
    await expect(page.locator("#latest")).to_be_visible()
    await page.click("#latest")
    await expect(page.locator(".block").last).to_be_in_viewport()


async def test_only_the_last_answer_offers_try_again(page: Page, llm: LLM) -> None:
    llm.script(Status(400, "no"), Answer(text="two"), Answer(text="two again"))
    await begin(page, "one")
    await expect(page.locator(".failure button")).to_be_visible()
    await say(page, "two")
    await at_rest(page)
    await expect(page.locator(".failure")).to_be_visible()
    await expect(page.locator(".failure button")).to_be_hidden()
    await page.click(".again:visible button")
    await expect(page.locator(".assistant").last).to_contain_text("two again")
    await expect(page.locator(".user")).to_have_count(2)


async def test_a_queued_prompt_that_was_stopped_can_be_answered(page: Page, llm: LLM) -> None:
    llm.script(Answer(text=("on", " and on "), endless=True, pace=0.01))
    await begin(page, "one")
    await expect(page.locator(".assistant")).to_contain_text("on and on")
    await say(page, "two")
    await expect(page.locator(".user")).to_have_count(2)
    llm.script(Answer(text="an answer to two"))
    await page.press("#box", "Escape")
    await at_rest(page)
    offer = page.locator(".unanswered:visible button")
    if await offer.count():
        await offer.click()
    await expect(page.locator(".assistant").last).to_contain_text("an answer to two")


async def test_files_stay_when_their_message_is_edited(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="a note"), Answer(text="the same note"))
    await page.set_input_files("#files", {"name": "n.txt", "mimeType": "text/plain", "buffer": b"milk"})
    await begin(page, "What is it?")
    await at_rest(page)
    await page.hover(".user")
    await page.click(".user .edit")
    await expect(page.locator(".editing")).to_contain_text("Its file is kept.")
    await say(page, "What is it really?")
    await expect(page.locator(".assistant")).to_contain_text("the same note")
    await expect(page.locator(".user .file")).to_contain_text("n.txt")


async def test_a_first_message_that_is_refused_stays_in_the_box(page: Page) -> None:
    await page.set_input_files("#files", {"name": "x.bin", "mimeType": "", "buffer": b"PK\x03\x04\x00\x01"})
    await say(page, "what is this")
    await expect(page.locator("#notice")).to_contain_text("x.bin can't be read")
    assert await page.input_value("#box") == "what is this"
    await expect(page.locator("#attachments figure")).to_have_count(1)


async def test_enter_in_the_reason_rejects(open_page: OpenPage, site: Site, llm: LLM) -> None:
    rule = {"permission": "webfetch", "pattern": "*", "action": "ask"}
    session_id = await site.server.new_session(title="Careful", permission=[rule])
    llm.script(Answer(tools=(("webfetch", {"url": "http://127.0.0.1:9/x"}),)), Answer(text="Then not."))
    page = await open_page(f"/chat/{session_id}")
    await say(page, "go")
    await page.fill(".ask [name=message]", "not that one")
    await serious(page)
    await page.press(".ask [name=message]", "Enter")
    await expect(page.locator(".tool[data-status=error]")).to_contain_text("Read 127.0.0.1")
    await expect(page.locator(".assistant").last).to_contain_text("Then not.")
    assert any("not that one" in str(request.body) for request in llm.requests)


async def test_sharing_and_pinning_show_in_other_tabs(page: Page, open_page: OpenPage, llm: LLM) -> None:
    llm.script(Answer(text="hi"))
    await begin(page)
    await at_rest(page)
    other = await open_page(page.url[page.url.index("/chat") :])
    await page.click(".more summary")
    await page.click("text=Share a read-only link")
    await expect(page.locator("#notice a")).to_have_attribute("href", re.compile("/share/ses_"))
    await other.click(".more summary")
    await expect(other.locator("#menu-share input")).to_have_value(re.compile("/share/ses_"))
    await page.click(".more summary")
    await page.click("text=Pin")
    await expect(other.locator("#menu-pin")).to_have_text("Unpin")


async def test_all_chats_can_be_listed_and_pinned_ones_come_first(open_page: OpenPage, site: Site) -> None:
    pinned = await site.server.new_session(title="The pinned one", metadata={"pinned": True})
    for number in range(85):
        await site.server.new_session(title=f"Chat {number}")
    page = await open_page()
    await expect(page.locator("#sessions h2").first).to_have_text("Pinned")
    await expect(page.locator(f"#sessions a[href='/chat/{pinned}']")).to_be_visible()
    await expect(page.locator("#sidebar a", has_text=re.compile("^Chat 0$"))).to_have_count(0)
    await page.click(".older-chats a")
    await expect(page.locator("#older a", has_text=re.compile("^Chat 0$"))).to_be_visible()


async def test_an_unknown_chat_is_an_error_page(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/chat/ses_nothing")
    await expect(page.locator("main")).to_contain_text("may have been deleted")
    await serious(page)


async def test_commands_of_the_configuration_are_known_in_the_box(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="one"), Answer(text="a summary"))
    await begin(page, "/unknown stays as it is")
    await at_rest(page)
    await expect(page.locator(".user")).to_contain_text("/unknown stays as it is")
    await page.click(".more summary")
    await page.click("text=Compact")
    await expect(page.locator(".divider")).to_contain_text("Compacted")
    await expect(page.locator(".compacted summary")).to_contain_text("Summary used by the agent")


async def test_without_commands_no_list_opens(page: Page) -> None:
    async with page.expect_response("**/chats/commands") as asked:
        await page.fill("#box", "/")
    await (await asked.value).finished()
    for key in ("x", "Backspace"):
        await page.press("#box", key)
    await expect(page.locator("#box")).to_have_value("/")
    await expect(page.locator("#commands")).to_be_hidden()


async def test_the_first_page_is_light_and_compressed(site: Site) -> None:
    client = site.server.client
    html = await client.get("/", headers={"Accept-Encoding": "gzip"})
    assert html.headers["content-encoding"] == "gzip"
    weight = len(gzip.compress(html.content, 4))
    scripts = re.findall(r'(?:src|href)="(/static/[^"#]+)"', html.text)
    modules = [f"/static/js/{name}" for name in re.findall(r"import .*\"\./([\w.]+)\"", await _chat(site))]
    for path in {*scripts, *modules}:
        response = await client.get(path, headers={"Accept-Encoding": "gzip"})
        assert response.status_code == 200
        weight += len(gzip.compress(response.content, 9))
    assert weight < KILOBYTES * 1_000


async def _chat(site: Site) -> str:
    return (await site.server.client.get("/static/js/chat.js")).text


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_questions_failures_and_dialogs_are_accessible(
    open_page: OpenPage, llm: LLM, scheme: str
) -> None:
    """axe finds nothing serious in questions, failures, dialogs and on the phone's drawer."""
    options = [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": ""}]
    question = {"question": "Which?", "header": "Colour", "options": options}
    llm.script(Answer(tools=(("question", {"questions": [question]}),)), Status(400, "No credit."))
    page = await open_page("/", color_scheme=scheme, viewport={"width": 390, "height": 800})
    await begin(page)
    await expect(page.locator(".ask")).to_be_visible()
    await serious(page)
    await page.click(".ask >> text=Blue")
    await page.click(".ask button.primary")
    await expect(page.locator(".failure")).to_be_visible()
    await expect(page.locator(".answers")).to_contain_text("Blue")
    await serious(page)
    await page.click("#pick")
    await expect(page.locator("#model-filter")).to_be_visible()
    await serious(page)
    await page.keyboard.press("Escape")
    await page.click("label.menu")
    await expect(page.locator("#sessions a")).to_be_visible()
    await serious(page)


async def test_the_stream_connects_even_if_scripts_load_late(page: Page, site: Site, llm: LLM) -> None:
    """htmx must not start before its extensions are loaded."""

    async def late(route: Route) -> None:
        await asyncio.sleep(1)
        await route.continue_()

    session_id = await site.server.new_session(title="Slow network")
    await page.route(re.compile(r"hx-sse|place\.js"), late)
    async with page.expect_request(re.compile("/stream")):
        await page.goto(f"{site.url}/chat/{session_id}")


async def test_a_question_needs_an_answer(page: Page, llm: LLM) -> None:
    options = [{"label": "Red", "description": ""}, {"label": "Blue", "description": ""}]
    question = {"question": "Which?", "header": "Colour", "options": options}
    llm.script(Answer(tools=(("question", {"questions": [question]}),)), Answer(text="Then not."))
    await begin(page)
    await page.click(".ask button.primary")
    await expect(page.locator("#notice")).to_contain_text("Choose an answer or write one.")
    await page.click(".ask >> text=Dismiss")
    await expect(page.locator(".ask")).to_have_count(0)


async def test_a_stopped_answer_can_be_continued(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="on and on ", endless=True), Answer(text="and the rest"))
    await begin(page)
    await expect(page.locator(".assistant")).to_contain_text("on and on")
    await page.press("#box", "Escape")
    await at_rest(page)
    await page.click("text=Continue >> visible=true")
    await expect(page.locator(".assistant").last).to_contain_text("and the rest")
    await expect(page.locator(".assistant").first).to_contain_text("on and on")


async def test_an_export_is_named_by_its_title(site: Site) -> None:
    session_id = await site.server.new_session(title="Trip to Lisbon: day 1/2 “ü”")
    for kind in ("md", "json"):
        response = await site.server.client.get(f"/chat/{session_id}/export.{kind}")
        assert f"Trip-to-Lisbon-day-1-2-%C3%BC.{kind}" in response.headers["content-disposition"]


async def test_a_theme_reaches_every_tab(page: Page) -> None:
    other = await page.context.new_page()
    await other.goto(page.url.rstrip("/") + "/settings")
    await other.check("[name=theme][value=dark]", force=True)
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_a_long_conversation_prints_on_several_pages_and_tables_scroll_on_phones(
    open_page: OpenPage, site: Site
) -> None:
    session_id = await site.server.new_session(title="Long")
    table = (
        "| A | B | C | D | Notes |\n|---|---|---|---|---|\n| uvicorn | 12,400 | 8 ms | 48 MB | "
        + "word " * 14
        + "|"
    )
    for text in ["\n\n".join(f"line {number}" for number in range(40))] * 5 + [table]:
        body = {"parts": [{"type": "text", "text": text}], "noReply": True}
        (await site.server.client.post(f"/session/{session_id}/message", json=body)).raise_for_status()
    page = await open_page(f"/chat/{session_id}", viewport={"width": 390, "height": 844})
    assert await page.locator("tr").last.evaluate("row => row.offsetHeight") < 120
    assert (await page.pdf()).count(b"/Type /Page\n") > 2


async def test_a_phone_in_landscape_has_no_fixed_side_bar(open_page: OpenPage) -> None:
    page = await open_page("/", viewport={"width": 844, "height": 390})
    await expect(page.locator("#sidebar")).to_be_hidden()
    await page.click("label.menu")
    await expect(page.locator("#search")).to_be_visible()


async def test_text_is_copied_and_edited_as_it_was_written(page: Page, llm: LLM) -> None:
    text = "100% \"quoted\" & 'so' <br> $S=\\pi$ 面积 %24"
    llm.script(Answer(text=text))
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await begin(page, text)
    await at_rest(page)
    await page.click(".message.assistant .copy-text")
    await expect(page.locator(".message.assistant .copy-text")).to_have_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == text
    await page.press("#box", "ArrowUp")
    await expect(page.locator("#box")).to_have_value(text)
