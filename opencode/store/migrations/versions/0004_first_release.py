"""The schema of the first release. Tables of an unreleased revision (0001 to 0003) are converted.

Frozen: this file imports nothing of the program, whose tables go on to change.
"""

import sqlite3
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = None


def upgrade(dialect: str) -> None:
    older = sa.inspect(op.get_bind()).has_table("session")
    if dialect == "postgresql":
        if older:
            _convert_postgres()
        else:
            _run(_POSTGRES_TABLES)
            _run(_indexes("IS TRUE", title=""))
        _index_postgres_texts()
        return
    if older:
        _rename_sqlite_tables()
    _run(_SQLITE_TABLES)
    _run(_indexes("IS 1", title=", title"))
    if older:
        _copy_sqlite_rows()
    if _has_full_text():
        _run(_FULL_TEXT)


def _run(statements: tuple[str, ...]) -> None:
    connection = op.get_bind()
    for statement in statements:
        connection.exec_driver_sql(statement)


def _tables(number: str, id_: str) -> tuple[str, ...]:
    session_id = f"session_id {id_} NOT NULL"
    return (
        f"""CREATE TABLE session (
            number {number} NOT NULL,
            id {id_} NOT NULL,
            parent_id {id_},
            title TEXT NOT NULL,
            time_updated BIGINT NOT NULL,
            pinned BOOLEAN DEFAULT FALSE NOT NULL,
            data TEXT NOT NULL,
            CONSTRAINT pk_session PRIMARY KEY (number),
            CONSTRAINT uq_session_id UNIQUE (id)
        )""",
        _trash(id_),
        f"""CREATE TABLE message (
            id {id_} NOT NULL,
            {session_id},
            unfinished BOOLEAN NOT NULL,
            data TEXT NOT NULL,
            CONSTRAINT pk_message PRIMARY KEY (id),
            CONSTRAINT fk_message_session_id
                FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE
        )""",
        f"""CREATE TABLE part (
            number {number} NOT NULL,
            id {id_} NOT NULL,
            {session_id},
            message_id {id_} NOT NULL,
            searchable BOOLEAN NOT NULL,
            grows BOOLEAN NOT NULL,
            data TEXT NOT NULL,
            CONSTRAINT pk_part PRIMARY KEY (number),
            CONSTRAINT uq_part_id UNIQUE (id),
            CONSTRAINT fk_part_session_id FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE
        )""",
        _growth(id_),
        f"""CREATE TABLE todo (
            {session_id},
            position INTEGER NOT NULL,
            data TEXT NOT NULL,
            CONSTRAINT pk_todo PRIMARY KEY (session_id, position),
            CONSTRAINT fk_todo_session_id FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE
        )""",
    )


def _trash(id_: str) -> str:
    return f"""CREATE TABLE trash (
        id {id_} NOT NULL,
        time BIGINT NOT NULL,
        CONSTRAINT pk_trash PRIMARY KEY (id),
        CONSTRAINT fk_trash_id FOREIGN KEY (id) REFERENCES session (id) ON DELETE CASCADE
    )"""


def _growth(id_: str, suffix: str = "") -> str:
    return f"""CREATE TABLE part_growth (
        part_id {id_} NOT NULL,
        total INTEGER NOT NULL,
        data TEXT NOT NULL,
        CONSTRAINT pk_part_growth PRIMARY KEY (part_id, total),
        CONSTRAINT fk_part_growth_part_id FOREIGN KEY (part_id) REFERENCES part (id) ON DELETE CASCADE
    ){suffix}"""


_SQLITE_TABLES = tuple(
    f"{statement} WITHOUT ROWID" if "part_growth" in statement else statement
    for statement in _tables("INTEGER", "VARCHAR(64)")
)
_POSTGRES_ID = 'VARCHAR(64) COLLATE "C"'
_POSTGRES_TABLES = _tables("BIGSERIAL", _POSTGRES_ID)


def _indexes(is_true: str, title: str) -> tuple[str, ...]:
    """`title`: PostgreSQL's indexes hold no more than 2,704 bytes."""
    return (
        f"CREATE INDEX ix_session_time_updated_id_title ON session (time_updated, id{title})",
        "CREATE INDEX ix_session_parent_id_time_updated_id_title "
        f"ON session (parent_id, time_updated, id{title})",
        f"CREATE INDEX ix_session_pinned ON session (parent_id, time_updated, id) WHERE pinned {is_true}",
        "CREATE INDEX ix_message_session_id_id ON message (session_id, id)",
        f"CREATE INDEX ix_message_unfinished ON message (id) WHERE unfinished {is_true}",
        "CREATE INDEX ix_part_session_id_message_id_id ON part (session_id, message_id, id)",
    )


