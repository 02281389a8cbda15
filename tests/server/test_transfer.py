"""Conversations out of the server and in again."""

import asyncio
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server, running_server, text_of
from tests.llm.server import LLM, Answer
from tests.server.conftest import provider_config

FETCH = ("webfetch", {"url": "http://127.0.0.1:9/page", "format": "markdown"})
TODOS = ("todowrite", {"todos": [{"content": "pack", "status": "pending", "priority": "high"}]})
PIXEL = "data:image/png;base64,iVBORw0KGgo="


async def conversation(server: Server, llm: LLM) -> str:
    """Hold a conversation with everything in it: files, reasoning, tool calls, todos."""
    llm.script(
        Answer(reasoning="hm", text="one", tools=(FETCH, TODOS)), Answer(text="two"), Answer(text="three")
    )
    session_id = await server.new_session(title="A trip", metadata={"pinned": True})
    await server.ask(session_id, "first")
    parts = [{"type": "text", "text": "look"}, {"type": "file", "mime": "image/png", "url": PIXEL}]
    await server.client.post(f"/session/{session_id}/message", json={"parts": parts})
    return session_id


async def exported(server: Server, session_id: str) -> dict[str, Any]:
    response = await server.client.get(f"/session/{session_id}/export")
    assert response.status_code == 200
    assert response.headers["content-disposition"].startswith("attachment; filename=")
    document: dict[str, Any] = response.json()
    return document


async def imported(server: Server, document: dict[str, Any]) -> dict[str, Any]:
    response = await server.client.post("/session/import", json=document)
    assert response.status_code == 200, response.text
    session: dict[str, Any] = response.json()
    return session


def without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: without_ids(each) for key, each in value.items()}
        return {
            key: each for key, each in kept.items() if key not in ("id", "sessionID", "messageID", "parentID")
        }
    return [without_ids(each) for each in value] if isinstance(value, list) else value


async def test_another_server_takes_a_conversation_as_it_was_and_goes_on(
    server: Server, llm: LLM, tmp_path_factory: pytest.TempPathFactory
) -> None:
    document = await exported(server, await conversation(server, llm))
    assert set(document) == {"info", "messages", "todos"}
    async with running_server(tmp_path_factory.mktemp("other"), provider_config(llm)) as other:
        async with other.listen() as stream:
            session = await imported(other, document)
            event = (await anext(stream))[1]
        assert (event["type"], event["properties"]["info"]) == ("session.created", session)
        assert await exported(other, session["id"]) == document
        llm.script(Answer(text="four"))
        assert text_of(await other.ask(session["id"], "and?")) == "four"
        assert text_of((await other.messages(session["id"]))[-1]) == "four"
    sent = json.dumps(llm.requests[-1].body["messages"])
    assert "first" in sent
    assert "three" in sent


async def test_where_ids_are_taken_all_of_them_are_new(server: Server, llm: LLM) -> None:
    session_id = await conversation(server, llm)
    document = await exported(server, session_id)
    session = await imported(server, document)
    again = await exported(server, session["id"])
    assert without_ids(again) == without_ids(document)
    for old, new in zip(document["messages"], again["messages"], strict=True):
        assert old["info"]["id"] < new["info"]["id"]
        assert {part["messageID"] for part in new["parts"]} == {new["info"]["id"]}
    by_id = {each["info"]["id"]: each["info"]["role"] for each in again["messages"]}
    parents = {each["info"]["parentID"] for each in again["messages"] if "parentID" in each["info"]}
    assert {by_id[parent] for parent in parents} == {"user"}
    assert await exported(server, session_id) == document


async def test_the_same_twice_at_once_makes_two_sessions(server: Server, llm: LLM) -> None:
    document = await exported(server, await conversation(server, llm))
    document = {**document, "info": {"title": "A copy"}}
    one, two = await asyncio.gather(imported(server, document), imported(server, document))
    assert one["id"] != two["id"]
    for each in (one, two):
        assert len(await server.messages(each["id"])) == len(document["messages"])


