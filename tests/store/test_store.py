import asyncio
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from opencode import ids
from opencode.errors import SettingsError, Unavailable
from opencode.schema.message import AssistantMessage, MessagePath, MessageTime, ModelChoice, UserMessage
from opencode.schema.part import CreatedTime, TextPart, Tokens
from opencode.schema.session import Session, SessionTime, Todo
from opencode.store import SessionQuery, Store
from opencode.store.writer import FlushJob


def make_session(title: str = "A title", updated: int = 1, parent_id: str | None = None) -> Session:
    session = Session(
        id=ids.descending("ses"),
        slug="quiet-harbor",
        project_id="global",
        directory="/",
        title=title,
        version="1",
        time=SessionTime(created=1, updated=updated),
        cost=0,
        tokens=Tokens(),
    )
    if parent_id:
        session.parent_id = parent_id
    return session


def make_prompt(session_id: str) -> UserMessage:
    return UserMessage(
        id=ids.ascending("msg"),
        session_id=session_id,
        time=CreatedTime(created=1),
        agent="build",
        model=ModelChoice(provider_id="demo", model_id="demo"),
    )


def make_answer(session_id: str, completed: bool) -> AssistantMessage:
    return AssistantMessage(
        id=ids.ascending("msg"),
        session_id=session_id,
        time=MessageTime(created=1, completed=2) if completed else MessageTime(created=1),
        parent_id="msg_1",
        model_id="demo",
        provider_id="demo",
        mode="build",
        agent="build",
        path=MessagePath(cwd="/", root="/"),
        cost=0,
        tokens=Tokens(),
    )


def make_text(message: UserMessage | AssistantMessage, text: str) -> TextPart:
    return TextPart(id=ids.ascending("prt"), session_id=message.session_id, message_id=message.id, text=text)


async def test_everything_is_there_after_the_store_is_opened_again(tmp_path: Path, url: str | None) -> None:
    store = await Store.open(tmp_path, url)
    session = make_session()
    prompt = make_prompt(session.id)
    part = make_text(prompt, "nul \x00, emoji 🤖 and \u2028")
    store.put_session(session)
    store.put_message(prompt)
    store.put_part(part)
    store.put_todos(session.id, [Todo(content="a"), Todo(content="b", status="completed")])
    await store.close()

    store = await Store.open(tmp_path, url)
    assert await store.session(session.id) == (session, prompt.id)
    (message,) = await store.messages(session.id)
    assert (message.info, message.parts) == (prompt, [part])
    assert [todo.content for todo in await store.todos(session.id)] == ["a", "b"]
    await store.close()


async def test_reads_see_what_was_put_and_not_yet_committed(store: Store) -> None:
    session = make_session()
    store.put_session(session)
    assert await store.session(session.id) == (session, "")
    session.title = "Another"
    store.put_session(session)
    assert [found.title for found in await store.sessions(SessionQuery())] == ["Another"]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_change_is_on_disk_within_a_quarter_of_a_second(store: Store, tmp_path: Path) -> None:
    session = make_session()
    store.put_session(session)
    await asyncio.sleep(0.25)
    with sqlite3.connect(tmp_path / "opencode.db") as other:
        assert other.execute("SELECT id FROM session").fetchall() == [(session.id,)]


async def test_a_growing_part_is_rendered_when_it_is_written(store: Store) -> None:
    session = make_session()
    prompt = make_prompt(session.id)
    part = make_text(prompt, "")
    looks = []

    def current() -> TextPart:
        looks.append(part.text)
        return part

    store.put_session(session)
    store.put_message(prompt)
    for word in ["one", "two", "three"]:
        part.text += word
        store.put_live_part(session.id, part.id, current)
    await store.commit()
    assert looks == ["onetwothree"]
    assert (await store.messages(session.id))[0].parts == [part]


