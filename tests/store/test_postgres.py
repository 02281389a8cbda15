"""What is PostgreSQL's own. That it keeps what SQLite keeps is tested with SQLite."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine

from opencode.config import Settings
from opencode.errors import SettingsError, Unavailable
from opencode.store import SessionQuery, Store, servers
from opencode.store.dialects import instance_lock, text_scan
from tests.postgres import PASSWORD, Postgres
from tests.program import free_port, program, said, start

from .test_search import find, places, say
from .test_store import make_prompt, make_session, make_text


@pytest.fixture
def url(cluster: Postgres) -> str:
    return cluster.database()


async def test_a_database_that_was_restarted_is_read_and_written_as_before(
    store: Store, cluster: Postgres
) -> None:
    session = make_session()
    store.put_session(session)
    await store.commit()
    cluster.stop()
    store.put_message(make_prompt(session.id))
    with pytest.raises(Unavailable):
        await store.commit()
    assert store.failure == "The database can't be written to: it can't be reached; the log says why."
    with pytest.raises(Unavailable) as told:
        await store.sessions(SessionQuery())
    assert "it can't be reached; the log says why" in str(told.value)
    cluster.start()
    assert len(await store.messages(session.id)) == 1
    assert store.failure is None
    cluster.stop()
    cluster.start()
    store.put_message(make_prompt(session.id))
    await store.commit()
    assert len(await store.messages(session.id)) == 2


async def test_a_database_of_an_older_versions_server_is_not_shared(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance_lock, "WAIT_SECONDS", 0.2)
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [instance_lock.LOCK])
        with pytest.raises(SettingsError, match="in use by a server of an older version"):
            await Store.open(tmp_path, url)
    await (await Store.open(tmp_path, url)).close()


async def test_servers_share_a_database(store: Store, url: str, tmp_path: Path) -> None:
    other = await Store.open(tmp_path, url)
    for each in (store, other):
        session = make_session()
        each.put_session(session)
        await each.commit()
        assert await store.session(session.id) == await other.session(session.id)
    await other.close()


async def test_a_server_whose_place_was_taken_writes_nothing(store: Store, url: str) -> None:
    """As after a network that was cut for long: the database has ended its connections."""
    server_id = store.server_id
    assert server_id is not None
    await store.tell(lambda c: servers.join(c, server_id, "http://127.0.0.1:1", "token"))
    store.joined()
    session = make_session()
    store.put_session(session)
    await store.commit()
    with create_engine(url.replace("postgresql", "postgresql+psycopg", 1)).begin() as connection:
        assert not servers.bury(connection, server_id, [])  # it lives
        servers.disconnect(connection, server_id)
    store.put_message(make_prompt(session.id))
    await store.commit()  # it was not too late yet
    with create_engine(url.replace("postgresql", "postgresql+psycopg", 1)).begin() as connection:
        servers.disconnect(connection, server_id)
        while not servers.bury(connection, server_id, []):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    store.put_message(make_prompt(session.id))
    with pytest.raises(Unavailable):
        await store.commit()
    assert store.failure is not None and "another server has taken" in store.failure
    assert len(await store.messages(session.id)) == 1


async def test_ids_sort_as_bytes_though_the_database_sorts_as_english_does(store: Store) -> None:
    session = make_session()
    store.put_session(session)
    for suffix in "bCaB":
        prompt = make_prompt(session.id)
        prompt.id = f"msg_000000000000{suffix * 14}"
        store.put_message(prompt)
    listed = [message.info.id[-1] for message in await store.messages(session.id)]
    assert listed == ["B", "C", "a", "b"]


async def test_titles_come_first_then_words_then_what_is_within_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with SQLite's indexes."""
    monkeypatch.setattr(text_scan, "READ_AT_ONCE", 2)
    within = say(store, "the locatedness of things").session_id
    inside = say(store, "allocated").session_id
    words = say(store, "It was LOCATED,\nthere").session_id
    again = say(store, "I located it").session_id
    titled = say(store, "else", title="Located where?").session_id
    assert await find(store, "located") == [titled, again, words, inside, within]
    assert await places(store, "located") == {
        "title": [titled],
        "words": [again, words],
        "within": [inside, within],
    }
    assert await places(store, "was located there") == {"words": [words]}
    assert await places(store, "LOCATED, ") == {}
    assert await places(store, "d it") == {"within": [again]}


