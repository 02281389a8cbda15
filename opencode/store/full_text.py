"""The full-text indexes of an SQLite database (FTS5), and the triggers that keep them true to what is stored.

They hold no text: `part.number` and `session_number.number` are what they know a text and a title by. A
trigger belongs to the transaction that changes a part or a session, so none can disagree with it. A text that
is still growing is in none.
"""

import sqlite3
from collections.abc import Sequence

from sqlalchemy import Connection, text

_TEXT = "json_extract({row}.data, '$.text')"

_WORDS = "content='', columnsize=0, tokenize='unicode61 remove_diacritics 2'"
"""Accents don't count: café is found as cafe."""

_RUNS = "content='', columnsize=0, tokenize='trigram', detail=none"
"""Which texts have three characters in a row, not where: a quarter of the size."""

_INDEXES = {"text_words": _WORDS, "text_runs": _RUNS}


def _in_each(statement: str) -> str:
    return " ".join(statement.format(index=index) + ";" for index in _INDEXES)


_ADD = _in_each(
    f"INSERT INTO {{index}}(rowid, text) SELECT new.number, {_TEXT.format(row='new')} WHERE new.searchable"
)
_TAKE = _in_each(
    f"INSERT INTO {{index}}({{index}}, rowid, text) SELECT 'delete', old.number, {_TEXT.format(row='old')} "
    "WHERE old.searchable"
)

INDEX = tuple(
    statement
    for index, options in _INDEXES.items()
    for statement in (
        f"CREATE VIRTUAL TABLE {index} USING fts5(text, {options})",
        # Pieces are merged eight at a time, not four: half the cost of a commit, see docs/performance.md.
        f"INSERT INTO {index}({index}, rank) VALUES('automerge', 8)",
        # Bytes. Small pages, because a list is entered where another one's next text is.
        f"INSERT INTO {index}({index}, rank) VALUES('pgsz', 1000)",
    )
)
READ_ALL = tuple(
    statement
    for index in _INDEXES
    for statement in (
        f"INSERT INTO {index}(rowid, text) "
        f"SELECT number, {_TEXT.format(row='part')} FROM part WHERE searchable ORDER BY number",
        f"INSERT INTO {index}({index}) VALUES('optimize')",
    )
)
KEEP_NEW = f"CREATE TRIGGER part_said AFTER INSERT ON part WHEN new.searchable BEGIN {_ADD} END"
KEEP_CHANGED = (
    f"CREATE TRIGGER part_unsaid AFTER DELETE ON part WHEN old.searchable BEGIN {_TAKE} END",
    "CREATE TRIGGER part_said_otherwise AFTER UPDATE ON part "
    f"WHEN (old.searchable OR new.searchable) AND old.data IS NOT new.data BEGIN {_TAKE} {_ADD} END",
)
_ADD_TITLE = (
    "INSERT INTO title_runs(rowid, title) "
    "SELECT number, new.title FROM session_number WHERE session_id = new.id;"
)
_TAKE_TITLE = (
    "INSERT INTO title_runs(title_runs, rowid, title) "
    "SELECT 'delete', number, old.title FROM session_number WHERE session_id = old.id;"
)
_TITLES = (
    "CREATE TABLE session_number (number INTEGER PRIMARY KEY, session_id VARCHAR(64) NOT NULL UNIQUE)",
    f"CREATE VIRTUAL TABLE title_runs USING fts5(title, {_RUNS})",
    "INSERT INTO session_number(session_id) SELECT id FROM session ORDER BY time_updated",
    "INSERT INTO title_runs(rowid, title) "
    "SELECT number, title FROM session_number JOIN session ON session.id = session_id ORDER BY number",
    "CREATE TRIGGER session_titled AFTER INSERT ON session BEGIN "
    f"INSERT INTO session_number(session_id) VALUES (new.id); {_ADD_TITLE} END",
    "CREATE TRIGGER session_titled_otherwise AFTER UPDATE ON session WHEN old.title IS NOT new.title "
    f"BEGIN {_TAKE_TITLE} {_ADD_TITLE} END",
    "CREATE TRIGGER session_untitled AFTER DELETE ON session BEGIN "
    f"{_TAKE_TITLE} DELETE FROM session_number WHERE session_id = old.id; END",
)
FULL_TEXT = (*INDEX, *READ_ALL, KEEP_NEW, *KEEP_CHANGED, *_TITLES)
"""The indexes, their first content, and what keeps them true to parts and sessions. SQLite."""


def has_full_text(connection: Connection) -> bool:
    """Tell whether this SQLite can keep the indexes: FTS5 is its builder's choice, 3.34 brought trigrams."""
    options: Sequence[str] = connection.execute(text("PRAGMA compile_options")).scalars().all()
    return "ENABLE_FTS5" in options and sqlite3.sqlite_version_info >= (3, 34)
