"""What can't be served is refused in opencode's error shape, with nothing stored and nothing running."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness import Server, running_server


async def refused(server: Server, method: str, path: str, **request: Any) -> httpx.Response:
    response = await server.client.request(method, path, **request)
    body = response.json()
    assert set(body) == {"name", "data"}
    assert body["data"]["message"]
    return response


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"content": "\xff", "title": "\xff"}',
        b'{"content": "\\ud800", "title": "\\ud800"}',
        b"[]",
        b'"x"',
    ],
)
async def test_a_body_that_is_no_json_object_is_a_400(server: Server, body: bytes) -> None:
    session_id = await server.new_session()
    for path in ("/session", f"/session/{session_id}/message", f"/session/{session_id}/prompt_async"):
        response = await refused(server, "POST", path, content=body)
        assert response.status_code == 400
        assert response.json()["name"] == "BadRequest"
        assert response.json()["data"]["kind"] == "Payload"
    assert await server.messages(session_id) == []


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ({}, "parts"),
        ({"parts": []}, "parts"),
        ({"content": "  "}, "content"),
        ({"content": "a", "parts": [{"type": "text", "text": "b"}]}, "either"),
        ({"content": 1}, "content must be"),
        ({"parts": [{"type": "text"}]}, "parts[0].text"),
        ({"parts": [{"type": "text", "text": " "}]}, "empty"),
        ({"parts": [{"type": "nonsense"}]}, "nonsense"),
        ({"parts": [{"type": "file", "mime": "image/png", "url": "file:///etc/passwd"}]}, "data:"),
        ({"parts": [{"type": "file", "mime": "image/png", "url": "data:image/png;base64,%%%"}]}, "base64"),
        ({"content": "a", "model": "compatible/onne"}, "one"),
        ({"content": "a", "model": {"providerID": "compatible", "modelID": "twoo"}}, "two"),
        ({"content": "a", "model": "nowhere/one"}, "compatible"),
        ({"content": "a", "model": {"providerID": "compatible"}}, "modelID"),
        ({"content": "a", "agent": "bild"}, "build"),
        ({"content": "a", "variant": "extreme"}, "variant"),
        ({"content": "a", "messageID": "nonsense"}, "messageID"),
        ({"content": "a", "format": {"type": "json_schema", "schema": {"type": 7}}}, "schema"),
        ({"content": "a", "format": {"type": "json_schema", "schema": {"type": "string"}}}, "object"),
    ],
)
async def test_a_prompt_that_makes_no_sense_says_what_to_change(
    server: Server, body: dict[str, Any], hint: str
) -> None:
    session_id = await server.new_session(title="Named")
    before = (await server.client.get(f"/session/{session_id}")).json()
    response = await refused(server, "POST", f"/session/{session_id}/message", json=body)
    assert response.status_code == 400
    assert hint in response.json()["data"]["message"]
    assert await server.messages(session_id) == []
    assert (await server.client.get(f"/session/{session_id}")).json() == before
    assert (await server.client.get("/session/status")).json() == {}


@pytest.mark.parametrize(
    "session_id", ["ses_nope", "nope", "..%2f..%2fetc", "%00", "a" * 500, "%F0%9F%A4%96"]
)
async def test_an_unknown_session_is_a_404(server: Server, session_id: str) -> None:
    for method, path, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("PATCH", "", {"title": "x"}),
        ("GET", "/message", None),
        ("POST", "/message", {"content": "x"}),
        ("POST", "/prompt_async", {"content": "x"}),
        ("GET", "/message/msg_1", None),
        ("GET", "/todo", None),
        ("GET", "/children", None),
        ("GET", "/event", None),
        ("POST", "/abort", None),
    ):
        response = await refused(server, method, f"/session/{session_id}{path}", json=body)
        assert response.status_code == 404
        assert response.json()["name"] == "NotFoundError"


async def test_an_unknown_message_and_provider_are_404(server: Server) -> None:
    session_id = await server.new_session()
    for path in (f"/session/{session_id}/message/msg_1", "/provider/nope", "/provider/nope/model"):
        assert (await refused(server, "GET", path)).status_code == 404


async def test_an_unknown_route_is_a_404_and_a_wrong_method_a_405(server: Server) -> None:
    assert (await refused(server, "GET", "/api/nothing")).status_code == 404
    response = await refused(server, "PUT", "/session")
    assert response.status_code == 405
    assert "POST" in response.headers["allow"]


@pytest.mark.parametrize("query", ["limit=many", "limit=0", "limit=-1", "start=soon", "cursor=nonsense"])
async def test_a_query_that_makes_no_sense_is_a_400(server: Server, query: str) -> None:
    response = await refused(server, "GET", f"/session?{query}")
    assert response.status_code == 400
    assert response.json()["data"]["kind"] == "Query"


async def test_a_body_over_the_limit_is_a_413(tmp_path: Path) -> None:
    async with running_server(tmp_path, env={"OPENCODE_MAX_BODY_MB": "1"}) as server:
        session_id = await server.new_session()
        for _ in range(2):
            response = await refused(
                server, "POST", f"/session/{session_id}/message", json={"content": "x" * 1_100_000}
            )
            assert response.status_code == 413
        assert await server.messages(session_id) == []


async def test_a_message_id_that_is_taken_is_a_409(server: Server) -> None:
    session_id = await server.new_session(title="Named")
    message_id = "msg_20b63c111002Nu6k3aYWqR8GPm"
    await server.ask(session_id, "one", messageID=message_id, noReply=True)
    response = await refused(
        server, "POST", f"/session/{session_id}/message", json={"content": "two", "messageID": message_id}
    )
    assert response.status_code == 409
    assert len(await server.messages(session_id)) == 1


async def test_unknown_fields_are_ignored(server: Server) -> None:
    session_id = await server.new_session(title="Named", nonsense={"a": 1})
    await server.ask(session_id, "hello", noReply=True, nonsense=[1, 2])
    assert len(await server.messages(session_id)) == 1


@pytest.mark.parametrize("key", ["", "   ", "two words", "smile🤖"])
async def test_a_key_that_can_be_none_is_a_400(server: Server, key: str) -> None:
    response = await refused(server, "PUT", "/auth/anthropic", json={"type": "api", "key": key})
    assert response.status_code == 400


async def test_a_key_of_an_unknown_provider_is_a_400(server: Server) -> None:
    response = await refused(server, "PUT", "/auth/antropic", json={"type": "api", "key": "k"})
    assert response.status_code == 400
    assert "anthropic" in response.json()["data"]["message"]
