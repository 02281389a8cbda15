"""The tables. A row is its wire object as JSON in `data`, beside the columns that queries need.

Indexes of sessions end with the title, so that a search in titles reads them alone; not in PostgreSQL, whose
indexes hold no long text. A part's `number` is what SQLite's full-text indexes know it by, see `full_text`;
`searchable`: it is a finished text.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
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
"""Ids sort as their bytes do: that is the order in time. PostgreSQL sorts by its locale if not told."""


def _owner(column: str) -> Column[str]:
    return Column("session_id", ForeignKey(column, ondelete="CASCADE"), nullable=False)


session = Table(
    "session",
    metadata,
    Column("id", Id, primary_key=True),
    Column("parent_id", Id),
    Column("title", Words, nullable=False),
    Column("time_updated", BigInteger, nullable=False),
    Column("pinned", Boolean, nullable=False, server_default=false()),
    Column("data", Text, nullable=False),
    Index(None, "time_updated", "id", "title"),
    Index(None, "parent_id", "time_updated", "id", "title"),
)

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
    Column("id", Id, primary_key=True),
    _owner("session.id"),
    Column("unfinished", Boolean, nullable=False),
    Column("data", Text, nullable=False),
    Index(None, "session_id", "id"),
    Index(None, "unfinished"),
)

part = Table(
    "part",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", Id, nullable=False, unique=True),
    _owner("session.id"),
    Column("message_id", Id, nullable=False),
    Column("searchable", Boolean, nullable=False),
    Column("data", Text, nullable=False),
    Index(None, "session_id", "message_id", "id"),
)

todo = Table(
    "todo",
    metadata,
    Column("session_id", ForeignKey("session.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("data", Text, nullable=False),
)
