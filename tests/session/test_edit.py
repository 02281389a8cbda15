"""The one way to change a session: all of a change happens, or nothing of it."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET
from sqlalchemy.exc import OperationalError

from opencode.errors import BadRequest, BodyTooLarge, Conflict, NotFound, RequestError, Unavailable
from opencode.schema.event import MessageUpdated, SessionDeleted, SessionUpdated
from opencode.schema.part import TextPart
from opencode.schema.prompt import CreateSessionBody, PromptBody, TextPartInput, UpdateSessionBody
from opencode.schema.session import SessionRevert, Todo
from opencode.schema.transfer import ImportedSession, SessionImport
from opencode.session.cache import RECENT
from opencode.session.services import Services
from opencode.store import SessionQuery

from .conftest import running_services


def note(text: str = "x", **more: Any) -> PromptBody:
    return PromptBody(parts=[TextPartInput(text=text)], no_reply=True, **more)


async def new(services: Services, title: str = "old title", **body: Any) -> str:
    return (await services.sessions.create(CreateSessionBody(title=title, **body))).id


@pytest.fixture
def broken(services: Services, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes the database refuse every write, until it is called again."""
    database = services.store._database
    write, state = database.write, {"broken": False}

    async def refuse(work: Any) -> Any:
        if state["broken"]:
            raise OperationalError("INSERT", {}, Exception("database is locked"))
        return await write(work)

    monkeypatch.setattr(database, "write", refuse)

    def toggle() -> None:
        state["broken"] = not state["broken"]

    return toggle


async def stored(services: Services, session_id: str) -> Any:
    found = await services.store.session(session_id)
    return found[0] if found else None


CHANGES: dict[str, Callable[[Services, str, str], Awaitable[Any]]] = {
    "rename": lambda s, id_, _: s.sessions.update(id_, UpdateSessionBody(title="new title")),
    "metadata": lambda s, id_, _: s.sessions.update(id_, UpdateSessionBody(metadata={"pinned": True})),
    "share": lambda s, id_, _: s.sessions.share(id_, "http://localhost"),
    "revert": lambda s, id_, message: s.history.revert(id_, message),
    "unrevert": lambda s, id_, _: s.history.unrevert(id_),
    "note": lambda s, id_, _: s.prompts.send(id_, note()),
    "replace": lambda s, id_, message: s.prompts.send(id_, note("instead"), message),
    "remove message": lambda s, id_, message: s.history.remove_message(id_, message),
    "fork": lambda s, id_, _: s.history.fork(id_, None),
    "child": lambda s, id_, _: s.sessions.create(CreateSessionBody(parent_id=id_)),
    "delete": lambda s, id_, _: s.deletion.delete(id_),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_that_can_not_be_stored_changes_nothing(
    services: Services, broken: Callable[[], None], change: str
) -> None:
    session_id = await new(services)
    message = (await services.prompts.send(session_id, note("first"))).message.info.id
    before = await services.sessions.get(session_id)
    messages = await services.sessions.messages(session_id)
    events = services.bus.subscribe()
    broken()
    with pytest.raises(Unavailable):
        await CHANGES[change](services, session_id, message)
    assert await services.sessions.get(session_id) == before
    broken()
    await services.store.commit()
    assert await services.sessions.get(session_id) == before == await stored(services, session_id)
    assert await services.sessions.messages(session_id) == messages
    assert await services.sessions.find(SessionQuery()) == [before]
    assert events.take() == []
    await CHANGES[change](services, session_id, message)  # and works again


async def test_an_error_in_the_block_changes_nothing(services: Services) -> None:
    session_id = await new(services)
    before = await services.sessions.get(session_id)
    with pytest.raises(ValueError, match="no"):
        async with services.sessions.edit(session_id) as draft:
            draft.session.title = "changed"
            draft.session.time.archived = 5
            draft.unit.put_todos(session_id, [Todo(content="a")])
            draft.publish(SessionDeleted(session_id=session_id, info=draft.session))
            raise ValueError("no")
    assert await services.sessions.get(session_id) == before == await stored(services, session_id)
    assert await services.sessions.todos(session_id) == []


REFUSED: dict[str, tuple[type[RequestError], Callable[[Services, str, str], Awaitable[Any]]]] = {
    "revert to a part that is not there": (NotFound, lambda s, i, m: s.history.revert(i, m, "prt_nothing")),
    "revert to a message that is not there": (NotFound, lambda s, i, m: s.history.revert(i, "msg_nothing")),
    "an empty title": (
        BadRequest,
        lambda s, i, m: s.sessions.update(i, UpdateSessionBody(title=" ", metadata={"a": 1})),
    ),
    "metadata that is too large": (
        BodyTooLarge,
        lambda s, i, m: s.sessions.update(i, UpdateSessionBody(title="new", metadata={"a": "x" * 300_000})),
    ),
    "a message id that is taken": (Conflict, lambda s, i, m: s.prompts.send(i, note(message_id=m))),
    "a prompt instead of a message that is not there": (
        NotFound,
        lambda s, i, m: s.prompts.send(i, note(), "msg_nothing"),
    ),
    "a part that is too large": (
        BodyTooLarge,
        lambda s, i, m: s.history.update_part(i, m, long_part(i, m)),
    ),
    "a fork before a message that is not there": (NotFound, lambda s, i, m: s.history.fork(i, "msg_nothing")),
}

PARTS: dict[str, str] = {}


def long_part(session_id: str, message_id: str) -> TextPart:
    text = "x" * (4 * 1024 * 1024 + 1)
    return TextPart(id=PARTS[message_id], session_id=session_id, message_id=message_id, text=text)


@pytest.mark.parametrize("case", REFUSED)
async def test_a_refused_request_changes_nothing(services: Services, case: str) -> None:
    session_id = await new(services)
    message = (await services.prompts.send(session_id, note("first"))).message
    PARTS[message.info.id] = message.parts[0].id
    before = await services.sessions.get(session_id)
    events = services.bus.subscribe()
    refusal, change = REFUSED[case]
    with pytest.raises(refusal):
        await change(services, session_id, message.info.id)
    assert events.take() == []
    assert await services.sessions.get(session_id) == before == await stored(services, session_id)
    assert [each.info.id for each in await services.sessions.messages(session_id)] == [message.info.id]
    await services.prompts.send(session_id, note("second"))
    assert len(await services.sessions.messages(session_id)) == 2


async def test_changes_are_published_once_they_are_on_disk(services: Services) -> None:
    session_id = await new(services)
    events = services.bus.subscribe()
    async with services.sessions.edit(session_id) as draft:
        draft.session.title = "new title"
        assert (await services.sessions.get(session_id)).title == "old title"
    assert (await stored(services, session_id)).title == "new title"
    (updated,) = events.take()
    assert isinstance(updated.properties, SessionUpdated) and updated.properties.info.title == "new title"


async def test_changes_of_one_session_happen_one_after_the_other(services: Services) -> None:
    session_id = await new(services)

    async def count() -> None:
        async with services.sessions.edit(session_id) as draft:
            number = len(draft.session.permission or [])
            await asyncio.sleep(0)
            assert number == len(draft.session.permission or [])
            draft.charge(1.0, draft.session.tokens)

    await asyncio.gather(*(count() for _ in range(20)))
    assert (await services.sessions.get(session_id)).cost == 20 == (await stored(services, session_id)).cost


async def test_a_caller_that_leaves_during_the_commit_leaves_a_whole_change(services: Services) -> None:
    session_id = await new(services)
    events = services.bus.subscribe()
    task = asyncio.create_task(services.sessions.update(session_id, UpdateSessionBody(title="new title")))
    while not services.store.pending:  # noqa: ASYNC110 - until the commit has begun
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await services.sessions.get(session_id)).title == "new title"
    assert (await stored(services, session_id)).title == "new title"
    assert [event.type for event in events.take()] == ["session.updated"]


