"""Errors on the page: they speak of chats, where the API speaks of sessions."""

from pathlib import Path

from opencode.errors import Conflict, NotFound
from opencode.server.web.error_messages import CHAT_NOT_FOUND, page_message
from tests.harness import running_server


def test_a_session_is_a_chat_on_the_page() -> None:
    assert page_message(NotFound("Session not found: ses_1")) == CHAT_NOT_FOUND
    error = Conflict("Session busy: 3 sessions run; abort this session. sessionID stays.")
    assert page_message(error) == "Chat busy: 3 chats run; abort this chat. sessionID stays."


async def test_an_unknown_model_is_not_reported_as_a_missing_chat(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        response = await server.client.get("/chats/effort?model=nowhere/none", headers={"HX-Request": "true"})
        assert response.status_code == 400 and "provider" in response.text


async def test_a_refused_action_is_a_notice_or_without_javascript_a_page(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        notice = await server.client.post("/chat/ses_1/stop", headers={"HX-Request": "true"})
        assert CHAT_NOT_FOUND in notice.text and "<html" not in notice.text
        page = await server.client.post("/chat/ses_1/stop")
        assert page.status_code == 404 and CHAT_NOT_FOUND in page.text and "<html" in page.text