async def test_texts_are_found_by_an_index(store: Store, url: str) -> None:
    session = make_session(title="x" * 900 + "\U0001f600" * 100)
    store.put_session(session)
    prompt = make_prompt(session.id)
    store.put_message(prompt)
    store.put_part(make_text(prompt, 'raise ValueError("no caf\u00e9, 100% \0 in \u6771\u4eac\u90fd")'))
    for words in ("eError", "VALUEERROR", "no CAF\u00c9", "100%", "\u6771\u4eac\u90fd", '("no', "xxx"):
        assert [match.session.id for match in (await store.search(words, 5)).matches] == [session.id], words
    for words in ("type", "message", "time", "end", "ValueErrors", "100_", "in \u4eac"):
        assert (await store.search(words, 5)).matches == [], words

    with psycopg.connect(url) as connection:
        connection.execute("SET enable_seqscan = off")
        rows = connection.execute("EXPLAIN SELECT 1 FROM part WHERE searchable AND data ILIKE '%eError%'")
        assert "ix_part_data_trgm" in "\n".join(line for (line,) in rows)


@pytest.mark.parametrize(
    "address",
    [
        "mysql://u:a-secret@h/d",
        "a-secret",
        "postgresql://",
        "postgresql://u:a-secret@127.0.0.1:port/d",
        "postgresql://u:a-secret@127.0.0.1:5432",
        "postgresql://u:a-@a-secret#pw/x@127.0.0.1:5432/d",
        "postgresql://u:a#a-secret@127.0.0.1:5432/d",
        "postgresql://u:a-secret@127.0.0.1:1/d",
        "postgresql://u:a-secret@127.0.0.1:1/d?nonsense=a-secret",
    ],
)
async def test_an_address_that_is_none_stops_the_start_with_one_line(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError) as told:
        settings = Settings.load({"OPENCODE_DATABASE_URL": address, "OPENCODE_DATA_DIR": str(tmp_path)})
        await Store.open(tmp_path, settings.database_url)
    assert "OPENCODE_DATABASE_URL" in str(told.value)
    assert "a-secret" not in str(told.value)
    assert "\n" not in str(told.value)


def test_addresses_of_databases_are_taken() -> None:
    for address in (
        "postgresql://h/d",
        "postgres://u@h/d",
        "postgresql://u:p%40%2F:!$@a-b.example.com:5432/d?sslmode=require&channel_binding=require",
        "postgresql://u:p@[::1]:5432/d",
        "postgresql://u:p@h1:5432,h2:5433/d",
    ):
        found = Settings.load({"OPENCODE_DATABASE_URL": address}).database_url
        assert found == address


async def test_the_program_keeps_its_conversations_there(tmp_path: Path, cluster: Postgres, url: str) -> None:
    env = {"OPENCODE_DATABASE_URL": url}
    async with program(tmp_path, **env) as (_, server):
        session_id = await server.new_session(title="Kept")
        await server.ask(session_id, "todo: one, two")
        assert not (tmp_path / "data" / "opencode.db").exists()
        shown = (await server.client.get("/config")).text + (await server.client.get("/metrics")).text
        assert PASSWORD not in shown
    async with program(tmp_path / "elsewhere", **env) as (_, server):
        assert len(await server.messages(session_id)) == 3
        answered = await server.ask(session_id, "todo: three")
        assert answered["info"]["finish"] == "stop"
        found = await server.client.get("/chats/search?q=three")
        assert session_id in found.text
    wrong = url.replace(PASSWORD, "another-secret")
    process = await start(tmp_path, free_port(), OPENCODE_DATABASE_URL=wrong)
    log = await said(process)
    assert process.returncode == 1
    assert "password authentication failed" in log and "another-secret" not in log
    assert "Traceback" not in log


async def test_a_table_that_someone_else_holds_is_not_waited_for_for_long(store: Store, url: str) -> None:
    session = make_session()
    store.put_session(session)
    await store.commit()
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE session")
        store.put_session(session)
        with pytest.raises(Unavailable):
            await asyncio.wait_for(store.commit(), 10)
        assert store.failure is not None and "lock timeout" in store.failure
    await store.commit()
    assert store.failure is None
