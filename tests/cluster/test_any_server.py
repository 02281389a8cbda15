"""Any request may go to any server, and all tell what happens on all."""

import asyncio
import signal
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.cluster.conftest import Servers
from tests.harness import Server, text_of
from tests.llm.server import Answer, Silence
from tests.server.test_pending_requests import QUESTIONS


async def _begin_long_answer(first: Server, second: Server, stream: Any, session_id: str) -> None:
    """Prompt at one server; return once some of the answer can be read at the other, whose events come."""
    await first.client.post(f"/session/{session_id}/prompt_async", json={"content": "go"})
    while len(text_of((await second.messages(session_id))[-1])) < 100:
        await anext(stream)


async def test_a_session_is_the_same_at_every_server(servers: Servers) -> None:
    servers.answers(Answer(text="Here."))
    async with servers.some(2) as ((_, first), (_, second)):
        session_id = await first.new_session(title="Named")
        assert (await second.client.get(f"/session/{session_id}")).json()["title"] == "Named"
        renamed = await second.client.patch(f"/session/{session_id}", json={"title": "Other"})
        assert renamed.json()["title"] == "Other"
        assert (await first.client.get(f"/session/{session_id}")).json()["title"] == "Other"
        assert text_of(await second.ask(session_id, "go")) == "Here."
        assert await first.messages(session_id) == await second.messages(session_id)
        assert [each["id"] for each in (await second.client.get("/session")).json()] == [session_id]
        assert (await second.client.delete(f"/session/{session_id}")).json() is True
        assert (await first.client.get(f"/session/{session_id}")).status_code == 404


async def test_a_turn_is_seen_and_stopped_from_another_server(servers: Servers) -> None:
    servers.answers(Answer(text="tick ", endless=True, pace=0.02))
    async with servers.some(2) as ((_, first), (_, second)):
        session_id = await first.new_session(title="Named")
        async with second.listen() as everything, second.listen(f"/session/{session_id}/event") as one:
            await first.client.post(f"/session/{session_id}/prompt_async", json={"content": "go"})
            for stream in (everything, one):
                async for _, event in stream:
                    if event["type"] == "message.part.delta":
                        break
            assert (await second.client.get("/session/status")).json() == {session_id: {"type": "busy"}}
            assert (await second.client.post(f"/session/{session_id}/abort")).json() is True
            async for _, event in everything:
                if event["type"] == "session.idle":
                    break
        answer = (await first.messages(session_id))[-1]
        assert answer["info"]["error"]["name"] == "MessageAbortedError"
        assert (await first.client.get("/session/status")).json() == {}


async def test_a_prompt_to_another_server_joins_the_turn(servers: Servers) -> None:
    gate = asyncio.Event()
    servers.answers(Answer(text=("One", "."), gate=gate), Answer(text="Both."))
    async with servers.some(2) as ((_, first), (_, second)):
        session_id = await first.new_session(title="Named")
        await first.client.post(f"/session/{session_id}/prompt_async", json={"content": "first"})
        await servers.llm.until(lambda llm: len(llm.requests) == 1)
        asked = asyncio.create_task(second.ask(session_id, "second"))
        async with second.listen() as stream:
            while len(await second.messages(session_id)) < 3:
                await anext(stream)
        gate.set()
        assert text_of(await asked) == "Both."


async def test_a_question_is_listed_and_answered_at_another_server(servers: Servers) -> None:
    servers.answers(Answer(tools=(("question", QUESTIONS),)), Answer(text="Red it is."))
    async with servers.some(2) as ((_, first), (_, second)):
        session_id = await first.new_session(title="Named")
        async with second.listen() as stream:
            await first.client.post(f"/session/{session_id}/prompt_async", json={"content": "go"})
            async for _, event in stream:
                if event["type"] == "question.asked":
                    break
            (asked,) = (await second.client.get("/question")).json()
            answers = [["Red"] for _ in asked["questions"]]
            reply = await second.client.post(f"/question/{asked['id']}/reply", json={"answers": answers})
            assert reply.json() is True
            async for _, event in stream:
                if event["type"] == "session.idle":
                    break
        assert text_of((await second.messages(session_id))[-1]) == "Red it is."
        gone = await second.client.post(f"/question/{asked['id']}/reply", json={"answers": answers})
        assert gone.status_code == 404


async def test_a_child_is_made_where_its_parent_is(servers: Servers) -> None:
    async with servers.some(2) as ((_, first), (_, second)):
        parent = await first.new_session(title="Named")
        made = await second.client.post("/session", json={"parentID": parent, "title": "Child"})
        assert made.status_code == 200
        children = (await first.client.get(f"/session/{parent}/children")).json()
        assert [child["id"] for child in children] == [made.json()["id"]]


