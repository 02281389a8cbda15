"""A whole conversation as one JSON object, in the form of opencode's `export` and `import`."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from .base import JsonObject, Wire
from .message import MessageWithParts
from .part import Tokens
from .session import Session, SessionModel, SessionRevert, Todo

YEAR_9999 = 253_370_764_800_000

Moment = Annotated[int, Meta(ge=0, lt=YEAR_9999)]
"""Unix milliseconds, in years that calendars have."""


class SessionExport(Wire):
    """A session, everything that was said in it, and its todos."""

    info: Session
    messages: list[MessageWithParts]
    todos: list[Todo] = field(default_factory=list)


class ImportedTime(Wire):
    """Unix milliseconds."""

    created: Moment
    updated: Moment


class ImportedSession(Wire):
    """What is taken over of an exported session; its permissions, share and parent are not."""

    title: Annotated[str, Meta(min_length=1)]
    id: str | UnsetType = UNSET
    slug: str | UnsetType = UNSET
    time: ImportedTime | UnsetType = UNSET
    cost: float = 0
    tokens: Tokens = field(default_factory=Tokens)
    agent: str | UnsetType = UNSET
    model: SessionModel | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET
    revert: SessionRevert | UnsetType = UNSET


class SessionImport(Wire):
    """What an export holds, as far as it is taken over."""

    info: ImportedSession
    messages: list[MessageWithParts]
    todos: list[Todo] = field(default_factory=list)