async def test_whoever_holds_a_session_holds_the_same_one_as_everyone_else(services: Services) -> None:
    session_id = await new(services)
    held = await services.sessions.open(session_id)
    for _ in range(RECENT + 10):
        await new(services, "another")
    await services.sessions.update(session_id, UpdateSessionBody(title="renamed"))
    assert held.info.title == "renamed"
    assert await services.sessions.open(session_id) is held


async def test_sessions_that_nobody_holds_are_forgotten(services: Services) -> None:
    first = await new(services)
    for _ in range(RECENT):
        await new(services, "another")
    gc.collect()
    assert first not in services.sessions._cache._live
    assert (await services.sessions.get(first)).title == "old title"


async def test_a_session_is_read_once_by_all_who_ask_at_the_same_time(tmp_path: Path) -> None:
    async with running_services(tmp_path) as services:
        session_id = await new(services)
    async with running_services(tmp_path) as services:
        found = await asyncio.gather(*(services.sessions.open(session_id) for _ in range(5)))
        assert len(set(map(id, found))) == 1


async def test_a_deleted_session_is_refused_to_those_who_hold_it(services: Services) -> None:
    session_id = await new(services)
    held = await services.sessions.open(session_id)
    await services.deletion.delete(session_id)
    with pytest.raises(NotFound):
        held.check()
    with pytest.raises(NotFound):
        async with services.sessions.edit(session_id):
            pass
    with pytest.raises(NotFound):
        await services.sessions.create(CreateSessionBody(parent_id=session_id))


async def test_all_descendants_are_deleted_however_many_and_deep(services: Services) -> None:
    root = await new(services)
    other = await new(services, "another root")
    below = [await new(services, parent_id=root) for _ in range(105)]
    parent = below[0]
    for _ in range(12):
        parent = await new(services, parent_id=parent)
        below.append(parent)
    assert len(await services.sessions.children(root)) == 105
    events = services.bus.subscribe()
    await services.deletion.delete(root)
    assert [session.id for session in await services.sessions.find(SessionQuery(limit=1000))] == [other]
    deleted = [event.session_id for event in events.take() if event.type == "session.deleted"]
    assert set(deleted) == {root, *below} and deleted[-1] == root


