"""Finding sessions by what was said in them, however much that is.

SQLite keeps a trigram index (FTS5) of every finished text, so any run of three characters is found, within
words and names too, in any script and whatever its case. Triggers keep it, in the transaction that changes a
part. Where there is no such index (PostgreSQL, an SQLite without FTS5), the texts are read, newest first.
"""

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Connection, Select, column, select, table, text

from .tables import part

SHORTEST = 3
"""Characters; shorter texts are in no trigram and are looked for in titles alone."""

_TEXT = "json_extract({row}.data, '$.text')"
_ADD = f"INSERT INTO said(rowid, text) SELECT new.number, {_TEXT.format(row='new')} WHERE new.searchable;"
_TAKE = (
    f"INSERT INTO said(said, rowid, text) SELECT 'delete', old.number, {_TEXT.format(row='old')} "
    "WHERE old.searchable;"
)

INDEX = (
    "CREATE VIRTUAL TABLE said USING fts5(text, content='', tokenize='trigram')",
    # Pieces are merged eight at a time, not four: half the cost of a commit, see docs/performance.md.
    "INSERT INTO said(said, rank) VALUES('automerge', 8)",
)
READ_ALL = (
    "INSERT INTO said(rowid, text) "
    f"SELECT number, {_TEXT.format(row='part')} FROM part WHERE searchable ORDER BY number",
    "INSERT INTO said(said) VALUES('optimize')",
)
KEEP_NEW = f"CREATE TRIGGER part_said AFTER INSERT ON part WHEN new.searchable BEGIN {_ADD} END"
KEEP_CHANGED = (
    f"CREATE TRIGGER part_unsaid AFTER DELETE ON part WHEN old.searchable BEGIN {_TAKE} END",
    "CREATE TRIGGER part_said_otherwise AFTER UPDATE ON part "
    f"WHEN (old.searchable OR new.searchable) AND old.data IS NOT new.data BEGIN {_TAKE} {_ADD} END",
)
FULL_TEXT = (*INDEX, *READ_ALL, KEEP_NEW, *KEEP_CHANGED)
"""The index, its first content, and what keeps it true to the parts. SQLite."""

_said = table("said", column("rowid"), column("said"))
_index = text("SELECT 1 FROM sqlite_master WHERE name = 'said'")


def has_full_text(connection: Connection) -> bool:
    """Tell whether this SQLite can keep the index: FTS5 is its builder's choice, trigrams came with 3.34."""
    options: Sequence[str] = connection.execute(text("PRAGMA compile_options")).scalars().all()
    return "ENABLE_FTS5" in options and sqlite3.sqlite_version_info >= (3, 34)


def sessions_that_said(connection: Connection, words: str) -> Iterator[str]:
    """Yield the ids of the sessions with `words` in a text, each once, the one that said it last first."""
    words = words.replace("\0", " ")
    if len(words) < SHORTEST:
        return
    seen: set[str] = set()
    with connection.execute(_in_index(words) if _is_indexed(connection) else _in_texts(words)) as found:
        for session_id in found.scalars():
            if session_id not in seen:
                seen.add(session_id)
                yield session_id


def _is_indexed(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite" and connection.execute(_index).first() is not None


def _in_index(words: str) -> Select[str]:
    quoted = words.replace('"', '""')
    return (
        select(part.c.session_id)
        .select_from(_said.join(part, part.c.number == _said.c.rowid))
        .where(_said.c.said.op("MATCH")(f'"{quoted}"'))
        .order_by(_said.c.rowid.desc())
    )


def _in_texts(words: str) -> Select[str]:
    as_json = msgspec.json.encode(words).decode()[1:-1]
    return (
        select(part.c.session_id)
        .where(part.c.searchable, part.c.data.icontains(as_json, autoescape=True))
        .order_by(part.c.number.desc())
    )