def _has_full_text() -> bool:
    """Return whether this SQLite can keep the indexes: FTS5 is a compile-time option, 3.34 has trigrams."""
    options: Sequence[str] = op.get_bind().exec_driver_sql("PRAGMA compile_options").scalars().all()
    return "ENABLE_FTS5" in options and sqlite3.sqlite_version_info >= (3, 34)


_WORDS = "content='', columnsize=0, tokenize='unicode61 remove_diacritics 2'"
_RUNS = "content='', columnsize=0, tokenize='trigram', detail=none"


def _fts(name: str, column: str, options: str) -> tuple[str, ...]:
    return (
        f"CREATE VIRTUAL TABLE {name} USING fts5({column}, {options})",
        # Segments are merged eight at a time, not four: half the cost of entering a text.
        f"INSERT INTO {name}({name}, rank) VALUES('automerge', 8)",
        f"INSERT INTO {name}({name}, rank) VALUES('pgsz', 1000)",
    )


_TEXT = "json_extract(old.data, '$.text')"


def _forget(source: str, column: str, value: str, indexes: tuple[str, ...], condition: str) -> str:
    """Remove a row from the queue if it waits there, otherwise from the indexes, which need its old text."""
    pending = f"source = '{source}' AND number = old.number"
    removed = " ".join(
        f"INSERT INTO {index}({index}, rowid, {column}) SELECT 'delete', old.number, {value} "
        f"WHERE {condition} AND NOT EXISTS (SELECT 1 FROM fts_pending WHERE {pending});"
        for index in indexes
    )
    return f"{removed} DELETE FROM fts_pending WHERE {pending};"


_TEXT_INDEXES = ("text_words", "text_runs")
_FORGET_TEXT = _forget("part", "text", _TEXT, _TEXT_INDEXES, "old.searchable")
_FORGET_TITLE = _forget("session", "title", "old.title", ("title_runs",), "TRUE")
_NOTE_TEXT = "INSERT INTO fts_pending(source, number) SELECT 'part', new.number WHERE new.searchable;"
_NOTE_TITLE = "INSERT INTO fts_pending(source, number) VALUES ('session', new.number);"

_FULL_TEXT = (
    *_fts("text_words", "text", _WORDS),
    *_fts("text_runs", "text", _RUNS),
    *_fts("title_runs", "title", _RUNS),
    "CREATE TABLE fts_pending (source TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (source, number)) "
    "WITHOUT ROWID",
    *(
        f"INSERT INTO {index}(rowid, text) "
        "SELECT number, json_extract(data, '$.text') FROM part WHERE searchable ORDER BY number"
        for index in _TEXT_INDEXES
    ),
    "INSERT INTO title_runs(rowid, title) SELECT number, title FROM session ORDER BY number",
    f"CREATE TRIGGER part_fts_insert AFTER INSERT ON part WHEN new.searchable BEGIN {_NOTE_TEXT} END",
    f"CREATE TRIGGER part_fts_delete AFTER DELETE ON part WHEN old.searchable BEGIN {_FORGET_TEXT} END",
    "CREATE TRIGGER part_fts_update AFTER UPDATE ON part WHEN (old.searchable OR new.searchable) "
    "AND (old.data IS NOT new.data OR old.searchable IS NOT new.searchable) "
    f"BEGIN {_FORGET_TEXT} {_NOTE_TEXT} END",
    f"CREATE TRIGGER session_title_fts_insert AFTER INSERT ON session BEGIN {_NOTE_TITLE} END",
    f"CREATE TRIGGER session_title_fts_delete AFTER DELETE ON session BEGIN {_FORGET_TITLE} END",
    "CREATE TRIGGER session_title_fts_update AFTER UPDATE ON session WHEN old.title IS NOT new.title "
    f"BEGIN {_FORGET_TITLE} {_NOTE_TITLE} END",
)


# SQLite's conversion: all tables anew, whichever unreleased revision they have.


