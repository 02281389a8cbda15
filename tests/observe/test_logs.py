"""The log: one line for each event, with the ids of the request and the session, and no secret."""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from opencode import observe
from opencode.observe.logs import JsonLines, TextLines
from tests.harness import Server
from tests.llm.server import LLM, Answer, Status


class Written:
    """What the server logs, as people and as programs read it."""

    def __init__(self) -> None:
        self.text = io.StringIO()
        self.json = io.StringIO()

    def lines(self, **fields: Any) -> list[dict[str, Any]]:
        found = map(json.loads, self.json.getvalue().splitlines())
        return [line for line in found if fields.items() <= line.items()]


@pytest.fixture
def written() -> Iterator[Written]:
    written = Written()
    handlers = []
    for stream, formatter in ((written.text, TextLines()), (written.json, JsonLines())):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        handlers.append(handler)
    log = logging.getLogger("opencode")
    before = log.level
    log.setLevel("DEBUG")
    for handler in handlers:
        log.addHandler(handler)
    yield written
    for handler in handlers:
        log.removeHandler(handler)
    log.setLevel(before)


async def test_a_request_is_one_line_with_its_ids_and_without_its_query(
    server: Server, written: Written
) -> None:
    session_id = await server.new_session(title="Named")
    await server.client.get(
        f"/session/{session_id}/message?before=msg_planted-secret", headers={"X-Request-Id": "mine.1"}
    )
    (line,) = written.lines(request="mine.1")
    assert (line["method"], line["route"]) == ("GET", "/session/<session_id>/message")
    assert (line["status"], line["session"], line["level"]) == (200, session_id, "INFO")
    assert line["ms"] >= 0
    assert "planted-secret" not in written.text.getvalue() + written.json.getvalue()
    assert re.search(
        rf"GET /session/<session_id>/message 200 [\d.]+ ms request=mine.1 session={session_id}\n",
        written.text.getvalue(),
    )


async def test_the_request_id_comes_back_and_is_made_where_none_or_a_wild_one_is_given(
    server: Server,
) -> None:
    given = await server.client.get("/session", headers={"X-Request-Id": "a1b2-c3"})
    assert given.headers["x-request-id"] == "a1b2-c3"
    for wild in ("with spaces", "x" * 200, ""):
        made = await server.client.get("/session", headers={"X-Request-Id": wild})
        assert made.headers["x-request-id"].startswith("req_")
    missing = await server.client.get("/nowhere")
    assert missing.headers["x-request-id"].startswith("req_")


async def test_what_a_turn_logs_carries_the_ids_of_its_prompt(
    server: Server, llm: LLM, written: Written
) -> None:
    llm.script(Status(429), Answer(text="Hi."))
    session_id = await server.new_session(title="Named")
    parts = [{"type": "text", "text": "planted-words"}]
    await server.client.post(
        f"/session/{session_id}/message", json={"parts": parts}, headers={"X-Request-Id": "turn-1"}
    )
    mine = written.lines(request="turn-1", session=session_id)
    assert [line for line in mine if line.get("failure") == "rate_limit" and line["level"] == "WARNING"]
    assert [line for line in mine if line.get("outcome") == "ok"]
    everything = written.text.getvalue() + written.json.getvalue()
    assert "planted-words" not in everything
    assert "a-secret-key" not in everything


async def test_a_shared_conversations_address_is_not_in_the_log(server: Server, written: Written) -> None:
    session_id = await server.new_session(title="Named")
    shared = (await server.client.post(f"/session/{session_id}/share")).json()["share"]["url"]
    token = shared.rpartition("/")[2]
    assert (await server.client.get(f"/share/{session_id}/{token}")).status_code == 200
    assert token not in written.text.getvalue() + written.json.getvalue()


async def test_health_checks_are_quiet(server: Server, written: Written) -> None:
    await server.client.get("/global/health")
    assert {line["level"] for line in written.lines(route="/global/health")} == {"DEBUG"}


def test_text_from_outside_cannot_forge_a_line() -> None:
    record = logging.LogRecord("opencode.x", logging.INFO, "", 0, "said %s", ("one\nERROR two",), None)
    assert TextLines().format(record).count("\n") == 0
    surrogate = logging.LogRecord("opencode.x", logging.INFO, "", 0, "said \udc80\n", (), None)
    assert json.loads(JsonLines().format(surrogate))["message"] == "said \udc80\n"


def test_a_traceback_is_a_field_of_its_line() -> None:
    try:
        raise ValueError("no")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("opencode.x", logging.ERROR, "", 0, "failed", (), info)
    with observe.watch(observe.Turn(session_id="ses_1")):
        line = JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("ValueError: no")
    assert json.loads(line)["session"] == "ses_1"
