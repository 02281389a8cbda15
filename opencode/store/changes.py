"""Pending changes: rows by their keys, rendered at the time of the write."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

import msgspec
from sqlalchemy import Table

from opencode.schema.message import Message
from opencode.schema.part import Part
from opencode.schema.session import Session, Todo

from . import tables
from .file_changes import FileChange, FileContents, file_change_row
from .rows import Row, message_row, part_row, session_row, todo_rows

Render = Callable[[], Row | list[Row] | None]
"""Returns the row at the time of the write. None removes the row; a list replaces a session's todos."""

Key = tuple[str, str]
"""A table's name, and a row's id in it."""

Changes = dict[str, dict[Key, Render]]
"""Changes by session id and row key."""


class ChangeRecorder(ABC):
    """The methods that record changes. None of them waits."""

    @abstractmethod
    def _put(self, session_id: str, table: Table, key: str, render: Render) -> None:
        """Record a change; a later change to the same row replaces it."""

    def put_session(self, session: Session) -> None:
        row = session_row(session)
        self._put(session.id, tables.session, session.id, lambda: row)

    def put_message(self, message: Message, answered: bool = True) -> None:
        """Store a message. `answered` is False for a prompt whose turn has not ended."""
        row = message_row(message, answered)
        self._put(message.session_id, tables.message, message.id, lambda: row)

    def put_part(self, part: Part) -> None:
        row = part_row(part)
        self._put(part.session_id, tables.part, part.id, lambda: row)

    def put_todos(self, session_id: str, todos: list[Todo]) -> None:
        rows = todo_rows(session_id, todos)
        self._put(session_id, tables.todo, session_id, lambda: rows)

    def put_resumption(self, session_id: str, prompt_id: str, times: int) -> None:
        """Store how many starts of the server have gone on with the answer to a prompt."""
        row: Row = {"id": prompt_id, "times": times}
        self._put(session_id, tables.resumption, prompt_id, lambda: row)

    def trash_session(self, session_id: str, time: int) -> None:
        """Hide a session, which was deleted at `time` (Unix ms), from all lists and look-ups."""
        self._put(session_id, tables.trash, session_id, lambda: {"id": session_id, "time": time})

    def restore_session(self, session_id: str) -> None:
        """Take a session out of the trash."""
        self._put(session_id, tables.trash, session_id, lambda: None)

    def put_file_change(self, change: FileChange, content: FileContents | None = None) -> None:
        """Store a change of a file; `content` with its first writing only, later ones leave it as it is."""
        row = file_change_row(change, content)
        self._put(change.session_id, tables.file_change, change.id, lambda: row)

    def remove_file_change(self, change: FileChange) -> None:
        self._put(change.session_id, tables.file_change, change.id, lambda: None)

    def remove_part(self, session_id: str, part_id: str) -> None:
        self._put(session_id, tables.part, part_id, lambda: None)

    def remove_message(self, session_id: str, message_id: str) -> None:
        self._put(session_id, tables.message, message_id, lambda: None)


class Batch(msgspec.Struct):
    """The rows of one transaction, by table name: `lost` ids are removed first, then `rows` are written.

    `sessions`: sessions to remove. `touched`: for each session the range of changed message ids; it begins
    with "" if a message or a part is removed.
    """

    lost: dict[str, list[str]]
    rows: dict[str, list[Row]]
    sessions: list[str]
    touched: dict[str, tuple[str, str]]


def render(changes: Changes, removed: Iterable[str] = ()) -> Batch:
    """Return changes as rows, without those of the sessions in `removed`."""
    batch = Batch({}, {}, list(removed), dict.fromkeys(removed, ("", "")))
    for session_id, wanted in changes.items():
        if session_id in batch.sessions:
            continue
        for (name, key), row_of in wanted.items():
            row = row_of()
            if (message_id := _message_of(name, row)) is not None:
                first, last = batch.touched.get(session_id, (message_id, message_id))
                batch.touched[session_id] = min(message_id, first), max(message_id, last)
            if isinstance(row, dict):
                batch.rows.setdefault(name, []).append(row)
            else:
                batch.lost.setdefault(name, []).append(key)
                batch.rows.setdefault(name, []).extend(row or [])
    return batch


def _message_of(table: str, row: Row | list[Row] | None) -> str | None:
    """Return the id of a row's message, "" if the row is removed; None for other tables."""
    if table not in (tables.message.name, tables.part.name):
        return None
    return str(row["message_id" if table == tables.part.name else "id"]) if isinstance(row, dict) else ""


def merged(older: Changes, newer: Changes) -> Changes:
    """Return both; a newer change to a row replaces an older one."""
    both = dict(older)
    for session_id, wanted in newer.items():
        both[session_id] = {**both.get(session_id, {}), **wanted}
    return both
