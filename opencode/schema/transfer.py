"""A session as one JSON object, in the format of opencode's `export` and `import`."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from .base import JsonObject, Wire
from .message import MessageWithParts
from .part import Tokens
from .session import PermissionRule, Session, SessionModel, SessionRevert, Todo

YEAR_9999 = 253_370_764_800_000

Moment = Annotated[int, Meta(ge=0, lt=YEAR_9999)]
"""Unix milliseconds, up to the year 9999."""


class SessionExport(Wire):
    """A session with its messages and todos."""

    info: Session
    messages: list[MessageWithParts]
    todos: list[Todo] = field(default_factory=list)


class ImportedTime(Wire):
    """Unix milliseconds."""

    created: Moment
    updated: Moment


class ImportedSession(Wire):
    """The imported fields of an exported session; share and parent are dropped."""

    title: Annotated[str, Meta(min_length=1)]
    id: str | UnsetType = UNSET
    slug: str | UnsetType = UNSET
    time: ImportedTime | UnsetType = UNSET
    cost: float = 0
    tokens: Tokens = field(default_factory=Tokens)
    agent: str | UnsetType = UNSET
    model: SessionModel | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET
    permission: list[PermissionRule] | UnsetType = UNSET
    revert: SessionRevert | UnsetType = UNSET


class SessionImport(Wire):
    """The imported parts of an export."""

    info: ImportedSession
    messages: list[MessageWithParts]
    todos: list[Todo] = field(default_factory=list)
