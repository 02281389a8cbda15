"""Every database that an earlier version made comes up whole and searchable; a newer one stops the start."""

import gzip
import sqlite3
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import opencode.store
from opencode.errors import SettingsError
from opencode.schema.base import encode
from opencode.schema.part import TextPart
from opencode.store import SessionQuery, Store, migrations, outlined
from opencode.store.tables import metadata
from tests.program import free_port, said, start

from .test_files import LARGE, base64_url, content, file_part, put, tool_part
from .test_search import find, say

DATA = Path(__file__).parent / "data"
VERSIONS = Path(migrations.__file__).parent / "versions"


def restore_0003(directory: Path) -> Path:
    """Put the file that revision 0003 made there: three sessions, with titles, texts and todos."""
    file = directory / "opencode.db"
    file.write_bytes(gzip.decompress((DATA / "revision_0003.db.gz").read_bytes()))
    return file


async def check(store: Store) -> None:
    """Check that everything of the old file is there, found, and goes on to be found."""
    sessions = await store.sessions(SessionQuery())
    lisbon, cafes, tokyo = sessions[::-1]
    assert [each.title for each in (lisbon, cafes, tokyo)] == ["Trip to Lisbon", "Café menus", "東京都 guide"]
    assert tokyo.parent_id == cafes.id
    assert [each.id for each in await store.sessions(SessionQuery(pinned=True))] == [lisbon.id]
    assert [each.id for each in await store.sessions(SessionQuery(search="lisb"))] == [lisbon.id]
    messages = await store.messages(lisbon.id)
    texts = [part.text for message in messages for part in message.parts if isinstance(part, TextPart)]
    assert texts == [
        text
        for number in range(2)
        for text in (f"question0x{number} about the museum", f"answer0x{number}: unbelievably good, très bon")
    ]
    assert [(todo.content, todo.status) for todo in await store.todos(lisbon.id)] == [
        ("pack", "pending"),
        ("book", "completed"),
    ]
    (unfinished,) = await store.unfinished()
    assert unfinished.info.session_id == cafes.id
    assert await find(store, "question0x1 about") == [lisbon.id]
    assert await find(store, "nbelievabl") == [cafes.id, lisbon.id]
    assert await find(store, "answer1x1") == [], "it had not ended"
    store.remove_part(lisbon.id, messages[0].parts[0].id)
    assert await find(store, "question0x0") == []
    later = say(store, "and what comes later")
    assert await find(store, "comes later") == [later.session_id]


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
async def test_a_database_of_an_earlier_revision_comes_up_whole(tmp_path: Path, revision: str) -> None:
    file = restore_0003(tmp_path)
    with sqlite3.connect(file) as disk:
        disk.executescript(BACK_TO[revision])
    store = await Store.open(tmp_path)
    await check(store)
    await store.close()
    await (await Store.open(tmp_path)).close()
    with sqlite3.connect(file) as disk:
        names = {name for (name,) in disk.execute("SELECT name FROM sqlite_master")}
        assert disk.execute("PRAGMA foreign_key_check").fetchall() == []
        assert disk.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for index in ("text_words", "text_runs", "title_runs"):
            disk.execute(f"INSERT INTO {index}({index}) VALUES('integrity-check')")
    assert {"part_fts_insert", "part_fts_delete", "part_fts_update", "session_title_fts_update"} <= names
    assert not any(name.startswith(("said", "part_said", "old_", "session_titled")) for name in names)


async def test_a_postgresql_database_of_an_earlier_revision_comes_up_whole(
    tmp_path: Path, cluster: object, url: str
) -> None:
    if url is None:
        pytest.skip("SQLite's are tested above")
    with psycopg.connect(url) as connection:
        connection.execute((DATA / "revision_0003_postgres.sql").read_bytes())
    store = await Store.open(tmp_path, url)
    await check(store)
    await store.close()
    await (await Store.open(tmp_path, url)).close()


