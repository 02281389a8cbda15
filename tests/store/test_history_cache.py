"""HistoryCache that are kept decoded: always what the database holds, whatever happens to it in between."""

import asyncio
import random

import pytest
from msgspec import structs

from opencode import ids
from opencode.errors import Unavailable
from opencode.schema.message import MessageWithParts
from opencode.schema.part import Part, TextPart
from opencode.store import Store
from opencode.store.history_cache import History, HistoryCache

from .test_store import make_prompt, make_session


def text(message: MessageWithParts, said: str) -> TextPart:
    return TextPart(
        id=ids.ascending("prt"), session_id=message.info.session_id, message_id=message.info.id, text=said
    )


def message(session_id: str) -> MessageWithParts:
    found = MessageWithParts(info=make_prompt(session_id))
    found.parts.append(text(found, "said"))
    return found


async def say(store: Store, session_id: str) -> MessageWithParts:
    said = message(session_id)
    unit = store.unit()
    unit.put_message(said.info)
    for part in said.parts:
        unit.put_part(part)
    await unit.commit()
    return said


async def conversation(store: Store, length: int = 4) -> tuple[str, list[MessageWithParts]]:
    """Return a session whose messages, but for the last, are kept decoded."""
    session = make_session()
    store.put_session(session)
    said = [await say(store, session.id) for _ in range(length)]
    assert await store.history(session.id, said[-1].info.id) == said
    return session.id, said


async def test_what_was_read_is_not_read_again(store: Store) -> None:
    session_id, said = await conversation(store)
    first = await store.history(session_id, said[-1].info.id)
    newest = await say(store, session_id)
    second = await store.history(session_id, newest.info.id)
    assert second == [*said, newest]
    assert [a is b for a, b in zip(first, second, strict=False)] == [True, True, True, False]
    second.clear()
    assert len(await store.history(session_id, newest.info.id)) == 5, "the list is the caller's own"


async def test_a_changed_part_of_an_old_message_is_read_anew(store: Store) -> None:
    session_id, said = await conversation(store)
    part = structs.replace(said[0].parts[0], text="changed")
    store.put_part(part)
    assert (await store.history(session_id, said[-1].info.id))[0].parts == [part]


async def test_a_part_added_to_an_old_message_and_one_that_grows_are_there(store: Store) -> None:
    session_id, said = await conversation(store)
    added, growing = text(said[1], "added"), text(said[2], "grows")
    store.put_part(added)
    store.put_live_part(session_id, growing.id, lambda: growing)
    history = await store.history(session_id, said[-1].info.id)
    assert history[1].parts[1] == added
    assert history[2].parts[1] == growing


async def test_what_is_removed_is_gone(store: Store) -> None:
    session_id, said = await conversation(store)
    store.remove_part(session_id, said[0].parts[0].id)
    assert (await store.history(session_id, said[-1].info.id))[0].parts == []
    store.remove_message(session_id, said[1].info.id)
    assert [each.info.id for each in await store.history(session_id, said[-1].info.id)] == [
        said[0].info.id,
        said[2].info.id,
        said[3].info.id,
    ]
    unit = store.unit()
    unit.remove_session(session_id)
    await unit.commit()
    assert await store.history(session_id, said[-1].info.id) == []


async def test_a_message_whose_id_sorts_among_the_old_ones_is_in_its_place(store: Store) -> None:
    early = message(make_session().id)
    session_id, said = await conversation(store)
    info = structs.replace(early.info, session_id=session_id)
    store.put_message(info)
    history = await store.history(session_id, info.id)
    assert [each.info.id for each in history] == [info.id, *(each.info.id for each in said)]
    assert await store.history(session_id, said[-1].info.id) == history


async def test_a_change_that_could_not_be_stored_is_not_in_the_history(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, said = await conversation(store)
    history = await store.history(session_id, said[-1].info.id)
    part = history[0].parts[0]
    assert isinstance(part, TextPart)
    part.text = "never stored"
    unit = store.unit()
    unit.put_part(part)

    with monkeypatch.context() as patch:
        patch.setattr("opencode.store.writer._write", _refuse)
        with pytest.raises(Unavailable):
            await unit.commit()
    assert await store.history(session_id, said[-1].info.id) == said


def _refuse(*_: object) -> None:
    raise ValueError("This can never be written.")


async def test_a_change_while_a_history_is_read_is_not_missed_the_next_time(store: Store) -> None:
    session_id, said = await conversation(store)
    for _ in range(20):
        part = structs.replace(said[0].parts[0], text=str(random.random()))
        reading = asyncio.create_task(store.history(session_id, said[-1].info.id))
        await asyncio.sleep(0)
        store.put_part(part)
        await asyncio.gather(reading, store.commit())
        assert (await store.history(session_id, said[-1].info.id))[0].parts == [part]


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_happens_a_history_is_what_is_stored(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    sessions = [(await conversation(store))[0] for _ in range(3)]
    for _ in range(60):
        session_id = chance.choice(sessions)
        stored = await store.messages(session_id)
        chosen = chance.choice(stored) if stored else await say(store, session_id)
        match chance.randrange(6):
            case 0 | 1:
                await say(store, session_id)
            case 2:
                store.put_part(text(chosen, str(chance.random())))
            case 3 if chosen.parts:
                part: Part = structs.replace(chance.choice(chosen.parts), text=str(chance.random()))
                store.put_part(part)
            case 4 if chosen.parts:
                store.remove_part(session_id, chance.choice(chosen.parts).id)
            case 5:
                store.remove_message(session_id, chosen.info.id)
                for part in chosen.parts:
                    store.remove_part(session_id, part.id)
        newest = (await store.messages(session_id) or [message(session_id)])[-1].info.id
        settled = chance.choice([newest, chosen.info.id])
        assert await store.history(session_id, settled) == await store.messages(session_id)


def test_little_is_kept_and_what_was_read_last_longest() -> None:
    histories = HistoryCache(limit=100)
    for session_id in ("a", "b", "a", "c"):
        begun = histories.begin(session_id)
        histories.end(session_id, begun, History([message(session_id)], 40))
    assert histories.begin("b").messages == []
    assert len(histories.begin("a").messages) == 1
    assert len(histories.begin("c").messages) == 1
    histories.end("d", histories.begin("d"), History([message("d")], 101))
    assert histories.begin("d").messages == []


async def test_a_new_sessions_only_message_is_known_without_a_look(store: Store) -> None:
    session = make_session()
    unit = store.unit()
    unit.put_session(session)
    await unit.commit()
    store.begin_history(session.id)
    first = await say(store, session.id)
    assert store.has_only(session.id, first.info.id)
    store.put_part(text(first, "more"))
    assert not store.has_only(session.id, first.info.id), "not everything is on disk"
    await store.commit()
    assert store.has_only(session.id, first.info.id)
    second = await say(store, session.id)
    assert not store.has_only(session.id, first.info.id)
    assert not store.has_only(session.id, second.info.id)
    assert await store.history(session.id, second.info.id) == await store.messages(session.id)


async def test_a_new_sessions_message_that_was_removed_is_not_its_only_one(store: Store) -> None:
    session = make_session()
    store.put_session(session)
    await store.commit()
    store.begin_history(session.id)
    first = await say(store, session.id)
    store.remove_message(session.id, first.info.id)
    await store.commit()
    assert not store.has_only(session.id, first.info.id)
