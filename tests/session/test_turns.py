"""Turns beside everything else that happens in their sessions."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from opencode.errors import NotFound, Unavailable
from opencode.schema.message import AssistantMessage, JsonSchemaFormat, MessageWithParts
from opencode.schema.prompt import CreateSessionBody, PromptBody, UpdateSessionBody
from opencode.session.services import Services
from tests.llm.answer import Answer
from tests.llm.server import LLM
from tests.server.conftest import provider_config

from .conftest import running_services


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM() as llm:
        yield llm


@pytest.fixture
async def services(tmp_path: Path, llm: LLM) -> AsyncIterator[Services]:
    config = {**provider_config(llm), "permission": {"todowrite": "ask"}}
    async with running_services(tmp_path, config) as services:
        yield services


async def new(services: Services) -> str:
    return (await services.sessions.create(CreateSessionBody(title="named"))).id


async def until_text(services: Services, session_id: str, text: str) -> None:
    """Wait until the running turn has written a text."""
    async with services.bus.subscribe(session_id) as events:
        while text not in repr(services.turns.all()[session_id].turn.current()):
            await events.next(10)


def is_closed(message: MessageWithParts) -> bool:
    return not isinstance(message.info, AssistantMessage) or bool(message.info.time.completed)


async def test_a_queued_prompt_starts_with_its_own_count_of_failures(services: Services, llm: LLM) -> None:
    bad = Answer(tools=(("StructuredOutput", {"age": "old"}),))
    good = Answer(tools=(("StructuredOutput", {"age": 7}),))
    gate = asyncio.Event()
    llm.script(bad, bad, Answer(tools=good.tools, gate=gate), bad, good)
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    body = PromptBody(content="How old?", format=JsonSchemaFormat(schema=schema, retry_count=2))
    session_id = await new(services)
    first = await services.prompts.send(session_id, body)
    await llm.until(lambda llm: len(llm.requests) == 3)
    second = await services.prompts.send(session_id, body)
    gate.set()
    answers = [await first.answer(), await second.answer()]
    assert [each.info.structured for each in answers if isinstance(each.info, AssistantMessage)] == [
        {"age": 7},
        {"age": 7},
    ]


@pytest.mark.parametrize("copy", ["fork", "export"])
async def test_a_copy_of_a_running_turn_is_closed_and_the_turn_goes_on(
    services: Services, llm: LLM, copy: str
) -> None:
    gate = asyncio.Event()
    llm.script(Answer(text=("first words ", "and the rest"), gate=gate))
    session_id = await new(services)
    prompted = await services.prompts.send(session_id, PromptBody(content="Hi"))
    await until_text(services, session_id, "first words")
    if copy == "fork":
        fork = await services.history.fork(session_id, None)
        messages = await services.sessions.messages(fork.id)
    else:
        messages = (await services.transfer.export(session_id)).messages
    assert all(map(is_closed, messages))
    assert messages[-1].failure is not None and "first words" in repr(messages[-1].parts)
    gate.set()
    answer = await prompted.answer()
    assert answer.failure is None and "and the rest" in repr(answer.parts)


async def test_one_reply_is_published_for_one_request_whatever_comes_together(
    services: Services, llm: LLM
) -> None:
    todos = {"todos": [{"content": "a", "status": "pending", "priority": "low"}]}
    for _ in range(15):
        llm.script(Answer(tools=(("todowrite", todos),)))
        session_id = await new(services)
        events = services.bus.subscribe(session_id)
        await services.prompts.send(session_id, PromptBody(content="Hi"))
        while not (asked := list(services.pending_requests.permissions)):
            await events.next(10)

        async def reply(request_id: str) -> None:
            services.pending_requests.reply_permission(request_id, "once")

        abort, replied = services.turns.abort(session_id), reply(asked[0].id)
        results = await asyncio.gather(*(abort, replied), return_exceptions=True)
        assert all(not isinstance(each, Exception) or isinstance(each, NotFound) for each in results)
        replies = [event for event in events.take() if event.type == "permission.replied"]
        assert len(replies) == 1
        with pytest.raises(NotFound):
            services.pending_requests.reply_permission(asked[0].id, "once")
        events.leave()


async def test_a_rename_during_a_turn_stays_and_so_do_the_costs(services: Services, llm: LLM) -> None:
    gate = asyncio.Event()
    llm.script(Answer(text=("some ", "text"), gate=gate))
    session_id = await new(services)
    prompted = await services.prompts.send(session_id, PromptBody(content="Hi"))
    await until_text(services, session_id, "some")
    await services.sessions.update(session_id, UpdateSessionBody(title="renamed"))
    gate.set()
    await prompted.answer()
    session = await services.sessions.get(session_id)
    assert session.title == "renamed" and session.tokens.output > 0


async def test_a_session_that_is_deleted_during_its_turn_leaves_nothing(
    services: Services, llm: LLM, caplog: pytest.LogCaptureFixture
) -> None:
    llm.script(Answer(text="text ", endless=True, pace=0.001))
    session_id = await new(services)
    prompted = await services.prompts.send(session_id, PromptBody(content="Hi"))
    await until_text(services, session_id, "text")
    events = services.bus.subscribe(session_id)
    await services.deletion.delete(session_id)
    await prompted.answer()
    await services.store.commit()
    assert events.take()[-1].type == "session.deleted"
    assert await services.store.messages(session_id) == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_prompt_that_comes_while_a_turn_is_aborted_gets_a_turn_of_its_own(
    services: Services, llm: LLM
) -> None:
    llm.script(Answer(text="first ", endless=True, pace=0.001), Answer(text="second"))
    session_id = await new(services)
    first = await services.prompts.send(session_id, PromptBody(content="one"))
    await until_text(services, session_id, "first")
    _, second = await asyncio.gather(
        services.turns.abort(session_id), services.prompts.send(session_id, PromptBody(content="two"))
    )
    answers = [await first.answer(), await second.answer()]
    assert answers[0].failure is not None and "second" in repr(answers[1].parts)
    roles = [type(message.info).__name__ for message in await services.sessions.messages(session_id)]
    assert roles == ["UserMessage", "AssistantMessage"] * 2


async def test_a_conversation_that_can_not_be_read_is_an_answer_with_an_error(
    services: Services, llm: LLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    llm.script(Answer(text="fine"), Answer(text="fine again"))
    session_id = await new(services)
    await (await services.prompts.send(session_id, PromptBody(content="one"))).answer()

    async def refuse(*_: Any) -> Any:
        raise Unavailable("The database can't be read: disk I/O error.")

    monkeypatch.setattr(services.store, "history", refuse)
    answer = await (await services.prompts.send(session_id, PromptBody(content="two"))).answer()
    assert answer.failure is not None and "disk I/O error" in repr(answer.failure)
    monkeypatch.undo()
    answer = await (await services.prompts.send(session_id, PromptBody(content="three"))).answer()
    assert answer.failure is None


async def test_a_replaced_prompt_and_what_followed_go_in_the_same_change(
    services: Services, llm: LLM
) -> None:
    llm.script(Answer(text="one"), Answer(text="two"))
    session_id = await new(services)
    first = await services.prompts.send(session_id, PromptBody(content="first"))
    await first.answer()
    second = await services.prompts.send(
        session_id, PromptBody(content="second"), replaces=first.message.info.id
    )
    await second.answer()
    messages = await services.sessions.messages(session_id)
    assert len(messages) == 2 and messages[0].info.id == second.message.info.id
    session = await services.sessions.get(session_id)
    assert session.revert is UNSET
    assert session.tokens.output == messages[1].info.tokens.output  # type: ignore[union-attr]


async def test_a_turn_that_can_not_store_its_compaction_answers_with_an_error(
    services: Services, llm: LLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any) -> Any:
        raise Unavailable("The database can't be written to; try again later.")

    session_id = await new(services)
    monkeypatch.setattr("opencode.agent.turn.Turn._compact_if_needed", refuse)
    answer = await (await services.prompts.send(session_id, PromptBody(content="one"))).answer()
    assert answer.failure is not None and "can't be written to" in repr(answer.failure)
