"""Going back in a conversation."""

from pathlib import Path
from typing import Any

from tests.harness import Server, running_server, text_of
from tests.llm.server import LLM, Answer, Usage

from .conftest import provider_config


async def conversation(server: Server, llm: LLM, *answers: str) -> str:
    llm.script(*(Answer(text=answer) for answer in answers))
    session_id = await server.new_session(title="A trip")
    for number in range(len(answers)):
        await server.ask(session_id, f"question {number}")
    return session_id


async def test_a_fork_has_the_messages_up_to_the_one_named(server: Server, llm: LLM) -> None:
    session_id = await conversation(server, llm, "one", "two")
    messages = await server.messages(session_id)
    response = await server.client.post(
        f"/session/{session_id}/fork", json={"messageID": messages[2]["info"]["id"]}
    )
    fork = response.json()
    assert fork["title"] == "A trip (fork #1)"
    copies = await server.messages(fork["id"])
    assert [text_of(each) for each in copies] == ["question 0", "one"]
    assert copies[1]["info"]["parentID"] == copies[0]["info"]["id"]
    assert {each["info"]["sessionID"] for each in copies} == {fork["id"]}
    assert not {each["info"]["id"] for each in copies} & {each["info"]["id"] for each in messages}
    assert len(await server.messages(session_id)) == 4


async def test_a_whole_session_is_forked_and_goes_on_by_itself(server: Server, llm: LLM) -> None:
    session_id = await conversation(server, llm, "one")
    fork = (await server.client.post(f"/session/{session_id}/fork")).json()
    llm.script(Answer(text="three"))
    assert text_of(await server.ask(fork["id"], "and now?")) == "three"
    assert len(await server.messages(session_id)) == 2
    again = (await server.client.post(f"/session/{fork['id']}/fork")).json()
    assert again["title"] == "A trip (fork #2)"


async def test_what_was_reverted_is_gone_with_the_next_prompt(server: Server, llm: LLM) -> None:
    session_id = await conversation(server, llm, "one", "two")
    messages = await server.messages(session_id)
    second = messages[2]["info"]["id"]
    reverted = await server.client.post(f"/session/{session_id}/revert", json={"messageID": second})
    assert reverted.json()["revert"] == {"messageID": second}
    assert len(await server.messages(session_id)) == 4
    llm.script(Answer(text="another two"))
    async with server.listen() as stream:
        await server.ask(session_id, "another question")
        removed = []
        async for _, event in stream:
            if event["type"] == "message.removed":
                removed.append(event["properties"]["messageID"])
            if event["type"] == "session.idle":
                break
    assert removed == [each["info"]["id"] for each in messages[2:]]
    now = await server.messages(session_id)
    assert [text_of(each) for each in now] == ["question 0", "one", "another question", "another two"]
    asked = next(each.body for each in reversed(llm.requests) if "another question" in str(each.body))
    assert "question 0" in str(asked["messages"])
    assert "question 1" not in str(asked["messages"])
    assert "revert" not in (await server.client.get(f"/session/{session_id}")).json()


async def test_a_session_costs_what_its_steps_cost(tmp_path: Path, llm: LLM) -> None:
    config = provider_config(llm)
    config["provider"]["compatible"]["models"]["one"]["cost"] = {"input": 1000, "output": 0}

    async def sums(session_id: str) -> tuple[float, int]:
        session: dict[str, Any] = (await server.client.get(f"/session/{session_id}")).json()
        return round(session["cost"], 9), session["tokens"]["input"]

    async with running_server(tmp_path, config) as server:
        llm.script(*(Answer(text="yes", usage=Usage(input=number)) for number in (100, 20, 3)))
        session_id = await server.new_session(title="A trip")
        await server.ask(session_id, "first")
        await server.ask(session_id, "second")
        assert await sums(session_id) == (0.12, 120)
        path = f"/session/{session_id}"
        second = (await server.messages(session_id))[2]["info"]["id"]
        fork = (await server.client.post(f"{path}/fork", json={"messageID": second})).json()
        assert await sums(fork["id"]) == (0.1, 100)
        await server.client.post(f"{path}/revert", json={"messageID": second})
        await server.ask(session_id, "third")
        assert await sums(session_id) == (0.103, 103)
        async with server.listen() as stream:
            await server.client.delete(
                f"{path}/message/{(await server.messages(session_id))[1]['info']['id']}"
            )
            async for _, event in stream:
                if event["type"] == "session.updated":
                    break
        assert event["properties"]["info"]["tokens"]["input"] == 3
        (finish,) = [
            part for part in (await server.messages(session_id))[-1]["parts"] if part["type"] == "step-finish"
        ]
        await server.client.delete(f"{path}/message/{finish['messageID']}/part/{finish['id']}")
        assert await sums(session_id) == (0, 0)


