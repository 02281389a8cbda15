"""Finding sessions by what was said in them, however much that is.

SQLite keeps a trigram index (FTS5) of every finished text, so any run of three characters is found, within
words and names too, in any script and whatever its case. Triggers keep it, in the transaction that changes a
part. Where there is no such index (PostgreSQL, an SQLite without FTS5), the texts are read, newest first.
"""

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Connection, bindparam, column, func, select, table, text

from .tables import part

SHORTEST = 3
"""Characters; shorter texts are in no trigram and are looked for in titles alone."""

PIECE = 10
"""Characters that the index is asked for where there are more."""

MISSES = 300
"""How many texts with the piece alone are read: as much work as the index has with the rest."""

AFTER_ALL_ROWS = 1 << 62

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
_matches = (
    select(part.c.session_id)
    .select_from(_said.join(part, part.c.number == _said.c.rowid))
    .where(_said.c.said.op("MATCH")(bindparam("phrase")))
    .order_by(_said.c.rowid.desc())
)
_sessions_before = _matches.where(_said.c.rowid < bindparam("before"))
_texts = _matches.add_columns(part.c.number, func.json_extract(part.c.data, "$.text").label("said"))
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
    for session_id in (_by_index if _is_indexed(connection) else _by_text)(connection, words):
        if session_id not in seen:
            seen.add(session_id)
            yield session_id


def _by_index(connection: Connection, words: str) -> Iterator[str]:
    """Yield the session of each text with `words`, the newest text first.

    The index steps through the list of each trigram, so of many words a short piece is looked up, and the
    texts with it are read. Where too many of them have the piece alone, the rest is left to the index.
    """
    before = AFTER_ALL_ROWS
    if len(words) > PIECE:
        wanted, misses = words.casefold(), 0
        with connection.execute(_texts, {"phrase": _phrase(_middle(words))}) as texts:
            for row in texts:
                before = row.number
                if wanted in row.said.casefold():
                    yield row.session_id
                elif (misses := misses + 1) > MISSES:
                    break
            else:
                return
    with connection.execute(_sessions_before, {"phrase": _phrase(words), "before": before}) as found:
        yield from found.scalars()


def _is_indexed(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite" and connection.execute(_index).first() is not None


def _phrase(words: str) -> str:
    """Return words as the index is asked for all of them in a row."""
    quoted = words.replace('"', '""')
    return f'"{quoted}"'


def _middle(words: str) -> str:
    """Return PIECE characters about the middle of the words, around a space where there is one."""
    middle = len(words) // 2
    spaces = (place for place, character in enumerate(words) if character.isspace())
    middle = min(spaces, key=lambda place: abs(place - middle), default=middle)
    start = min(max(0, middle - PIECE // 2), len(words) - PIECE)
    return words[start : start + PIECE]


def _by_text(connection: Connection, words: str) -> Iterator[str]:
    """Yield the session of each text with `words`, the newest text first; reads them all."""
    as_json = msgspec.json.encode(words).decode()[1:-1]
    statement = (
        select(part.c.session_id)
        .where(part.c.searchable, part.c.data.icontains(as_json, autoescape=True))
        .order_by(part.c.number.desc())
    )
    with connection.execute(statement) as found:
        yield from found.scalars()
