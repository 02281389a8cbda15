"""What the page's stream sends of events that come together, as when the page's renderer is busy."""

from collections.abc import AsyncIterator
from typing import Any, Literal

import msgspec
import pytest

from opencode.schema.event import MessageUpdated, PartDelta, PartUpdated
from opencode.schema.message import AssistantMessage
from opencode.schema.part import ReasoningPart, TextPart
from opencode.server.web.live_view import LiveView
from opencode.server.web.markdown import Markdown

MESSAGE: dict[str, Any] = {
    "id": "msg_a",
    "sessionID": "ses_a",
    "role": "assistant",
    "time": {"created": 1},
    "parentID": "msg_0",
    "providerID": "p",
    "modelID": "m",
    "mode": "build",
    "agent": "build",
    "path": {"cwd": "/", "root": "/"},
    "cost": 0,
    "tokens": {"input": 1, "output": 1, "reasoning": 0, "cache": {"read": 0, "write": 0}},
}


@pytest.fixture
async def view() -> AsyncIterator[LiveView]:
    """A view whose page has the message's element, without parts."""
    markdown = Markdown()
    view = LiveView(None, lambda: False, markdown)
    view.take(MessageUpdated(session_id="ses_a", info=msgspec.convert(MESSAGE, AssistantMessage)))
    assert 'id="msg_a"' in await view.due()
    yield view
    await markdown.aclose()


def part(kind: Literal["text", "reasoning"], text: str, *, ended: bool) -> PartUpdated:
    time = {"start": 1, "end": 2} if ended else {"start": 1}
    values = {
        "id": "prt_a",
        "sessionID": "ses_a",
        "messageID": "msg_a",
        "type": kind,
        "text": text,
        "time": time,
    }
    return PartUpdated(session_id="ses_a", part=msgspec.convert(values, TextPart | ReasoningPart), time=1)


def delta(text: str) -> PartDelta:
    return PartDelta(session_id="ses_a", message_id="msg_a", part_id="prt_a", field="text", delta=text)


@pytest.mark.parametrize("kind", ["text", "reasoning"])
async def test_a_text_that_begins_and_ends_in_one_event_is_in_its_element(
    view: LiveView, kind: Literal["text", "reasoning"]
) -> None:
    view.take(part(kind, "", ended=False))
    view.take(delta("the **answer**"))
    view.take(part(kind, "the **answer**", ended=True))
    html = await view.due()
    assert "the <strong>answer</strong>" in html
    assert 'hx-target="#prt_a-body"' not in html  # no target of one event may be in the same event


@pytest.mark.parametrize("kind", ["text", "reasoning"])
async def test_a_text_that_ends_after_its_element_was_sent_is_whole(
    view: LiveView, kind: Literal["text", "reasoning"]
) -> None:
    view.take(part(kind, "", ended=False))
    assert 'id="prt_a"' in await view.due()
    view.take(delta("the **answer**"))
    view.take(part(kind, "the **answer**", ended=True))
    assert "the <strong>answer</strong>" in await view.due()