BACK_TO_0005 = """
    DROP TABLE lease;
    DROP TABLE server;
    DROP TABLE schema_compatibility;
    DROP TABLE secret;
    DROP TABLE resumption;
    DROP TABLE file_change;
    DROP TABLE part_file_piece;
    DROP TABLE part_file;
    CREATE TABLE part_outline (id VARCHAR(64) NOT NULL PRIMARY KEY REFERENCES part (id), data TEXT NOT NULL);
    UPDATE alembic_version SET version_num = '0005';
"""


async def test_large_files_of_an_earlier_version_come_back_whole(tmp_path: Path, url: str | None) -> None:
    store = await Store.open(tmp_path, url)
    picture = file_part(base64_url(LARGE), filename="ein Café.png")
    others = tool_part("data:,small", base64_url(LARGE)[:-4] + "QR==", "data:," + "é" * 5000)
    session = put(store, picture, others)
    await store.commit()
    await store.close()
    whole = [(encode(part).decode(), part.id) for part in (picture, others)]
    if url is None:
        with sqlite3.connect(tmp_path / "opencode.db") as disk:
            disk.executescript(BACK_TO_0005)
            disk.executemany("UPDATE part SET data = ? WHERE id = ?", whole)
    else:
        with psycopg.connect(url) as connection:
            connection.execute(BACK_TO_0005.encode())
            connection.cursor().executemany("UPDATE part SET data = %s WHERE id = %s", whole)
    store = await Store.open(tmp_path, url)
    assert (await store.messages(session.id))[0].parts == [picture, others]
    assert await content(store, await store.file(session.id, picture.id, None)) == LARGE
    (outlines,) = await store.messages(session.id, outlines=True)
    assert outlines.parts == [outlined(picture), outlined(others)]
    await store.close()


async def test_a_converted_database_has_the_schema_of_a_new_one(tmp_path: Path) -> None:
    schemas = []
    for name in ("new", "converted"):
        directory = tmp_path / name
        directory.mkdir()
        if name == "converted":
            restore_0003(directory)
        await (await Store.open(directory)).close()
        with sqlite3.connect(directory / "opencode.db") as disk:
            schemas.append(
                sorted(disk.execute("SELECT type, name, sql FROM sqlite_master").fetchall(), key=str)
            )
    assert schemas[0] == schemas[1]


async def test_a_migration_that_is_cut_off_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    file = restore_0003(tmp_path)
    with sqlite3.connect(file) as disk:
        before = disk.execute("SELECT * FROM sqlite_master").fetchall()
        disk.execute("CREATE TABLE old_todo (a)")  # in the way of the migration, late
    with pytest.raises(SettingsError):
        await Store.open(tmp_path)
    with sqlite3.connect(file) as disk:
        disk.execute("DROP TABLE old_todo")
        assert disk.execute("SELECT * FROM sqlite_master").fetchall() == before
    store = await Store.open(tmp_path)
    await check(store)
    await store.close()


async def test_a_database_of_a_newer_version_stops_the_start_with_one_line(
    tmp_path: Path, url: str | None
) -> None:
    await (await Store.open(tmp_path / "data", url)).close()
    statement = (
        "UPDATE alembic_version SET version_num = '9999'; UPDATE schema_compatibility SET oldest = '9999'"
    )
    if url is None:
        with sqlite3.connect(tmp_path / "data" / "opencode.db") as disk:
            disk.executescript(statement)
    else:
        with psycopg.connect(url) as connection:
            connection.execute(statement)
    process = await start(tmp_path, free_port(), **({} if url is None else {"OPENCODE_DATABASE_URL": url}))
    log = await said(process)
    assert process.returncode not in (0, None)
    (line,) = [line for line in log.splitlines() if "newer version" in line]
    assert "9999" in line
    assert "Traceback" not in log


def test_the_newest_migration_is_the_one_that_start_looks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