async def test_unrevert_brings_everything_forth_again(server: Server, llm: LLM) -> None:
    session_id = await conversation(server, llm, "one")
    messages = await server.messages(session_id)
    await server.client.post(f"/session/{session_id}/revert", json={"messageID": messages[0]["info"]["id"]})
    session = (await server.client.post(f"/session/{session_id}/unrevert")).json()
    assert "revert" not in session
    assert await server.messages(session_id) == messages


async def test_reverting_an_answer_reverts_its_prompt(server: Server, llm: LLM) -> None:
    session_id = await conversation(server, llm, "one")
    prompt, answer = await server.messages(session_id)
    body = {"messageID": answer["info"]["id"]}
    session = (await server.client.post(f"/session/{session_id}/revert", json=body)).json()
    assert session["revert"] == {"messageID": prompt["info"]["id"]}


async def test_a_message_and_a_part_can_be_removed_and_a_part_changed(server: Server, llm: LLM) -> None:
    session_id = await conversation(server, llm, "one", "two")
    messages = await server.messages(session_id)
    path = f"/session/{session_id}/message/{messages[3]['info']['id']}"
    text = next(part for part in messages[3]["parts"] if part["type"] == "text")
    changed = await server.client.patch(f"{path}/part/{text['id']}", json={**text, "text": "2"})
    assert changed.json()["text"] == "2"
    assert text_of((await server.messages(session_id))[3]) == "2"
    assert (await server.client.delete(f"{path}/part/{text['id']}")).json() is True
    assert text_of((await server.messages(session_id))[3]) == ""
    assert (await server.client.delete(path)).json() is True
    assert len(await server.messages(session_id)) == 3
    assert (await server.client.delete(path)).status_code == 404


async def test_going_back_is_refused_while_the_agent_works(server: Server, llm: LLM) -> None:
    session_id = await server.new_session()
    llm.script(Answer(text="slow words", endless=True))
    async with server.listen() as stream:
        await server.client.post(f"/session/{session_id}/prompt_async", json={"content": "go"})
        async for _, event in stream:
            if event["type"] == "message.part.delta":
                break
        messages = await server.messages(session_id)
        body = {"messageID": messages[0]["info"]["id"]}
        refused = await server.client.post(f"/session/{session_id}/revert", json=body)
        assert refused.status_code == 409
        await server.client.post(f"/session/{session_id}/abort")
    assert (await server.client.post(f"/session/{session_id}/revert", json=body)).status_code == 200


async def test_a_shared_address_is_one_of_https_behind_a_proxy_that_says_so(tmp_path: Path) -> None:
    async with running_server(tmp_path, env={"OPENCODE_HOSTS": "chat.example"}) as server:
        session_id = await server.new_session(title="Shown")
        proxied = {"X-Forwarded-Proto": "https", "Host": "chat.example"}
        shared = await server.client.post(f"/session/{session_id}/share", headers=proxied)
        assert shared.json()["share"]["url"].startswith(f"https://chat.example/share/{session_id}/")


async def test_a_shared_session_has_an_address_until_it_is_unshared(server: Server) -> None:
    session_id = await server.new_session()
    shared = (await server.client.post(f"/session/{session_id}/share")).json()
    assert shared["share"]["url"].startswith(f"{server.url}/share/{session_id}/")
    assert (await server.client.post(f"/session/{session_id}/share")).json()["share"] == shared["share"]
    unshared = (await server.client.delete(f"/session/{session_id}/share")).json()
    assert "share" not in unshared


async def test_unknown_messages_are_named(server: Server) -> None:
    session_id = await server.new_session()
    for method, path, body in (
        ("POST", "fork", {"messageID": "msg_nothing"}),
        ("POST", "revert", {"messageID": "msg_nothing"}),
        ("DELETE", "message/msg_nothing", None),
        ("DELETE", "message/msg_nothing/part/prt_nothing", None),
    ):
        response = await server.client.request(method, f"/session/{session_id}/{path}", json=body)
        assert response.status_code == 404
        assert "msg_nothing" in response.json()["data"]["message"]