async def test_a_killed_servers_turn_goes_on_at_another(servers: Servers) -> None:
    servers.answers(Answer(text=tuple(f"{n} " for n in range(400)), pace=0.02), Answer(text="And the rest."))
    async with servers.some(2) as ((process, first), (_, second)):
        session_id = await first.new_session(title="Named")
        async with second.listen() as stream:
            await _begin_long_answer(first, second, stream, session_id)
            process.kill()
            killed = asyncio.get_running_loop().time()
            async for _, event in stream:
                if event["type"] == "session.status":
                    break
            assert asyncio.get_running_loop().time() - killed < 4
            async for _, event in stream:
                if event["type"] == "session.idle":
                    break
        *_, cut, _, rest = await second.messages(session_id)
        assert "goes on below" in cut["info"]["error"]["data"]["message"]
        assert text_of(rest) == "And the rest."


async def test_a_server_that_stops_hands_its_turns_over(servers: Servers) -> None:
    servers.answers(Silence(), Answer(text="Here."))
    async with servers.some(2) as ((process, first), (_, second)):
        session_id = await first.new_session(title="Named")
        async with second.listen() as stream:
            await first.client.post(f"/session/{session_id}/prompt_async", json={"content": "go"})
            await servers.llm.until(lambda llm: len(llm.requests) == 1)
            process.terminate()
            async for _, event in stream:
                if event["type"] == "session.idle":
                    break
        assert text_of((await second.messages(session_id))[-1]) == "Here."


@pytest.mark.timeout(150)
async def test_a_server_that_was_silent_for_long_is_replaced_and_starts_anew(servers: Servers) -> None:
    servers.answers(Answer(text=tuple(f"{n} " for n in range(2000)), pace=0.02), Answer(text="And the rest."))
    async with servers.some(2) as ((process, first), (_, second)):
        session_id = await first.new_session(title="Named")
        async with second.listen() as stream:
            await _begin_long_answer(first, second, stream, session_id)
            before = [each["id"] for each in (await first.client.get("/global/servers")).json()]
            process.send_signal(signal.SIGSTOP)
            async for _, event in stream:
                if event["type"] == "session.idle":
                    break
            written = await second.messages(session_id)
            assert text_of(written[-1]) == "And the rest."
            process.send_signal(signal.SIGCONT)
        while True:
            with suppress(httpx.TransportError):
                found = (await first.client.get("/global/servers")).json()
                if len(found) == 2 and found[0]["isSelf"] and found[0]["id"] not in before:
                    break
            await asyncio.sleep(0.1)
        assert process.returncode is None
        assert await first.messages(session_id) == written


async def test_every_server_lists_all_that_live(servers: Servers) -> None:
    async with servers.some(2) as ((process, _), (_, second)):
        assert len((await second.client.get("/global/servers")).json()) == 2
        process.terminate()
        await process.wait()
        while len((await second.client.get("/global/servers")).json()) == 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_key_that_is_set_at_one_server_counts_at_all(servers: Servers) -> None:
    secret = {"OPENCODE_SECRET": "long enough to be a secret"}
    async with servers.some(2, **secret) as ((_, first), (_, second)):
        connected = (await second.client.get("/provider")).json()["connected"]
        assert "groq" not in connected
        key = {"type": "api", "key": "a-key"}
        assert (await first.client.put("/auth/groq", json=key)).json() is True
        assert "groq" in (await second.client.get("/provider")).json()["connected"]
        assert (await second.client.delete("/auth/groq")).json() is True
        assert "groq" not in (await first.client.get("/provider")).json()["connected"]


async def test_large_bodies_and_many_requests_reach_the_owner(servers: Servers) -> None:
    async with servers.some(2, OPENCODE_RATE_LIMIT="100") as ((_, first), (_, second)):
        session_id = await first.new_session(title="Named")
        picture = "data:application/octet-stream;base64," + "QUJD" * 1_500_000
        file = {"type": "file", "mime": "text/plain", "filename": "a.txt", "url": picture}
        body = {"parts": [{"type": "text", "text": "See"}, file], "noReply": True}
        answer = await second.client.post(f"/session/{session_id}/message", json=body)
        assert answer.status_code == 200, answer.text[:200]
        (message,) = await first.messages(session_id)
        assert max(len(part.get("url", "")) for part in message["parts"]) == len(picture)
        for _ in range(60):
            assert (await second.client.get("/session/status")).status_code == 200
        assert (await first.client.get("/global/servers")).json()[1]["turns"] == 0
