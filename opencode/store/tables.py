"""The tables. A row is its wire object as JSON in `data`, beside the columns that queries need.

`number` is what SQLite's full-text indexes know a row by, see `dialects.sqlite_search`; `searchable`: a part
that is a finished text; `grows`: its text is still being streamed, and is in `part_growth`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


class Words(TypeDecorator[str]):
    """Text that people or clients chose. A NUL in it, which PostgreSQL can't hold, is kept as U+FFFD.

    Wire objects need no such care: JSON spells a NUL in six plain characters.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value.replace("\0", "\ufffd") if value else value


Id = String(64).with_variant(String(64, collation="C"), "postgresql")
"""Ids sort as their bytes do: that is the order in time. PostgreSQL sorts by its locale by default."""

_CONSTANT = {"constant": True}
"""Of columns that never change once a row is inserted: an upsert leaves them and their indexes alone."""


def _owner(column: str) -> Column[str]:
    return Column("session_id", ForeignKey(column, ondelete="CASCADE"), nullable=False, info=_CONSTANT)


def _number() -> Column[int]:
    return Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


session = Table(
    "session",
    metadata,
    _number(),
    Column("id", Id, nullable=False, unique=True, info=_CONSTANT),
    Column("parent_id", Id),
    Column("title", Words, nullable=False),
    Column("time_updated", BigInteger, nullable=False),
    Column("pinned", Boolean, nullable=False, server_default=false()),
    Column("data", Text, nullable=False),
    Index(None, "time_updated", "id", "title"),
    Index(None, "parent_id", "time_updated", "id", "title"),
)

trash = Table(
    "trash",
    metadata,
    Column("id", ForeignKey("session.id", ondelete="CASCADE"), primary_key=True, info=_CONSTANT),
    Column("time", BigInteger, nullable=False),
)
"""Sessions whose deletion can be undone: in no list, found by no look-up. `time`: Unix ms of the deletion."""

_is_pinned = session.c.pinned.is_(True)
Index(
    "ix_session_pinned",
    session.c.parent_id,
    session.c.time_updated,
    session.c.id,
    sqlite_where=_is_pinned,
    postgresql_where=_is_pinned,
)

message = Table(
    "message",
    metadata,
    Column("id", Id, primary_key=True, info=_CONSTANT),
    _owner("session.id"),
    Column("unfinished", Boolean, nullable=False),
    Column("data", Text, nullable=False),
    Index(None, "session_id", "id"),
)

_is_unfinished = message.c.unfinished.is_(True)
Index(
    "ix_message_unfinished",
    message.c.id,
    sqlite_where=_is_unfinished,
    postgresql_where=_is_unfinished,
)

part = Table(
    "part",
    metadata,
    _number(),
    Column("id", Id, nullable=False, unique=True, info=_CONSTANT),
    _owner("session.id"),
    Column("message_id", Id, nullable=False, info=_CONSTANT),
    Column("searchable", Boolean, nullable=False),
    Column("grows", Boolean, nullable=False),
    Column("data", Text, nullable=False),
    Index(None, "session_id", "message_id", "id"),
)

part_growth = Table(
    "part_growth",
    metadata,
    Column("part_id", ForeignKey("part.id", ondelete="CASCADE"), primary_key=True),
    Column("total", Integer, primary_key=True, autoincrement=False),
    Column("data", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""The text of parts that grow, in pieces. `total`: characters of the text up to the end of the piece."""

part_file = Table(
    "part_file",
    metadata,
    Column("part_id", ForeignKey("part.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("head", Text, nullable=False),
    Column("version", String(16), nullable=False),
    Column("verbatim", Boolean, nullable=False),
)
"""Large files of parts, see `files`. `head`: the `data:` URL up to its comma. `verbatim`: the pieces hold the
rest of the URL as it is, not the bytes that its base64 means."""

part_file_piece = Table(
    "part_file_piece",
    metadata,
    Column("part_id", ForeignKey("part.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

resumption = Table(
    "resumption",
    metadata,
    Column("id", ForeignKey("message.id", ondelete="CASCADE"), primary_key=True, info=_CONSTANT),
    Column("times", Integer, nullable=False),
)
"""How many starts of the server have gone on with the answer to a prompt. `id`: the prompt's."""

todo = Table(
    "todo",
    metadata,
    Column("session_id", ForeignKey("session.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("data", Text, nullable=False),
)

file_change = Table(
    "file_change",
    metadata,
    Column("id", Id, primary_key=True, info=_CONSTANT),
    _owner("session.id"),
    Column("root_id", Id, nullable=False, info=_CONSTANT),
    Column("data", Text, nullable=False),
    Column("content", Text, info=_CONSTANT),
    Index(None, "session_id"),
    Index(None, "root_id", "id"),
)
"""Changes of files, see `file_changes`. `root_id`: the session above all that delegated the work. `content`:
what the file was and became, apart from `data`, which lists read."""

secret = Table(
    "secret",
    metadata,
    Column("id", Text, primary_key=True, info=_CONSTANT),
    Column("time", BigInteger, nullable=False, info=_CONSTANT),
    Column("is_sealed", Boolean, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
"""What all servers of a database share and nobody may read, see `shared_secrets`. `time`: Unix ms."""

server = Table(
    "server",
    metadata,
    Column("id", Id, primary_key=True),
    Column("lock", Integer, nullable=False),
    Column("address", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("beat", BigInteger, nullable=False),
)
"""The servers of a PostgreSQL database, see `servers`. `lock`: the number of its advisory lock. `started` and
`beat`, when it was last heard of: Unix ms."""

lease = Table(
    "lease",
    metadata,
    Column("id", Id, primary_key=True),
    Column("server", Id, nullable=False, index=True),
    Column("is_given", Boolean, nullable=False),
)
"""The server that a root session belongs to. `is_given`: by one that is gone, and not taken over yet."""

schema_compatibility = Table("schema_compatibility", metadata, Column("oldest", Text, primary_key=True))
"""One row: the oldest revision whose servers can live with this database, see `migrations`."""
