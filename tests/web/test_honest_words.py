"""The page says what happened, and what can be done."""

import re

import pytest
from playwright.async_api import Page, expect

from opencode.schema.error import (
    APIError,
    APIErrorData,
    ContentFilterError,
    ContextOverflowData,
    ContextOverflowError,
    MessageAbortedError,
    MessageData,
    MessageError,
    MessageOutputLengthError,
    ProviderAuthData,
    ProviderAuthError,
    UnknownData,
    UnknownError,
)
from opencode.server.web.error_messages import advice
from tests.llm.server import LLM, Answer, Status
from tests.web.conftest import OpenPage, Site
from tests.web.test_conversation import at_rest, begin, say
from tests.web.test_picked import pick
from tests.web.test_robustness import serious

FETCH = ("webfetch", {"url": "http://127.0.0.1:9/x"})
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.mark.parametrize(("action", "ending"), [("ask", "refused by you"), ("deny", "not allowed")])
async def test_a_refused_call_is_not_called_failed(
    open_page: OpenPage, site: Site, llm: LLM, action: str, ending: str
) -> None:
    rule = {"permission": "webfetch", "pattern": "http://127*", "action": action}
    session_id = await site.server.new_session(title="Careful", permission=[rule])
    llm.script(Answer(tools=(FETCH,)), Answer(text="Then not."))
    page = await open_page(f"/chat/{session_id}")
    await say(page, "go")
    if action == "ask":
        await page.click("text=Reject")
    state = page.locator(".tool .tool-state")
    await expect(state).to_have_text(ending)
    await at_rest(page)
    share = (await site.server.client.post(f"/session/{session_id}/share")).json()["share"]["url"]
    shared = (await site.server.client.get(share[share.index("/share") :])).text
    assert ending.removesuffix(" by you") in shared and "by you" not in shared


async def test_a_call_that_was_stopped_is_interrupted(open_page: OpenPage, site: Site, llm: LLM) -> None:
    rule = {"permission": "webfetch", "pattern": "*", "action": "ask"}
    session_id = await site.server.new_session(title="Careful", permission=[rule])
    llm.script(Answer(tools=(FETCH,)))
    page = await open_page(f"/chat/{session_id}")
    await say(page, "go")
    await expect(page.locator(".ask")).to_be_visible()
    await page.press("#box", "Escape")
    await expect(page.locator(".tool .tool-state")).to_have_text("interrupted")


async def test_a_question_is_shown_once_and_dismissed_by_you(page: Page, llm: LLM) -> None:
    question = {"question": "Which?", "header": "Colour", "options": [{"label": "Red", "description": ""}]}
    llm.script(Answer(tools=(("question", {"questions": [question]}),)), Answer(text="Then not."))
    await begin(page)
    await expect(page.locator(".tool .tool-state")).to_have_text("waits for you")
    await expect(page.locator(".tool .spinner")).to_have_count(0)
    await page.click(".ask >> text=Dismiss")
    await expect(page.locator(".tool .tool-state")).to_have_text("dismissed by you")


async def test_files_that_the_picked_model_cannot_read_are_named_before_they_are_sent(
    open_page: OpenPage, llm: LLM
) -> None:
    page = await open_page("/", viewport={"width": 390, "height": 800})
    line = page.locator("#unread")
    picture = {"name": "cat.png", "mimeType": "image/png", "buffer": PNG}
    await page.set_input_files("#files", {"name": "n.txt", "mimeType": "text/plain", "buffer": b"milk"})
    await expect(page.locator("#attachments figure")).to_have_count(1)
    await expect(line).to_be_hidden()
    await pick(page, "two")
    await page.set_input_files("#files", picture)
    await expect(line).to_contain_text("two can't read images")
    await serious(page)
    await page.reload()
    await expect(line).to_contain_text("two can't read images")
    await page.click("[aria-label='Remove cat.png']")
    await expect(line).to_be_hidden()


async def test_a_failed_turn_says_what_to_do(page: Page, llm: LLM) -> None:
    llm.script(Status(401, "Wrong key."))
    await begin(page)
    await expect(page.locator(".failure")).to_contain_text(
        re.compile("(Set|Check) the key in the settings.*try again")
    )
    await page.click(".failure a")
    await expect(page.locator("h1")).to_have_text("Settings")


def _api(status: int) -> APIError:
    return APIError(data=APIErrorData(message="no", is_retryable=False, status_code=status))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ProviderAuthError(data=ProviderAuthData(provider_id="x", message="no")), "the settings"),
        (ContextOverflowError(data=ContextOverflowData(message="no")), "Compact"),
        (ContentFilterError(data=MessageData(message="no")), "Edit your message"),
        (MessageOutputLengthError(data={"message": "no"}), "lower effort"),
        (UnknownError(data=UnknownData(message="no")), "Try again"),
        (_api(402), "credit"),
        (_api(403), "the settings"),
        (_api(404), "Pick another model"),
        (_api(429), "Wait a moment"),
        (_api(529), "in a moment"),
    ],
)
def test_each_failure_has_its_advice(error: MessageError, words: str) -> None:
    assert words in advice(error)
    assert not advice(MessageAbortedError(data=MessageData(message="Aborted")))
