"""Queries. Each function runs straight through, on one connection, in a thread."""

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, FromClause, Select, bindparam, func, literal, select, tuple_

from opencode.schema.message import Message, MessageWithParts
from opencode.schema.part import Part
from opencode.schema.session import Session, Todo

from .dialects import dialect_of
from .dialects.text_scan import as_json, as_pattern
from .files import with_content
from .growth import pieces, read_part
from .outlines import outlined
from .rows import decode_message, decode_session, decode_text, decode_todo
from .tables import message, part, resumption, session, todo, trash

NO_LIMIT = 2**62
AFTER_ALL_IDS = "~"
READ_AHEAD = 20
"""Sessions that a search found and that are read at once."""

Place = Literal["title", "words", "within"]
"""Where a session has what is searched for: in its title, as words of a text, or within longer words."""


class Match(msgspec.Struct, frozen=True):
    """A session that a search found."""

    place: Place
    session: Session


class Found(msgspec.Struct, frozen=True):
    """A page of search results. `more`: there may be another."""

    matches: list[Match]
    more: bool


class TrashedSession(msgspec.Struct, frozen=True):
    """A session in the trash. `time`: Unix ms of its deletion."""

    session_id: str
    parent_id: str | None
    time: int


class SessionQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions to list, the last changed first.

    `search`: in titles. `pinned`: only those whose metadata says so. `updated_since`: Unix ms. `after`: the
    last page's last session, as (time updated, id).
    """

    limit: int = 100
    roots: bool = False
    parent_id: str | None = None
    search: str | None = None
    pinned: bool = False
    updated_since: int | None = None
    after: tuple[int, str] | None = None


_trashed_ids = select(trash.c.id)

_session_by_id = select(session.c.data).where(
    session.c.id == bindparam("id"), session.c.id.not_in(_trashed_ids)
)

_session_exists = select(session.c.id).where(session.c.id == bindparam("id"))

_trash = select(session.c.id, session.c.parent_id, trash.c.time).join(trash, trash.c.id == session.c.id)

_newest_message = select(func.max(message.c.id)).where(message.c.session_id == bindparam("session"))

_below = (
    select(session.c.id, literal(1).label("depth"))
    .where(session.c.parent_id == bindparam("id"))
    .cte("below", recursive=True)
)
_below = _below.union_all(
    select(session.c.id, _below.c.depth + 1).join(_below, session.c.parent_id == _below.c.id)
)
_descendants = select(_below.c.id).order_by(_below.c.depth, _below.c.id)

_messages_before = (
    select(message.c.data)
    .where(message.c.session_id == bindparam("session"), message.c.id < bindparam("before"))
    .order_by(message.c.id.desc())
    .limit(bindparam("limit"))
)

_messages_after = (
    select(message.c.data)
    .where(message.c.session_id == bindparam("session"), message.c.id > bindparam("after"))
    .order_by(message.c.id)
)

_parts_after = (
    select(part.c.message_id, part.c.data, pieces)
    .where(part.c.session_id == bindparam("session"), part.c.message_id > bindparam("after"))
    .order_by(part.c.message_id, part.c.id)
)

_message_by_id = select(message.c.data).where(
    message.c.session_id == bindparam("session"), message.c.id == bindparam("id")
)

_unfinished = select(message.c.data).where(message.c.unfinished.is_(True)).order_by(message.c.id)

_resumptions = (
    select(resumption.c.id, resumption.c.times)
    .join(message, message.c.id == resumption.c.id)
    .where(message.c.unfinished.is_(True))
)

_parts_between = (
    select(part.c.message_id, part.c.data, pieces)
    .where(
        part.c.session_id == bindparam("session"),
        part.c.message_id.between(bindparam("first"), bindparam("last")),
    )
    .order_by(part.c.message_id, part.c.id)
)

_messages_counted = (
    select(func.count())
    .select_from(message)
    .where(message.c.session_id == bindparam("session"), message.c.id < bindparam("before"))
)

_ids_from = (
    select(message.c.id)
    .where(message.c.session_id == bindparam("session"), message.c.id >= bindparam("first"))
    .order_by(message.c.id)
    .limit(bindparam("limit"))
)

_todos = select(todo.c.data).where(todo.c.session_id == bindparam("session")).order_by(todo.c.position)


def find_session(connection: Connection, session_id: str) -> tuple[Session, str] | None:
    """Return a session and the id of its last message, "" if it has none."""
    data: str | None = connection.execute(_session_by_id, {"id": session_id}).scalar()
    if data is None:
        return None
    newest: str | None = connection.execute(_newest_message, {"session": session_id}).scalar()
    return decode_session(data), newest or ""


def has_session(connection: Connection, session_id: str) -> bool:
    """Return whether a session is stored, in the trash or not."""
    return connection.execute(_session_exists, {"id": session_id}).first() is not None


def list_trash(connection: Connection) -> list[TrashedSession]:
    """Return the sessions in the trash."""
    return [TrashedSession(row.id, row.parent_id, row.time) for row in connection.execute(_trash)]


def list_descendants(connection: Connection, session_id: str) -> list[str]:
    """Return the ids of all sessions below a session, parents before their children."""
    return list(_texts(connection, _descendants, {"id": session_id}))


def list_sessions(connection: Connection, query: SessionQuery) -> list[Session]:
    """Return one page of sessions, the last changed first."""
    rows: FromClause = session
    dialect = dialect_of(connection)
    if query.search and (few := dialect.sessions_titled(connection, query.search)) is not None:
        if not few:
            return []
        # The limit keeps them a list of their own, which SQLite does not look for among all sessions.
        rows = select(session).where(session.c.id.in_(few)).limit(len(few)).subquery("few")
    column = rows.c
    statement = select(column.data).where(column.id.not_in(_trashed_ids)).limit(query.limit)
    statement = statement.order_by(column.time_updated.desc(), column.id.desc())
    if query.roots:
        statement = statement.where(column.parent_id.is_(None))
    if query.parent_id is not None:
        statement = statement.where(column.parent_id == query.parent_id)
    if query.search:
        statement = statement.where(dialect.contains(column.title, query.search))
    if query.pinned:
        statement = statement.where(column.pinned.is_(True))
    if query.updated_since is not None:
        statement = statement.where(column.time_updated >= query.updated_since)
    if query.after is not None:
        statement = statement.where(tuple_(column.time_updated, column.id) < query.after)
    return [decode_session(data) for data in _texts(connection, statement)]


def search_sessions(connection: Connection, words: str, limit: int, skip: int = 0) -> Found:
    """Return root sessions with `words` in the title or in a text: `limit` after the first `skip`.

    A page that is not empty ends before the matches within longer words, which take longest to find.
    """
    dialect = dialect_of(connection)
    titled = SessionQuery(limit=skip + limit, roots=True, search=words)
    places: tuple[tuple[Place, Iterable[Session]], ...] = (
        ("title", list_sessions(connection, titled)),
        ("words", _roots(connection, dialect.sessions_with_phrase(connection, words))),
        ("within", _roots(connection, dialect.sessions_with_substring(connection, words))),
    )
    found: dict[str, Match] = {}
    for place, sessions in places:
        if place == "within" and len(found) > skip:
            return Found(list(found.values())[skip:], more=True)
        for each in sessions:
            found.setdefault(each.id, Match(place, each))
            if len(found) == skip + limit:
                return Found(list(found.values())[skip:], more=True)
    return Found(list(found.values())[skip:], more=False)


def find_text(connection: Connection, session_id: str, words: str) -> tuple[str, str] | None:
    """Return the message id and the text of the newest text of a session that has `words`, if any has."""
    conditions = [part.c.data.icontains(as_json(word), autoescape=True) for word in words.split()]
    statement = (
        select(part.c.message_id, part.c.data)
        .where(part.c.session_id == session_id, part.c.searchable, *conditions)
        .order_by(part.c.message_id.desc(), part.c.id.desc())
        .limit(READ_AHEAD)
    )
    in_a_row = as_pattern(words)
    for row in connection.execute(statement):
        if in_a_row.search(found := decode_text(row.data)):
            return row.message_id, found
    return None


def _roots(connection: Connection, session_ids: Iterator[str]) -> Iterator[Session]:
    """Yield the sessions that no other session began, in the order of their ids; reads some ahead."""
    while batch := list(islice(session_ids, READ_AHEAD)):
        chosen = select(session.c.data).where(session.c.id.in_(batch), session.c.id.not_in(_trashed_ids))
        sessions = {each.id: each for each in map(decode_session, _texts(connection, chosen))}
        yield from (sessions[each] for each in batch if each in sessions and not sessions[each].parent_id)


def list_messages(
    connection: Connection, session_id: str, limit: int | None, before: str | None, outlines: bool = False
) -> list[MessageWithParts]:
    """Return the newest `limit` messages older than the id `before`, in order; all where these are None.

    `outlines`: without the content of files.
    """
    values = {
        "session": session_id,
        "before": AFTER_ALL_IDS if before is None else before,
        "limit": NO_LIMIT if limit is None else limit,
    }
    found = [decode_message(data) for data in _texts(connection, _messages_before, values)]
    return _with_parts(connection, found[::-1], outlines)


def count_messages(connection: Connection, session_id: str, before: str | None) -> int:
    """Return how many messages are older than the id `before`; how many there are where it is None."""
    values = {"session": session_id, "before": AFTER_ALL_IDS if before is None else before}
    return int(connection.execute(_messages_counted, values).scalar_one())


def list_message_ids(connection: Connection, session_id: str, first: str, limit: int) -> list[str]:
    """Return the ids of the first `limit` messages from the id `first` on, in order."""
    return list(_texts(connection, _ids_from, {"session": session_id, "first": first, "limit": limit}))


def read_history(
    connection: Connection, session_id: str, after: str, without: Container[str] = ()
) -> list[tuple[MessageWithParts, int]]:
    """Return the messages after the id `after`, in order, each with the size of its JSON in bytes.

    `without`: ids of messages to leave out.
    """
    values = {"session": session_id, "after": after}
    parts: dict[str, list[tuple[str, str | None]]] = {}
    for row in connection.execute(_parts_after, values):
        parts.setdefault(row.message_id, []).append((row.data, row.pieces))
    history = []
    for data in _texts(connection, _messages_after, values):
        info = decode_message(data)
        if info.id in without:
            continue
        texts = parts.get(info.id, [])
        read = [read_part(*text) for text in texts]
        size = len(data) + sum(len(text) + len(growth or "") for text, growth in texts)
        size += sum(with_content(connection, each) for each in read)
        history.append((MessageWithParts(info=info, parts=read), size))
    return history


def find_message(
    connection: Connection, session_id: str, message_id: str, outlines: bool = False
) -> MessageWithParts | None:
    """Return a message. `outlines`: without the content of files."""
    data: str | None = connection.execute(_message_by_id, {"session": session_id, "id": message_id}).scalar()
    return None if data is None else _with_parts(connection, [decode_message(data)], outlines)[0]


def taken(connection: Connection, message_ids: list[str], part_ids: list[str]) -> set[str]:
    """Return which of these ids of messages and parts are in use."""
    found: set[str] = set()
    most = dialect_of(connection).max_values
    for table, known in ((message, message_ids), (part, part_ids)):
        for start in range(0, len(known), most):
            chosen = select(table.c.id).where(table.c.id.in_(known[start : start + most]))
            found.update(_texts(connection, chosen))
    return found


def list_unfinished(connection: Connection) -> list[MessageWithParts]:
    """Return what was open when the server last stopped: prompts and answers, in order."""
    found = [decode_message(data) for data in _texts(connection, _unfinished)]
    return [_with_parts(connection, [each])[0] for each in found]


def list_resumptions(connection: Connection) -> dict[str, int]:
    """Return how many starts have gone on with the answers to open prompts, by the prompts' ids."""
    return {row.id: row.times for row in connection.execute(_resumptions)}


def list_todos(connection: Connection, session_id: str) -> list[Todo]:
    return [decode_todo(data) for data in _texts(connection, _todos, {"session": session_id})]


def _texts(
    connection: Connection, statement: Select[str], values: dict[str, Any] | None = None
) -> Sequence[str]:
    return connection.execute(statement, values).scalars().all()


def _with_parts(
    connection: Connection, messages: list[Message], outlines: bool = False
) -> list[MessageWithParts]:
    """Return one session's messages, which are in order, with their parts or their parts' outlines."""
    if not messages:
        return []
    values = {"session": messages[0].session_id, "first": messages[0].id, "last": messages[-1].id}
    parts: dict[str, list[Part]] = {}
    for row in connection.execute(_parts_between, values).all():
        read = read_part(row.data, row.pieces)
        if outlines:
            read = outlined(read)
        else:
            with_content(connection, read)
        parts.setdefault(row.message_id, []).append(read)
    return [MessageWithParts(info=each, parts=parts.get(each.id, [])) for each in messages]