async def test_a_child_that_is_made_while_its_parent_is_deleted_does_not_stay(services: Services) -> None:
    for _ in range(20):
        root = await new(services)
        made = await asyncio.gather(
            *(services.sessions.create(CreateSessionBody(parent_id=root)) for _ in range(3)),
            services.deletion.delete(root),
            return_exceptions=True,
        )
        assert all(not isinstance(each, Exception) or isinstance(each, NotFound) for each in made)
        assert await services.sessions.find(SessionQuery()) == []


async def test_a_reverted_prompt_is_removed_with_the_next_one_in_one_change(services: Services) -> None:
    session_id = await new(services)
    first = (await services.prompts.send(session_id, note("first"))).message.info.id
    await services.prompts.send(session_id, note("second"))
    await services.history.revert(session_id, first)
    assert (await services.sessions.get(session_id)).revert == SessionRevert(message_id=first)
    third = (await services.prompts.send(session_id, note("third"))).message.info.id
    assert (await services.sessions.get(session_id)).revert is UNSET
    assert [each.info.id for each in await services.sessions.messages(session_id)] == [third]


async def test_two_requests_with_one_message_id_store_one_message(services: Services) -> None:
    first, second = await new(services), await new(services)
    message_id = "msg_21e3000000000123456789abcd"
    results = await asyncio.gather(
        services.prompts.send(first, note("one", message_id=message_id)),
        services.prompts.send(second, note("two", message_id=message_id)),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in results) == ["Conflict", "Prompted"]
    found = [await services.sessions.messages(each) for each in (first, second)]
    assert sorted(map(len, found)) == [0, 1]


@pytest.mark.parametrize(
    ("text", "todos"), [("x" * (4 * 1024 * 1024 + 1), 0), ("x", 1_001)], ids=["a long text", "many todos"]
)
async def test_an_import_obeys_the_limits_of_a_prompt(services: Services, text: str, todos: int) -> None:
    session_id = await new(services)
    await services.prompts.send(session_id, note("short"))
    exported = await services.transfer.export(session_id)
    part = exported.messages[0].parts[0]
    assert isinstance(part, TextPart)
    part.text = text
    document = SessionImport(
        info=ImportedSession(title="imported"),
        messages=exported.messages,
        todos=[Todo(content="a")] * todos,
    )
    with pytest.raises(BodyTooLarge):
        await services.transfer.import_(document)
    assert len(await services.sessions.find(SessionQuery())) == 1


async def test_a_message_id_ahead_of_the_clock_moves_its_own_session_alone(tmp_path: Path) -> None:
    async with running_services(tmp_path) as services:
        ahead, other = await new(services), await new(services)
        hour = 3_600_000 * 4096
        plain = (await services.prompts.send(other, note())).message.info.id
        chosen = f"msg_{int(plain[4:16], 16) + hour:012x}{'a' * 14}"
        await services.prompts.send(ahead, note("chosen", message_id=chosen))
        answered = await services.prompts.send(ahead, PromptBody(content="think"))
        await answered.answer()
        assert (await services.prompts.send(other, note())).message.info.id < chosen
    async with running_services(tmp_path) as services:
        assert (await services.prompts.send(other, note())).message.info.id < chosen
        await services.prompts.send(ahead, note("last"))
        roles = [type(message.info).__name__ for message in await services.sessions.messages(ahead)]
        assert roles == ["UserMessage", "UserMessage", "AssistantMessage", "UserMessage"]
        day = 24 * hour
        with pytest.raises(BadRequest, match="more than a day ahead"):
            too_far = f"msg_{int(plain[4:16], 16) + day + hour:012x}{'a' * 14}"
            await services.prompts.send(ahead, note(message_id=too_far))


async def test_a_prompt_and_a_deletion_at_once_leave_others_alone(services: Services) -> None:
    other = await new(services, "other")
    for number in range(30):
        session_id = await new(services)
        prompt, deletion, rename = await asyncio.gather(
            services.prompts.send(session_id, note()),
            services.deletion.delete(session_id),
            services.sessions.update(other, UpdateSessionBody(title=f"t{number}")),
            return_exceptions=True,
        )
        assert not isinstance(prompt, Exception) or isinstance(prompt, NotFound)
        assert deletion is None
        assert not isinstance(rename, BaseException) and rename.title == f"t{number}"
        assert await services.store.messages(session_id) == []


async def test_a_message_is_published_after_its_session(services: Services) -> None:
    session_id = await new(services)
    events = services.bus.subscribe()
    await services.prompts.send(session_id, note())
    kinds = [event.properties for event in events.take()]
    assert isinstance(kinds[0], SessionUpdated) and isinstance(kinds[1], MessageUpdated)


async def test_a_fork_leaves_out_what_was_reverted(services: Services) -> None:
    session_id = await new(services)
    first = (await services.prompts.send(session_id, note("first"))).message.info.id
    second = (await services.prompts.send(session_id, note("second"))).message.info.id
    await services.history.revert(session_id, second)
    fork = await services.history.fork(session_id, None)
    assert fork.revert is UNSET
    assert [repr(m.parts).count("first") for m in await services.sessions.messages(fork.id)] == [1]
    before = await services.history.fork(session_id, first)
    assert await services.sessions.messages(before.id) == []
