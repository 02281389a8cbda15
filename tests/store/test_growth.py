"""A text that is streamed: written as what is new, read whole at any time."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, select

from opencode.errors import Unavailable
from opencode.schema.part import ReasoningPart, TextPart, TimeSpan
from opencode.store import Store
from opencode.store.tables import part as part_table
from opencode.store.tables import part_growth

from .test_store import make_answer, make_session, make_text

Growing = TextPart | ReasoningPart


async def begin(store: Store, kind: str = "text") -> Growing:
    session = make_session()
    answer = make_answer(session.id, completed=False)
    store.put_session(session)
    store.put_message(answer)
    part = make_text(answer, "")
    part.time = TimeSpan(start=1)
    if kind == "text":
        return part
    return ReasoningPart(
        id=part.id, session_id=part.session_id, message_id=part.message_id, text="", time=TimeSpan(start=1)
    )


async def grow(store: Store, part: Growing, *texts: str) -> None:
    for text in texts:
        part.text += text
        store.put_live_part(part.session_id, part.id, lambda: part)
        await store.commit()


async def pieces(store: Store) -> list[str]:
    """Return the pieces as they are stored."""

    def read(connection: Connection) -> list[str]:
        rows = connection.execute(select(part_growth.c.data).order_by(part_growth.c.total))
        return [json.loads(row.data)[1] for row in rows]

    return await store._database.read(read)


async def stored(store: Store, part: Growing) -> Growing:
    (message,) = await store.messages(part.session_id)
    (found,) = message.parts
    assert [message] == await store.history(part.session_id, message.info.id)
    assert message == await store.message(part.session_id, message.info.id)
    assert isinstance(found, TextPart | ReasoningPart)
    return found


TEXTS = ("One, ", 'nul \0 and "quotes" \\ ', "\U0001f916, 東京, \u2028 ", "end")


@pytest.mark.parametrize("kind", ["text", "reasoning"])
async def test_each_flush_writes_what_is_new_and_reads_have_it_all(store: Store, kind: str) -> None:
    part = await begin(store, kind)
    for count, text in enumerate(TEXTS, 1):
        await grow(store, part, text)
        assert await stored(store, part) == part
        assert await pieces(store) == list(TEXTS[:count])
    store.put_live_part(part.session_id, part.id, lambda: part)
    await store.commit()
    assert await pieces(store) == list(TEXTS), "nothing is new"
    assert part.time is not None
    part.time.end = 2  # type: ignore[union-attr]
    store.put_part(part)
    assert await stored(store, part) == part
    assert await pieces(store) == []


async def test_what_had_grown_is_there_after_a_restart(tmp_path: Path, url: str | None) -> None:
    store = await Store.open(tmp_path, url)
    part = await begin(store)
    await grow(store, part, *TEXTS)
    await store.close()
    store = await Store.open(tmp_path, url)
    ((unfinished,),) = [message.parts for message in await store.unfinished()]
    assert unfinished == part
    await grow(store, part, " and on")
    assert await stored(store, part) == part
    await store.close()


async def test_a_transaction_that_failed_leaves_no_gap(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    part = await begin(store)
    await grow(store, part, "one ")

    def refuse(*_: object) -> None:
        raise RuntimeError("the transaction fails at its end")

    engine = store._database._writing
    event.listen(engine, "commit", refuse)
    part.text += "two "
    store.put_live_part(part.session_id, part.id, lambda: part)
    with pytest.raises(Unavailable):
        await store.commit()
    event.remove(engine, "commit", refuse)
    await grow(store, part, "three")
    assert await stored(store, part) == part
    assert part.text == "one two three"


async def test_an_answer_that_is_discarded_takes_its_pieces_with_it(store: Store) -> None:
    part = await begin(store)
    await grow(store, part, "the first attempt ", "failed")
    store.remove_part(part.session_id, part.id)
    await store.commit()
    assert await pieces(store) == []
    again = make_text(make_answer(part.session_id, completed=False), "")
    again.message_id, again.time = part.message_id, TimeSpan(start=1)
    await grow(store, again, "the ", "second")
    assert await stored(store, again) == again
    unit = store.unit()
    unit.remove_session(part.session_id)
    await unit.commit()
    assert await pieces(store) == []


async def test_a_text_that_became_shorter_is_written_anew(store: Store) -> None:
    part = await begin(store)
    await grow(store, part, "a long ", "text")
    part.text = "short"
    await grow(store, part, " one")
    assert await stored(store, part) == part
    assert await pieces(store) == ["short one"]


async def test_a_part_that_is_edited_while_it_grows_goes_on_growing(store: Store) -> None:
    part = await begin(store)
    await grow(store, part, "one ", "two ")
    store.put_part(part)
    assert await stored(store, part) == part
    await grow(store, part, "three")
    assert await stored(store, part) == part


async def test_a_flush_of_a_long_text_changes_no_row_of_it(store: Store) -> None:
    part = await begin(store)
    await grow(store, part, "x" * 100_000, "y")

    def read(connection: Connection) -> int:
        return max(len(row.data) for row in connection.execute(select(part_table.c.data)))

    assert await store._database.read(read) < 500
    assert [len(piece) for piece in await pieces(store)] == [100_000, 1]