async def test_the_migrations_make_the_tables_that_the_code_declares(tmp_path: Path, url: str | None) -> None:
    await (await Store.open(tmp_path, url)).close()
    address = (
        url.replace("postgresql:", "postgresql+psycopg:") if url else f"sqlite:///{tmp_path / 'opencode.db'}"
    )
    with create_engine(address).connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_declared})
        differences = compare_metadata(context, metadata)
    # PostgreSQL's indexes have no titles, and one that metadata does not know.
    own = ("ix_part_data_trgm", "_time_updated_id_title") if url else ()
    assert [each for each in differences if not any(name in str(each) for name in own)] == []


def is_declared(name: str | None, kind: str, _: object) -> bool:
    return kind != "table" or not str(name).startswith(("text_", "title_", "fts_"))


def test_migrations_import_nothing_of_the_program() -> None:
    """What a migration does must not change with the code."""
    for file in VERSIONS.glob("*.py"):
        assert "opencode" not in file.read_text(), file.name


def test_the_dialect_is_asked_for_in_one_place() -> None:
    store = Path(opencode.store.__file__).parent
    for file in store.rglob("*.py"):
        if file.relative_to(store).parts[0] != "dialects":
            assert "dialect.name ==" not in file.read_text(), file
            assert "connection.dialect" not in file.read_text(), file


_WITHOUT_INDEXES = """
    DROP TRIGGER part_said; DROP TRIGGER part_unsaid; DROP TRIGGER part_said_otherwise;
    DROP TABLE text_words; DROP TABLE text_runs;
    DROP TRIGGER session_titled; DROP TRIGGER session_titled_otherwise; DROP TRIGGER session_untitled;
    DROP TABLE title_runs; DROP TABLE session_number;
"""

BACK_TO = {
    "0003": "",
    "0002": f"""{_WITHOUT_INDEXES}
    CREATE VIRTUAL TABLE said USING fts5(text, content='', tokenize='trigram');
    INSERT INTO said(rowid, text) SELECT number, json_extract(data, '$.text') FROM part WHERE searchable;
    CREATE TRIGGER part_said AFTER INSERT ON part WHEN new.searchable BEGIN
        INSERT INTO said(rowid, text) SELECT new.number, json_extract(new.data, '$.text'); END;
    CREATE TRIGGER part_unsaid AFTER DELETE ON part WHEN old.searchable BEGIN
        INSERT INTO said(said, rowid, text)
        SELECT 'delete', old.number, json_extract(old.data, '$.text'); END;
    CREATE TRIGGER part_said_otherwise AFTER UPDATE ON part WHEN old.searchable BEGIN
        INSERT INTO said(said, rowid, text)
        SELECT 'delete', old.number, json_extract(old.data, '$.text'); END;
    UPDATE alembic_version SET version_num = '0002';
""",
    "0001": f"""{_WITHOUT_INDEXES}
    CREATE TABLE part_0001 (id VARCHAR(64) NOT NULL, session_id VARCHAR(64) NOT NULL,
        message_id VARCHAR(64) NOT NULL, data TEXT NOT NULL, CONSTRAINT pk_part PRIMARY KEY (id),
        CONSTRAINT fk_part_session_id FOREIGN KEY(session_id) REFERENCES session (id) ON DELETE CASCADE);
    INSERT INTO part_0001 SELECT id, session_id, message_id, data FROM part;
    DROP TABLE part; ALTER TABLE part_0001 RENAME TO part;
    CREATE INDEX ix_part_session_id_message_id_id ON part (session_id, message_id, id);
    DROP INDEX ix_session_pinned; ALTER TABLE session DROP COLUMN pinned;
    DROP INDEX ix_session_time_updated_id_title; DROP INDEX ix_session_parent_id_time_updated_id_title;
    CREATE INDEX ix_session_time_updated_id ON session (time_updated, id);
    CREATE INDEX ix_session_parent_id ON session (parent_id);
    UPDATE alembic_version SET version_num = '0001';
""",
}
"""What turns a database of revision 0003 into one of an earlier revision."""