def _rename_sqlite_tables() -> None:
    connection = op.get_bind()
    kinds = "SELECT type, name FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type = 'trigger' DESC"
    names = connection.exec_driver_sql(kinds).all()
    old = {"session", "message", "part", "todo"}
    full_text = {"said", "text_words", "text_runs", "title_runs", "session_number"}
    for kind, name in names:
        if kind in ("trigger", "index") or (kind == "table" and name in full_text):
            connection.exec_driver_sql(f"DROP {kind} {name}")
    for name in sorted(old):
        connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO old_{name}")


_SEARCHABLE = (
    "json_extract(data, '$.type') = 'text' AND (json_extract(data, '$.time') IS NULL "
    "OR json_extract(data, '$.time.end') IS NOT NULL)"
)


def _copy_sqlite_rows() -> None:
    _run(
        (
            "INSERT INTO session (id, parent_id, title, time_updated, pinned, data) "
            "SELECT id, parent_id, title, time_updated, coalesce(json_extract(data, '$.metadata.pinned'), 0) "
            "IS 1, data FROM old_session ORDER BY time_updated, id",
            "INSERT INTO message SELECT id, session_id, unfinished, data FROM old_message ORDER BY id",
            "INSERT INTO part (id, session_id, message_id, searchable, grows, data) "
            f"SELECT id, session_id, message_id, {_SEARCHABLE}, FALSE, data FROM old_part ORDER BY id",
            "INSERT INTO todo SELECT session_id, position, data FROM old_todo",
            *(f"DROP TABLE old_{table}" for table in ("todo", "part", "message", "session")),
        )
    )


# PostgreSQL's conversion: in place.


def _convert_postgres() -> None:
    columns = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("part")}
    if "number" not in columns:
        _run(_POSTGRES_0002)
    _run(
        (
            "ALTER TABLE session DROP CONSTRAINT pk_session CASCADE",
            "ALTER TABLE session ADD COLUMN number BIGSERIAL CONSTRAINT pk_session PRIMARY KEY",
            "ALTER TABLE session ADD CONSTRAINT uq_session_id UNIQUE (id)",
            *(
                f"ALTER TABLE {table} ADD CONSTRAINT fk_{table}_session_id "
                "FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE"
                for table in ("message", "part", "todo")
            ),
            "ALTER TABLE part ADD COLUMN grows BOOLEAN DEFAULT FALSE NOT NULL",
            "ALTER TABLE part ALTER COLUMN grows DROP DEFAULT",
            _growth(_POSTGRES_ID),
            _trash(_POSTGRES_ID),
            "DROP INDEX ix_message_unfinished",
            "CREATE INDEX ix_message_unfinished ON message (id) WHERE unfinished IS TRUE",
            "DROP INDEX IF EXISTS ix_part_said",
        )
    )


_POSTGRES_0002 = (
    "DROP INDEX ix_session_time_updated_id",
    "DROP INDEX ix_session_parent_id",
    "CREATE INDEX ix_session_time_updated_id_title ON session (time_updated, id)",
    "CREATE INDEX ix_session_parent_id_time_updated_id_title ON session (parent_id, time_updated, id)",
    "ALTER TABLE session ADD COLUMN pinned BOOLEAN DEFAULT FALSE NOT NULL",
    "UPDATE session SET pinned = true WHERE data::jsonb #>> '{metadata,pinned}' = 'true'",
    "CREATE INDEX ix_session_pinned ON session (parent_id, time_updated, id) WHERE pinned IS TRUE",
    "ALTER TABLE part ADD COLUMN searchable BOOLEAN DEFAULT FALSE NOT NULL",
    "UPDATE part SET searchable = true WHERE data::jsonb->>'type' = 'text' "
    "AND (data::jsonb->'time' IS NULL OR data::jsonb->'time'->'end' IS NOT NULL)",
    "ALTER TABLE part ALTER COLUMN searchable DROP DEFAULT",
    "ALTER TABLE part DROP CONSTRAINT pk_part",
    "ALTER TABLE part ADD COLUMN number BIGSERIAL CONSTRAINT pk_part PRIMARY KEY",
    "ALTER TABLE part ADD CONSTRAINT uq_part_id UNIQUE (id)",
)


def _index_postgres_texts() -> None:
    """Create the index if its extension can be had: that is the database owner's choice."""
    connection = op.get_bind()
    available = "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'"
    if connection.exec_driver_sql(available).first() is None:
        return
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except sa.exc.DBAPIError:
        return
    connection.exec_driver_sql(
        "CREATE INDEX ix_part_data_trgm ON part USING gin (data gin_trgm_ops) WHERE searchable"
    )
