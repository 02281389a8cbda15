"""Search without a full-text index: the texts that have the words in their JSON are read, newest first.

PostgreSQL finds these by its trigram index where it has the extension; an SQLite without FTS5 reads all.
"""

import re
from collections.abc import Callable, Iterator

import msgspec
from sqlalchemy import Connection, select

from opencode.store.rows import decode_text
from opencode.store.tables import part

READ_AT_ONCE = 200
"""Texts."""

SHORTEST = 3
"""Characters of a substring: shorter ones are found as words alone, in either database."""


def sessions_with_phrase(connection: Connection, words: str) -> Iterator[str]:
    """Yield the ids of the sessions with a text that has `words` in a row, the newest text's first."""
    if parts := words.split():
        in_a_row = re.compile(r"\b" + r"\W+".join(parts) + r"\b", re.IGNORECASE)
        yield from _scan(connection, parts, lambda said: in_a_row.search(said) is not None)


def sessions_with_substring(connection: Connection, words: str) -> Iterator[str]:
    """Yield the ids of the sessions with `words` anywhere in a text, the newest text's first."""
    words = words.replace("\0", " ")
    if len(words) < SHORTEST:
        return
    folded = words.casefold()
    yield from _scan(connection, [words], lambda said: folded in said.casefold())


def as_pattern(words: str) -> "re.Pattern[str]":
    """Return the pattern of words in a row, with anything but letters and digits between them."""
    return re.compile(r"\W+".join(map(re.escape, words.split())), re.IGNORECASE)


def as_json(words: str) -> str:
    """Return words as they are within a JSON string."""
    return msgspec.json.encode(words).decode()[1:-1]


def _scan(connection: Connection, words: list[str], matches: Callable[[str], bool]) -> Iterator[str]:
    """Yield the session of each text that matches, a page of texts at a time."""
    conditions = [part.c.data.icontains(as_json(word), autoescape=True) for word in words]
    statement = (
        select(part.c.number, part.c.session_id, part.c.data)
        .where(part.c.searchable, *conditions)
        .order_by(part.c.number.desc())
        .limit(READ_AT_ONCE)
    )
    rows = connection.execute(statement).all()
    while rows:
        for row in rows:
            if matches(decode_text(row.data)):
                yield row.session_id
        if len(rows) < READ_AT_ONCE:
            return
        rows = connection.execute(statement.where(part.c.number < rows[-1].number)).all()