async def test_a_deleted_conversation_can_be_brought_back(server: Server, llm: LLM) -> None:
    session_id = await conversation(server, llm)
    document = await exported(server, session_id)
    await server.client.delete(f"/session/{session_id}")
    session = await imported(server, document)
    assert without_ids(await exported(server, session["id"])) == without_ids(document)


async def test_what_would_give_rights_is_not_taken_over(server: Server, llm: LLM) -> None:
    document = await exported(server, await conversation(server, llm))
    document["info"] |= {
        "permission": [{"permission": "*", "pattern": "*", "action": "allow"}],
        "share": {"url": "http://x/share/a/b"},
        "parentID": "ses_1",
        "agent": "nobody",
        "model": {"id": "nothing", "providerID": "nowhere"},
        "slug": 'a"\r\nX-Planted: yes',
    }
    session = await imported(server, document)
    assert not {"permission", "share", "parentID", "agent", "model"} & set(session)
    assert "x-planted" not in (await server.client.get(f"/session/{session['id']}/export")).headers
    shared = (await server.client.post(f"/session/{session['id']}/share")).json()
    assert "share" in shared
    assert "share" not in (await exported(server, session["id"]))["info"]


async def test_ids_that_would_sort_after_all_new_ones_are_replaced(server: Server, llm: LLM) -> None:
    document = await exported(server, await conversation(server, llm))
    text = json.dumps(document)
    for each in document["messages"]:
        text = text.replace(each["info"]["id"], "msg_f" + each["info"]["id"][5:])
    session = await imported(server, json.loads(text))
    llm.script(Answer(text="last"))
    await server.ask(session["id"], "and?")
    assert text_of((await server.messages(session["id"]))[-1]) == "last"


async def test_an_unfinished_answer_is_closed_with_a_word(server: Server, llm: LLM) -> None:
    document = await exported(server, await conversation(server, llm))
    del document["messages"][-1]["info"]["time"]["completed"]
    session = await imported(server, document)
    last = (await server.messages(session["id"]))[-1]["info"]
    assert "still being written" in last["error"]["data"]["message"]
    assert last["time"]["completed"]


async def test_files_of_another_machine_are_named_in_their_place(server: Server, llm: LLM) -> None:
    document = await exported(server, await conversation(server, llm))
    file = next(part for each in document["messages"] for part in each["parts"] if part["type"] == "file")
    file |= {"url": "file:///home/me/notes.txt", "mime": "text/plain", "filename": "notes.txt"}
    session = await imported(server, document)
    llm.script(Answer(text="fine"))
    assert text_of(await server.ask(session["id"], "and?")) == "fine"
    assert "[notes.txt (text/plain): the export does not include this file.]" in json.dumps(
        llm.requests[-1].body["messages"]
    )


def _set(document: dict[str, Any], *path: Any, value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda d: d.pop("info"), "info is missing"),
        (lambda d: d.pop("messages"), "messages is missing"),
        (lambda d: _set(d, "info", "title", value=""), "info.title"),
        (lambda d: _set(d, "info", "time", "updated", value=10**30), "info.time.updated"),
        (
            lambda d: _set(d, "messages", 0, "info", "role", value="king"),
            'messages[0].info.role must be one of "user", "assistant", not "king"',
        ),
        (lambda d: _set(d, "messages", 1, "parts", 0, "type", value="song"), "messages[1].parts[0].type"),
        (lambda d: d["messages"][1]["info"].pop("modelID"), "messages[1].info.modelID is missing"),
        (
            lambda d: _set(d, "messages", 3, "parts", 1, "url", value="javascript:alert(1)"),
            "messages[3].parts[1].url",
        ),
        (
            lambda d: _set(d, "messages", 3, "parts", 1, "url", value="data:image/png;base64,?"),
            "not valid base64",
        ),
    ],
)
async def test_a_wrong_document_is_refused_with_the_place_and_nothing_is_stored(
    server: Server, llm: LLM, spoil: Callable[[dict[str, Any]], object], says: str
) -> None:
    document = copy.deepcopy(await exported(server, await conversation(server, llm)))
    assert document["messages"][3]["parts"][1]["type"] == "file"
    spoil(document)
    before = (await server.client.get("/session")).json()
    response = await server.client.post("/session/import", json=document)
    assert response.status_code == 400, response.text
    assert says in response.json()["data"]["message"]
    assert (await server.client.get("/session")).json() == before


