"""Finding sessions by what was said in them, however much that is.

SQLite keeps two indexes of every finished text (see `full_text`). By words: several in a row are found soon,
however common each is. By runs of three characters: what is within longer words is found too, names and
scripts without spaces among them. Titles have one by runs. Where there are none (PostgreSQL, an SQLite
without FTS5), what the database says has the words is read, newest first.
"""

import re
from collections.abc import Callable, Iterator, Sequence

import msgspec
from sqlalchemy import Connection, Select, bindparam, column, select, table, text

from .rows import decode_text
from .tables import part

SHORTEST = 3
"""Characters; shorter texts are in no run of three, and are found as words alone."""

FEW = 100
"""Texts and titles that are all taken, and put in order."""

READ_AT_ONCE = 200
"""Texts, where there is no index."""

RUNS = 12
"""How many runs of longer words are looked up in texts; what they find is compared with the whole."""

TITLE_RUNS = 6
"""The same in titles, which have few."""


def _found_by(index: str) -> Select[int, str]:
    """Return the query for the texts that an index finds, and their sessions."""
    said = table(index, column("rowid"), column(index))
    return (
        select(said.c.rowid, part.c.session_id)
        .select_from(said.join(part, part.c.number == said.c.rowid))
        .where(said.c[index].op("MATCH")(bindparam("wanted")))
    )


_by_words = _found_by("text_words")
_by_runs = _found_by("text_runs").where(part.c.data.like(bindparam("said"), escape="/"))
_titled = text(
    "SELECT session_id FROM title_runs JOIN session_number ON number = title_runs.rowid "
    "WHERE title_runs MATCH :wanted LIMIT :limit"
)
_indexes = text("SELECT 1 FROM sqlite_master WHERE name = 'text_runs'")


def perhaps_titled(connection: Connection, words: str) -> list[str] | None:
    """Return the ids of the few sessions that can have `words` in the title; None where it may be any.

    Of very many the first ones of a list are found soonest by going through the list.
    """
    if len(words) < SHORTEST or "\0" in words or not _is_indexed(connection):
        return None
    values = {"wanted": _runs(words, TITLE_RUNS), "limit": FEW + 1}
    found: Sequence[str] = connection.execute(_titled, values).scalars().all()
    return list(found) if len(found) <= FEW else None


def sessions_with_words(connection: Connection, words: str) -> Iterator[str]:
    """Yield the ids of the sessions with a text that has `words` in a row, the one that said them last first.

    Whatever their case and the punctuation between; SQLite's index knows no accents either. Nothing where
    `words` has more than letters, digits and spaces, for which there is `sessions_with`.
    """
    if not all(character.isalnum() or character.isspace() for character in words):
        return
    if _is_indexed(connection):
        yield from _newest_first(connection, _by_words, {"wanted": _quoted(words)})
    elif each := words.split():
        in_a_row = re.compile(r"\b" + r"\W+".join(each) + r"\b", re.IGNORECASE)
        yield from _by_reading(connection, each, lambda said: in_a_row.search(said) is not None)


def sessions_with(connection: Connection, words: str) -> Iterator[str]:
    """Yield the ids of the sessions with `words` anywhere in a text, the one that said it last first."""
    words = words.replace("\0", " ")
    if len(words) < SHORTEST:
        return
    if _is_indexed(connection):
        said = "".join(map(_like, _as_json(words)))
        values = {"wanted": _runs(words, RUNS), "said": f'%"text":"%{said}%'}
        yield from _newest_first(connection, _by_runs, values)
    else:
        wanted = words.casefold()
        yield from _by_reading(connection, [words], lambda said: wanted in said.casefold())


def _newest_first(connection: Connection, found: Select[int, str], values: dict[str, str]) -> Iterator[str]:
    """Yield the sessions of the texts that a query finds, the newest text's first.

    SQLite steps through an index in half the time from its beginning, so that is how few texts are found. Of
    many the newest are asked for alone, as far as they are wanted.
    """
    few = connection.execute(found.limit(FEW + 1), values).all()
    if len(few) <= FEW:
        yield from dict.fromkeys(session_id for _, session_id in sorted(few, reverse=True))
        return
    newest = found.with_only_columns(found.selected_columns.session_id).distinct()
    with connection.execute(newest.order_by(found.selected_columns.rowid.desc()), values) as sessions:
        yield from sessions.scalars()


def _is_indexed(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite" and connection.execute(_indexes).first() is not None


def _runs(words: str, most: int) -> str:
    """Return how an index of runs is asked for words: for all their runs, or so many from end to end."""
    runs = list(dict.fromkeys(words[start : start + 3] for start in range(len(words) - 2)))
    step = max(1.0, len(runs) / most)
    return " AND ".join(_quoted(runs[int(number * step)]) for number in range(min(len(runs), most)))


def _quoted(words: str) -> str:
    """Return words as an index is asked for all of them in a row."""
    quoted = words.replace('"', '""')
    return f'"{quoted}"'


def _like(character: str) -> str:
    """Return what SQLite's LIKE takes for a character in either case: it knows the cases of ASCII alone."""
    if character in "%_/":
        return f"/{character}"
    return character if character.isascii() or character.lower() == character.upper() else "_"


def _as_json(words: str) -> str:
    """Return words as they are within a JSON string."""
    return msgspec.json.encode(words).decode()[1:-1]


def _by_reading(connection: Connection, words: list[str], are_in: Callable[[str], bool]) -> Iterator[str]:
    """Yield the session of each text that `are_in` is true of, the newest text first, some texts at a time.

    Only texts whose JSON has all the `words` are looked at; PostgreSQL has an index that finds them.
    """
    found = [part.c.data.icontains(_as_json(each), autoescape=True) for each in words]
    statement = (
        select(part.c.number, part.c.session_id, part.c.data)
        .where(part.c.searchable, *found)
        .order_by(part.c.number.desc())
        .limit(READ_AT_ONCE)
    )
    rows = connection.execute(statement).all()
    while rows:
        for row in rows:
            if are_in(decode_text(row.data)):
                yield row.session_id
        if len(rows) < READ_AT_ONCE:
            return
        rows = connection.execute(statement.where(part.c.number < rows[-1].number)).all()
