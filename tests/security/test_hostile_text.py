"""Text and ids that break databases, terminals and orders of messages: kept as they are, or refused."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from opencode import ids
from opencode.store import tables
from tests.harness import Server, running_server, text_of
from tests.llm.server import LLM, Answer

ODD = "NUL \0, ESC \x1b[31m, \u202eoverride, \ufffe, 👩‍👩‍👧, \u2028line"


async def test_odd_characters_of_a_message_come_back_as_they_were_sent(server: Server, llm: LLM) -> None:
    llm.script(Answer(text=(ODD[:8], ODD[8:]), reasoning=ODD))
    session_id = await server.new_session(title="Odd")
    answered = await server.ask(session_id, ODD)
    assert text_of(answered) == ODD
    asked, stored = await server.messages(session_id)
    assert asked["parts"][0]["text"] == ODD
    assert stored["parts"] == answered["parts"]
    assert (await server.client.get(f"/chat/{session_id}")).status_code == 200
    assert ODD in (await server.client.get(f"/chat/{session_id}/export.md")).text


async def test_a_title_is_one_line_without_control_characters(server: Server) -> None:
    session_id = await server.new_session(title=" a\0b\x1b[31m\r\nc\x7f ")
    title = (await server.client.get(f"/session/{session_id}")).json()["title"]
    assert title == "a b [31m c"
    assert (await server.client.patch(f"/session/{session_id}", json={"title": "\0"})).status_code == 400


@pytest.mark.parametrize("end", ["9" * 30, "9" * 5_000, "-1", "\u0663", "", "999999", "12-<b>", "20-ses_"])
@pytest.mark.parametrize("path", ["/chats/search?q=a&after=", "/chats/older?after=", "/?after="])
async def test_an_odd_end_of_a_page_is_answered(server: Server, path: str, end: str) -> None:
    await server.new_session(title="a")
    answer = await server.client.get(path + end)
    assert answer.status_code == 200
    assert "<b>" not in answer.text


@pytest.mark.parametrize("text", ["\\ud800", "\\udfff\\ud800", "a\\ud83d"])
async def test_half_a_character_is_refused_in_json_and_replaced_in_addresses_and_forms(
    server: Server, text: str
) -> None:
    session_id = await server.new_session(title="Half")
    path = f"/session/{session_id}/message"
    refused = await server.client.post(path, content=f'{{"content": "{text}", "noReply": true}}')
    assert refused.status_code == 400 and "surrogate" in refused.json()["data"]["message"]
    assert (await server.client.get("/session/%ED%A0%80")).status_code == 404
    assert (await server.client.get("/session?search=%ED%A0%80")).json() == []
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    renamed = await server.client.post(
        f"/chat/{session_id}/rename", content=b"title=a%ED%A0%80", headers=form
    )
    assert renamed.status_code == 303
    title = (await server.client.get(f"/session/{session_id}")).json()["title"]
    assert title.startswith("a\ufffd")


async def test_a_nul_in_an_address_is_refused_before_any_database_sees_it(server: Server) -> None:
    session_id = await server.new_session()
    for path in ("/session/%00", f"/session/{session_id}%00/message", "/chat/a%00b", "/static/%00"):
        assert (await server.client.get(path)).status_code == 404
    for query in ("search=%00", "cursor=1:%00"):
        assert (await server.client.get(f"/session?{query}")).status_code == 400
    assert (await server.client.get(f"/session/{session_id}/message?before=%00")).status_code == 400


def test_no_nul_reaches_a_database_that_can_not_hold_it() -> None:
    for dialect in (postgresql.dialect(), sqlite.dialect()):
        bind = tables.session.c.title.type.bind_processor(dialect)
        assert bind is not None and bind("a\0b") == "a\ufffdb"


HOSTILE_IDS = [
    "msg",
    "msg\0",
    "msg_../../etc/passwd",
    "msg_" + "a" * 100,
    "msg_<script>",
    "msg zzz",
    "prt_20becd23e004aaaaaaaaaaaaaa",
    "",
]
LATE_IDS = ["msg_zzz", "msgzzz", "msg_ffffffffffffaaaaaaaaaaaaaa", "msgz"]


@pytest.mark.parametrize("message_id", [*HOSTILE_IDS, *LATE_IDS])
async def test_an_id_that_would_break_the_order_of_messages_is_refused(
    server: Server, llm: LLM, message_id: str
) -> None:
    llm.on("one", Answer(text="fine"))
    session_id = await server.new_session(title="Ids")
    parts = [{"type": "text", "text": "hello"}]
    refused = await server.client.post(
        f"/session/{session_id}/message", json={"parts": parts, "messageID": message_id}
    )
    assert refused.status_code == 400 and "messageID" in refused.json()["data"]["message"]
    assert text_of(await server.ask(session_id, "and now?")) == "fine"


@pytest.mark.parametrize("message_id", ["msg_1", "msg_000000000000aaaaaaaaaaaaaa"])
async def test_a_prompt_of_a_client_whose_clock_is_behind_is_answered_all_the_same(
    server: Server, llm: LLM, message_id: str
) -> None:
    llm.script(Answer(text="one"), Answer(text="two"), Answer(text="three"))
    session_id = await server.new_session(title="Behind")
    assert text_of(await server.ask(session_id, "first")) == "one"
    assert text_of(await server.ask(session_id, "second", messageID=message_id)) == "two"
    assert text_of(await server.ask(session_id, "third")) == "three"


async def test_a_prompt_of_a_client_whose_clock_is_ahead_is_answered_after_it(
    server: Server, llm: LLM
) -> None:
    llm.script(Answer(text="one"), Answer(text="two"))
    ahead = f"{int(ids.ascending('msg')[4:16], 16) + 60_000 * 4096:012x}"
    session_id = await server.new_session(title="Ahead")
    answered = await server.ask(session_id, "first", messageID=f"msg_{ahead}aaaaaaaaaaaaaa")
    assert text_of(answered) == "one" and answered["info"]["id"] > f"msg_{ahead}"
    assert text_of(await server.ask(session_id, "second")) == "two"
    assert [text_of(each) for each in await server.messages(session_id)] == ["first", "one", "second", "two"]


async def test_ids_that_are_taken_in_another_session_steal_nothing_from_it(server: Server) -> None:
    mine, other = await server.new_session(title="Mine"), await server.new_session(title="Other")
    kept = await server.ask(other, "precious", noReply=True)
    message_id, part_id = kept["info"]["id"], kept["parts"][0]["id"]
    text = {"type": "text", "text": "stolen"}
    for body in (
        {"parts": [text], "messageID": message_id},
        {"parts": [{**text, "id": part_id}]},
        {"parts": [{**text, "id": "prt_1a"}, {**text, "id": "prt_1a"}]},
    ):
        refused = await server.client.post(f"/session/{mine}/message", json={**body, "noReply": True})
        assert refused.status_code == 409
    assert await server.messages(other) == [kept]
    assert await server.messages(mine) == []


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "text": "x", "id": "prt\0"},
        {"type": "text", "text": "x", "id": "prt_" + "a" * 70},
        {"type": "text", "text": "x", "id": "msg_1"},
        {"type": "file", "mime": "text/plain", "url": "file:///etc/passwd"},
        {"type": "file", "mime": "text/plain", "url": "javascript:alert(1)"},
        {"type": "file", "mime": "text/plain", "url": "/etc/passwd"},
        {"type": "file", "mime": "text/plain", "url": "data:text/plain;base64,é"},
        {"type": "file", "mime": "text/plain", "url": "data:text/plain"},
    ],
)
async def test_a_part_that_is_no_part_is_refused(server: Server, part: dict[str, Any]) -> None:
    session_id = await server.new_session(title="Parts")
    refused = await server.client.post(f"/session/{session_id}/message", json={"parts": [part]})
    assert refused.status_code == 400
    assert await server.messages(session_id) == []


async def test_a_stored_file_can_not_be_changed_into_an_address_of_this_machine(server: Server) -> None:
    session_id = await server.new_session(title="Files")
    file = {"type": "file", "mime": "text/plain", "url": "data:text/plain,hello"}
    await server.client.post(f"/session/{session_id}/message", json={"parts": [file], "noReply": True})
    (message,) = await server.messages(session_id)
    part = message["parts"][0]
    for url in ("file:///etc/passwd", "javascript:alert(1)"):
        refused = await server.client.patch(
            f"/session/{session_id}/message/{message['info']['id']}/part/{part['id']}",
            json={**part, "url": url},
        )
        assert refused.status_code == 400
    assert (await server.messages(session_id))[0]["parts"] == [part]


async def test_sql_in_every_field_is_text(tmp_path: Path) -> None:
    async with running_server(tmp_path, env={"OPENCODE_DEMO_PACE": "0"}) as server:
        words = "'; DROP TABLE message; -- \" % _ \\"
        session_id = await server.new_session(title=words)
        await server.ask(session_id, words, noReply=True)
        for query in ("search", "cursor", "start"):
            await server.client.get("/session", params={query: words})
        found = (await server.client.get("/session", params={"search": words})).json()
        assert [each["id"] for each in found] == [session_id]
        assert (await server.client.get("/session", params={"search": "%"})).json() == found
        assert (await server.client.get("/session", params={"search": "DROP_TABLE"})).json() == []
        await server.client.get(f"/session/{words}/message/{words}")
        assert text_of((await server.messages(session_id))[0]) == words
    with sqlite3.connect(tmp_path / "data" / "opencode.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