async def test_commits_that_come_together_share_a_transaction(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = [make_session() for _ in range(20)]
    flushes = 0
    flush = store._writer._flush

    async def counted(work: FlushJob) -> None:
        nonlocal flushes
        flushes += 1
        await flush(work)

    monkeypatch.setattr(store._writer, "_flush", counted)

    async def put(session: Session) -> None:
        store.put_session(session)
        await store.commit()

    await asyncio.gather(*map(put, sessions))
    assert flushes <= 2
    assert len(await store.sessions(SessionQuery())) == 20


async def test_what_is_written_together_is_as_if_it_was_written_alone(tmp_path: Path) -> None:
    parent = make_session()
    titles = ["plain", "nul \0 and \U0001f916", '"quoted" \\ \u2028', "8"]
    sessions = [make_session(title, updated=1 << 42, parent_id=parent.id) for title in titles]
    sessions[0].metadata = {"pinned": True}
    columns = "id, parent_id, title, typeof(title), time_updated, pinned, typeof(pinned), data"
    found = []
    for name, together in (("alone", False), ("together", True), ("again", True)):
        store = await Store.open(tmp_path / name)
        if name == "again":  # in the place of what is there
            for session in (parent, *sessions):
                store.put_session(msgspec.structs.replace(session, title="Another", parent_id=UNSET))
            await store.commit()
        for session in (parent, *sessions):
            store.put_session(session)
            if not together:
                await store.commit()
        await store.commit()
        await store.close()
        with sqlite3.connect(tmp_path / name / "opencode.db") as file:
            found.append(file.execute(f"SELECT {columns} FROM session ORDER BY id").fetchall())
    assert found[0] == found[1] == found[2]
    assert {row[2] for row in found[0]} == {"A title", *(title.replace("\0", "\ufffd") for title in titles)}
    assert sum(row[5] for row in found[0]) == 1


async def test_a_loop_that_never_rests_does_not_keep_a_commit_waiting(store: Store) -> None:
    sessions = [make_session() for _ in range(60)]
    for session in sessions:
        store.put_session(session)
        prompt = make_prompt(session.id)
        store.put_message(prompt)
        store.put_part(make_text(prompt, "something to be found"))
    committed = store.commit()
    began = time.monotonic()
    while not committed.done() and time.monotonic() < began + 5:
        turn = time.monotonic() + 0.0002
        while time.monotonic() < turn:
            pass
        await asyncio.sleep(0)
    assert committed.done()
    assert time.monotonic() - began < 1.0
    assert len(await store.sessions(SessionQuery(limit=100))) == 60


async def test_a_commit_is_asked_for_before_it_is_awaited(store: Store) -> None:
    session = make_session()
    store.put_session(session)
    committed = store.commit()
    for _ in range(100):
        await asyncio.sleep(0.01)
        if committed.done():
            break
    assert committed.done()
    await store.close()
    with pytest.raises(Unavailable):
        await store.commit()


async def test_what_waits_is_written_though_every_task_was_cancelled(tmp_path: Path, url: str | None) -> None:
    store = await Store.open(tmp_path, url)
    session = make_session()
    store.put_session(session)
    commit = asyncio.ensure_future(store.commit())
    await asyncio.sleep(0)
    (writer,) = (task for task in asyncio.all_tasks() if task.get_name() == "store-writer")
    writer.cancel()
    await asyncio.wait({writer})
    await asyncio.wait_for(store.close(), 5)
    await asyncio.wait_for(commit, 1)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(store.commit(), 1)
    store = await Store.open(tmp_path, url)
    assert await store.session(session.id) == (session, "")
    await store.close()


async def test_sessions_are_paged_by_cursor_newest_change_first(store: Store) -> None:
    sessions = [make_session(updated=number // 2) for number in range(10)]
    for session in sessions:
        store.put_session(session)
    seen: list[str] = []
    after = None
    while page := await store.sessions(SessionQuery(limit=3, after=after)):
        seen += [session.id for session in page]
        after = (page[-1].time.updated, page[-1].id)
    assert sorted(seen) == sorted(session.id for session in sessions)
    updates = [next(s.time.updated for s in sessions if s.id == session_id) for session_id in seen]
    assert updates == sorted(updates, reverse=True)


async def test_sessions_are_found_by_title_roots_and_time(store: Store) -> None:
    parent = make_session("100% Lisbon", updated=5)
    child = make_session("Porto", updated=9, parent_id=parent.id)
    for session in (parent, child):
        store.put_session(session)

    async def titles(query: SessionQuery) -> list[str]:
        return [session.title for session in await store.sessions(query)]

    assert await titles(SessionQuery(search="lisBON")) == ["100% Lisbon"]
    assert await titles(SessionQuery(search="%")) == ["100% Lisbon"]
    assert await titles(SessionQuery(roots=True)) == ["100% Lisbon"]
    assert await titles(SessionQuery(parent_id=parent.id)) == ["Porto"]
    assert await titles(SessionQuery(updated_since=6)) == ["Porto"]


async def test_messages_are_paged_backwards_with_their_own_parts(store: Store) -> None:
    session = make_session()
    store.put_session(session)
    prompts = [make_prompt(session.id) for _ in range(7)]
    for number, prompt in enumerate(prompts):
        store.put_message(prompt)
        store.put_part(make_text(prompt, str(number)))
    newest = await store.messages(session.id, limit=3)
    assert [message.parts[0].text for message in newest] == ["4", "5", "6"]  # type: ignore[union-attr]
    older = await store.messages(session.id, limit=3, before=newest[0].info.id)
    assert [message.info.id for message in older] == [prompt.id for prompt in prompts[1:4]]


async def test_a_removed_session_takes_everything_with_it_and_stays_away(store: Store) -> None:
    session = make_session()
    prompt = make_prompt(session.id)
    store.put_session(session)
    store.put_message(prompt)
    store.put_part(make_text(prompt, "x"))
    store.put_todos(session.id, [Todo(content="a")])
    await store.commit()
    unit = store.unit()
    unit.remove_session(session.id)
    store.put_part(make_text(prompt, "at the same time"))
    await unit.commit()
    store.put_part(make_text(prompt, "too late"))
    await store.commit()
    assert await store.session(session.id) is None
    assert await store.messages(session.id) == []
    assert await store.todos(session.id) == []


async def test_a_removed_part_is_gone(store: Store) -> None:
    session = make_session()
    prompt = make_prompt(session.id)
    part = make_text(prompt, "x")
    store.put_session(session)
    store.put_message(prompt)
    store.put_part(part)
    await store.commit()
    store.remove_part(session.id, part.id)
    assert (await store.messages(session.id))[0].parts == []


async def test_unfinished_answers_are_found(store: Store) -> None:
    session = make_session()
    store.put_session(session)
    cut = make_answer(session.id, completed=False)
    for message in (make_prompt(session.id), make_answer(session.id, completed=True), cut):
        store.put_message(message)
    assert [message.info.id for message in await store.unfinished()] == [cut.id]


async def test_descendants_are_found_however_deep_and_many_parents_first(store: Store) -> None:
    root = make_session()
    store.put_session(root)
    store.put_session(make_session("another root"))
    expected, parent = [], root
    for _ in range(40):
        parent = make_session(parent_id=parent.id)
        store.put_session(parent)
        expected.append(parent.id)
    wide = [make_session(parent_id=parent.id) for _ in range(150)]
    for session in wide:
        store.put_session(session)
    found = await store.descendants(root.id)
    assert found[:40] == expected
    assert sorted(found[40:]) == sorted(session.id for session in wide)
    assert await store.descendants(wide[0].id) == []


async def test_a_row_that_can_never_be_written_fails_those_who_wait_for_it_alone(store: Store) -> None:
    good, gone = make_session(), make_session()
    store.put_session(good)
    await store.commit()
    store.put_message(make_prompt(gone.id))  # its session is not stored
    unit = store.unit()
    unit.put_session(make_session("stored by a unit"))
    store.put_message(make_prompt(good.id))
    results = await asyncio.gather(
        store.commit(gone.id), store.commit(good.id), unit.commit(), store.commit(), return_exceptions=True
    )
    assert [type(result) for result in results] == [Unavailable, type(None), type(None), Unavailable]
    assert len(await store.messages(good.id)) == 1


async def test_a_file_that_is_no_database_stops_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "opencode.db").write_text("not a database, by a long way" * 100)
    with pytest.raises(SettingsError, match="can't be opened"):
        await Store.open(tmp_path)


async def test_a_data_directory_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="OPENCODE_DATA_DIR"):
        await Store.open(tmp_path / "file" / "data")
