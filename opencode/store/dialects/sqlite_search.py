"""Search by SQLite's full-text indexes (FTS5), which hold no text: a row's `number` is what they know it by.

`text_words` finds words in a row, however common each is. `text_runs` and `title_runs` find runs of three
characters, so also what is within longer words, names, and scripts without spaces. Entering a text writes far
more pages than storing it, so a commit only notes its number in `fts_pending`, and many texts are entered at
once: when the server rests, when many wait, and before a search. A text that still grows is in none of them.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Select, bindparam, column, select, table, text

from opencode.store.tables import part

from .base import newest_first
from .text_scan import SHORTEST, as_json

FEW = 100
"""Texts and titles that are all read and sorted."""

RUNS = 12
"""How many runs of longer words are looked up in texts; what they find is compared with the whole."""

TITLE_RUNS = 6
"""The same in titles, which have few."""

ENTERED_AT_ONCE = 64
"""Rows that one transaction enters into the indexes."""

ENTERED_BYTES = 128 * 1024
"""A transaction stops at so many bytes of JSON, after at least one row."""


def _match(index: str) -> Select[int, str]:
    """Return the query for the texts that an index finds, and their sessions."""
    fts = table(index, column("rowid"), column(index))
    return (
        select(fts.c.rowid, part.c.session_id)
        .select_from(fts.join(part, part.c.number == fts.c.rowid))
        .where(fts.c[index].op("MATCH")(bindparam("match")))
    )


_by_words = _match("text_words")
_by_runs = _match("text_runs").where(part.c.data.like(bindparam("pattern"), escape="/"))
_by_title = text(
    "SELECT session.id FROM title_runs JOIN session ON session.number = title_runs.rowid "
    "WHERE title_runs MATCH :match LIMIT :limit"
)
_is_indexed = text("SELECT 1 FROM sqlite_master WHERE name = 'fts_pending'")
_has_pending = text("SELECT 1 FROM fts_pending LIMIT 1")
_pending = {
    source: text(
        f"SELECT number, coalesce(length(data), 0) AS size "
        f"FROM fts_pending LEFT JOIN {source} USING (number) WHERE source = '{source}' "
        f"ORDER BY number LIMIT {ENTERED_AT_ONCE}"
    )
    for source in ("part", "session")
}
_enter = {
    source: [
        text(
            f"INSERT INTO {index}(rowid, {name}) SELECT number, {value} FROM fts_pending "
            f"JOIN {source} USING (number) WHERE source = '{source}' AND number <= :last ORDER BY number"
        )
        for index in indexes
    ]
    for source, name, value, indexes in (
        ("part", "text", "json_extract(data, '$.text')", ("text_words", "text_runs")),
        ("session", "title", "title", ("title_runs",)),
    )
}
_entered = text("DELETE FROM fts_pending WHERE source = :source AND number <= :last")


def is_indexed(connection: Connection) -> bool:
    """Return whether this database has the indexes: its SQLite had FTS5 when it was created."""
    return connection.execute(_is_indexed).first() is not None


def has_pending(connection: Connection) -> bool:
    """Return whether something is stored that the indexes do not have yet."""
    return is_indexed(connection) and connection.execute(_has_pending).first() is not None


def index_pending(connection: Connection) -> bool:
    """Enter some of what is pending, in a transaction of a few milliseconds; return whether more may wait."""
    if not has_pending(connection):
        return False
    for source, statements in _enter.items():
        last, size = 0, 0
        for row in connection.execute(_pending[source]):
            size += row.size
            if last and size > ENTERED_BYTES:
                break
            last = row.number
        if last:
            for statement in statements:
                connection.execute(statement, {"last": last})
            connection.execute(_entered, {"source": source, "last": last})
    return connection.execute(_has_pending).first() is not None


def sessions_titled(connection: Connection, words: str) -> list[str] | None:
    """Return the ids of the few sessions that may have `words` in the title; None if it may be any.

    If there are many, going through the list of sessions finds the first ones soonest.
    """
    if len(words) < SHORTEST or "\0" in words or not is_indexed(connection):
        return None
    values = {"match": _runs(words, TITLE_RUNS), "limit": FEW + 1}
    session_ids: Sequence[str] = connection.execute(_by_title, values).scalars().all()
    return list(session_ids) if len(session_ids) <= FEW else None


def sessions_with_phrase(connection: Connection, words: str) -> Iterator[str]:
    """Yield the ids of the sessions with a text that has `words` in a row, whatever their accents."""
    return _search(connection, _by_words, {"match": _quoted(words)})


def sessions_with_substring(connection: Connection, words: str) -> Iterator[str]:
    """Yield the ids of the sessions with `words` anywhere in a text, the newest text's first."""
    words = words.replace("\0", " ")
    if len(words) < SHORTEST:
        return iter(())
    pattern = "".join(map(_like, as_json(words)))
    values = {"match": _runs(words, RUNS), "pattern": f'%"text":"%{pattern}%'}
    return _search(connection, _by_runs, values)


def _search(connection: Connection, matches: Select[int, str], values: dict[str, str]) -> Iterator[str]:
    """Yield the sessions of the texts that a query finds, the newest text's first.

    SQLite steps through an index in half the time from its beginning, so few texts are read that way. Of many
    the newest are read alone, as far as they are asked for.
    """
    few = connection.execute(matches.limit(FEW + 1), values).all()
    if len(few) <= FEW:
        yield from newest_first((number, session_id) for number, session_id in few)
        return
    newest = matches.with_only_columns(matches.selected_columns.session_id).distinct()
    with connection.execute(newest.order_by(matches.selected_columns.rowid.desc()), values) as sessions:
        yield from sessions.scalars()


def _runs(words: str, most: int) -> str:
    """Return the query for all runs of three characters of `words`, or for `most` of them from end to end."""
    runs = list(dict.fromkeys(words[start : start + 3] for start in range(len(words) - 2)))
    step = max(1.0, len(runs) / most)
    return " AND ".join(_quoted(runs[int(number * step)]) for number in range(min(len(runs), most)))


def _quoted(words: str) -> str:
    """Return the query for words in a row."""
    quoted = words.replace('"', '""')
    return f'"{quoted}"'


def _like(character: str) -> str:
    """Return the LIKE pattern for a character in either case: SQLite folds the cases of ASCII alone."""
    if character in "%_/":
        return f"/{character}"
    return character if character.isascii() or character.lower() == character.upper() else "_"
