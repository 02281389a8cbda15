"""Deletions that can be undone: refused to everyone at once, undone or finished, over restarts too."""

import asyncio
from pathlib import Path

import pytest

from opencode.errors import NotFound, Unavailable
from opencode.schema.prompt import CreateSessionBody, PromptBody, TextPartInput, UpdateSessionBody
from opencode.schema.transfer import ImportedSession, SessionImport
from opencode.session import deletion
from opencode.session.services import Services
from opencode.store import SessionQuery

from .conftest import running_services


async def new(services: Services, parent_id: str | None = None) -> str:
    body = CreateSessionBody(title="precious")
    if parent_id:
        body.parent_id = parent_id
    session = await services.sessions.create(body)
    note = PromptBody(parts=[TextPartInput(text="precious words")], no_reply=True)
    await services.prompts.send(session.id, note)
    return session.id


async def stop_as_if_killed(self: deletion.Deletion) -> None:
    """Leave the trash as it is, as a killed server does."""
    await self._timers.close(1)


async def is_refused(services: Services, session_id: str) -> bool:
    """Return whether a session is in no list, and refused to everyone who names it."""
    listed = await services.sessions.find(SessionQuery(limit=1000))
    titled = await services.sessions.find(SessionQuery(limit=1000, search="precious"))
    found = await services.sessions.search("precious words", 100)
    ids = {each.id for each in (*listed, *titled, *(match.session for match in found.matches))}
    refusals = await asyncio.gather(
        services.sessions.get(session_id),
        services.sessions.messages(session_id),
        services.sessions.shared(session_id, "token"),
        services.sessions.update(session_id, UpdateSessionBody(title="new")),
        services.prompts.send(session_id, PromptBody(content="Hi")),
        services.history.fork(session_id, None),
        services.transfer.export(session_id),
        services.deletion.delete(session_id),
        services.deletion.trash(session_id),
        services.sessions.create(CreateSessionBody(parent_id=session_id)),
        return_exceptions=True,
    )
    return session_id not in ids and all(isinstance(each, NotFound) for each in refusals)


async def test_a_session_in_the_trash_is_refused_to_everyone_and_can_be_restored(services: Services) -> None:
    session_id = await new(services)
    child = await new(services, session_id)
    before = await services.sessions.get(session_id)
    events = services.bus.subscribe()
    await services.deletion.trash(session_id)
    assert await is_refused(services, session_id) and await is_refused(services, child)
    assert [(e.type, e.session_id) for e in events.take()] == [
        ("session.deleted", child),
        ("session.deleted", session_id),
    ]
    assert services.deletion.can_restore(session_id)
    await services.deletion.restore(session_id)
    assert await services.sessions.get(session_id) == before
    assert len(await services.sessions.messages(child)) == 1
    created = [e.session_id for e in events.take() if e.type == "session.created"]
    assert created == [session_id, child]
    assert [match.session.id for match in (await services.sessions.search("precious", 100)).matches]
    await services.deletion.restore(session_id)  # a second click
    assert not services.deletion.can_restore(session_id)


async def test_the_trash_is_emptied_after_a_while(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "UNDO_SECONDS", 0.05)
    session_id = await new(services)
    await services.deletion.trash(session_id)
    await asyncio.wait_for(services.deletion._trash[session_id].task, 10)
    assert await services.store.trashed() == []
    assert await services.store.messages(session_id) == []
    with pytest.raises(NotFound):
        await services.deletion.restore(session_id)


async def test_a_deletion_is_finished_by_the_end_of_the_server(tmp_path: Path) -> None:
    async with running_services(tmp_path) as services:
        session_id = await new(services)
        await services.deletion.trash(session_id)
    async with running_services(tmp_path) as services:
        assert await services.store.trashed() == []
        assert await services.store.messages(session_id) == []


@pytest.mark.parametrize("restore", [False, True])
async def test_a_deletion_is_undone_or_finished_after_the_server_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restore: bool
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(deletion.Deletion, "close", stop_as_if_killed)
        async with running_services(tmp_path) as services:
            session_id = await new(services)
            child = await new(services, session_id)
            await services.deletion.trash(session_id)
    monkeypatch.setattr(deletion, "UNDO_SECONDS", 60.0 if restore else 0.0)
    async with running_services(tmp_path) as services:
        if restore:
            assert await is_refused(services, session_id) and await is_refused(services, child)
            await services.deletion.restore(session_id)
            assert len(await services.sessions.messages(child)) == 1
        else:
            while services.deletion.can_restore(session_id):  # noqa: ASYNC110 - its timer is over
                await asyncio.sleep(0.01)
            assert await services.store.messages(child) == []
            assert await is_refused(services, session_id)


async def test_an_answer_that_was_being_written_is_closed_when_its_session_is_restored(
    tmp_path: Path,
) -> None:
    async with running_services(tmp_path, OPENCODE_DEMO_PACE="20") as services:
        session_id = await new(services)
        prompted = await services.prompts.send(session_id, PromptBody(content="long"))
        async with services.bus.subscribe(session_id) as events:
            while not any(event.type == "message.part.delta" for event in await events.next(10)):
                pass
        await services.deletion.trash(session_id)
        await prompted.answer()
        await services.deletion.restore(session_id)
        answer = (await services.sessions.messages(session_id))[-1]
        assert answer.failure is not None and answer.info.time.completed  # type: ignore[union-attr]
        await services.prompts.send(session_id, PromptBody(content="think"))


async def test_a_refused_deletion_changes_nothing(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await new(services)
    await services.deletion.trash(session_id)

    async def refuse(*_: object) -> None:
        raise Unavailable("The database can't be written to.")

    with monkeypatch.context() as patch:
        patch.setattr("opencode.store.writer.Unit.commit", refuse)
        with pytest.raises(Unavailable):
            await services.deletion.restore(session_id)
        assert services.deletion.can_restore(session_id)
    await services.deletion.restore(session_id)
    with monkeypatch.context() as patch:
        patch.setattr("opencode.store.writer.Unit.commit", refuse)
        with pytest.raises(Unavailable):
            await services.deletion.trash(session_id)
    assert (await services.sessions.get(session_id)).title == "precious"


async def test_the_id_of_a_session_in_the_trash_is_not_free(services: Services) -> None:
    session_id = await new(services)
    exported = await services.transfer.export(session_id)
    await services.deletion.trash(session_id)
    info = ImportedSession(title="imported", id=session_id)
    imported = await services.transfer.import_(SessionImport(info=info, messages=exported.messages))
    assert imported.id != session_id
    await services.deletion.restore(session_id)
    assert len(await services.sessions.messages(session_id)) == 1


async def test_a_child_that_was_deleted_by_itself_stays_deleted_when_its_parent_is_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(deletion.Deletion, "close", stop_as_if_killed)
        async with running_services(tmp_path) as services:
            session_id = await new(services)
            child = await new(services, session_id)
            await services.deletion.trash(child)
            await asyncio.sleep(0.002)  # another millisecond
            await services.deletion.trash(session_id)
    async with running_services(tmp_path) as services:
        await services.deletion.restore(session_id)
        assert (await services.sessions.get(session_id)).title == "precious"
        with pytest.raises(NotFound):
            await services.sessions.get(child)
        assert services.deletion.can_restore(child)