async def test_a_document_over_the_limit_is_refused(tmp_path: Path, llm: LLM) -> None:
    async with running_server(tmp_path, provider_config(llm), {"OPENCODE_MAX_BODY_MB": "1"}) as server:
        body = {"info": {"title": "x" * 1_100_000}, "messages": []}
        assert (await server.client.post("/session/import", json=body)).status_code == 413
        assert (await server.client.get("/session")).json() == []


async def test_the_page_imports_what_it_exported(server: Server, llm: LLM) -> None:
    session_id = await conversation(server, llm)
    file = (await server.client.get(f"/chat/{session_id}/export.json")).content
    answer = await server.client.post("/chats/import", files={"file": ("trip.json", file)})
    assert answer.status_code == 303
    copied = answer.headers["location"].removeprefix("/chat/")
    assert without_ids(await exported(server, copied)) == without_ids(json.loads(file))
    wrong = await server.client.post("/chats/import", files={"file": ("trip.json", b"{}")})
    assert wrong.status_code == 400
    assert "info" in wrong.text
    none = await server.client.post("/chats/import", files={"other": ("x", b"")})
    assert "Choose the JSON file" in none.text


RULES = [
    {"permission": "webfetch", "pattern": "*", "action": "deny"},
    {"permission": "bash", "pattern": "git *", "action": "ask"},
]


async def test_a_session_keeps_its_model_and_the_rules_that_ask_or_deny(server: Server, llm: LLM) -> None:
    llm.script(Answer(text="one"))
    allowed = {"permission": "task", "pattern": "*", "action": "allow"}
    session_id = await server.new_session(title="Rules", permission=[*RULES, allowed])
    await server.ask(session_id, "go", model="compatible/two")
    document = await exported(server, session_id)
    assert document["info"]["permission"] == [*RULES, allowed]
    assert document["info"]["model"] == {"id": "two", "providerID": "compatible"}
    session = await imported(server, document)
    assert session["permission"] == RULES
    assert session["model"] == document["info"]["model"]


@pytest.mark.parametrize(
    "before",
    [
        "Exporting session: ses_ddf8f3f3cffeJwP5eZ9ayyaCMN\n",
        "Exporting session...\r\n\r\n",
        "\ufeff",
        "\ufeffExporting session: ses_ddf8f3f3cffeJwP5eZ9ayyaCMN\r\n",
        "\x1b[0mExporting session: ses_ddf8f3f3cffeJwP5eZ9ayyaCMN\x1b[0m\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
async def test_what_the_program_said_before_the_json_is_skipped(
    server: Server, before: str, encoding: str
) -> None:
    document = {"info": {"title": "Café {1}"}, "messages": []}
    content = (before + json.dumps(document, ensure_ascii=False)).encode(encoding)
    response = await server.client.post("/session/import", content=content)
    assert response.status_code == 200, response.text
    assert response.json()["title"] == "Café {1}"
    page = await server.client.post("/chats/import", files={"file": ("chat.json", content)})
    assert page.status_code == 303


async def test_a_heading_alone_is_no_export(server: Server) -> None:
    response = await server.client.post("/session/import", content=b"Exporting session: ses_1\n")
    assert response.status_code == 400
    assert "no body" in response.json()["data"]["message"]
