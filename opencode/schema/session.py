"""Sessions, their status, permissions and todos."""

from typing import Literal

from msgspec import UNSET, UnsetType

from .base import JsonObject, Wire
from .message import FileDiff
from .part import Tokens

PermissionAction = Literal["allow", "deny", "ask"]


class PermissionRule(Wire):
    """`permission`: a tool's name. `pattern`: what it is used on. `*` matches anything."""

    permission: str
    pattern: str
    action: PermissionAction


class SessionTime(Wire):
    """Unix milliseconds."""

    created: int
    updated: int
    compacting: int | UnsetType = UNSET
    archived: float | UnsetType = UNSET


class SessionSummary(Wire):
    """How many lines and files a session has changed; absent without changes."""

    additions: int
    deletions: int
    files: int
    diffs: list[FileDiff] | UnsetType = UNSET


class SessionShare(Wire):
    """`url`: the read-only address of a shared session."""

    url: str


class SessionModel(Wire):
    """The model used last. The field is `id` here, `modelID` in messages."""

    id: str
    provider_id: str
    variant: str | UnsetType = UNSET


class SessionRevert(Wire):
    """The first reverted message; it and everything after it is hidden from the model."""

    message_id: str
    part_id: str | UnsetType = UNSET
    snapshot: str | UnsetType = UNSET
    diff: str | UnsetType = UNSET


class Session(Wire):
    """A session. `cost` (USD) and `tokens` are sums over its steps."""

    id: str
    slug: str
    project_id: str
    directory: str
    title: str
    version: str
    time: SessionTime
    cost: float
    tokens: Tokens
    path: str | UnsetType = UNSET
    workspace_id: str | UnsetType = UNSET
    parent_id: str | UnsetType = UNSET
    summary: SessionSummary | UnsetType = UNSET
    share: SessionShare | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    model: SessionModel | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET
    permission: list[PermissionRule] | UnsetType = UNSET
    revert: SessionRevert | UnsetType = UNSET


class StatusIdle(Wire, tag_field="type", tag="idle"):
    """No turn is running."""


class StatusBusy(Wire, tag_field="type", tag="busy"):
    """A turn is running."""


class StatusRetry(Wire, tag_field="type", tag="retry"):
    """The provider failed; attempt number `attempt` starts at `next` (Unix milliseconds)."""

    attempt: int
    message: str
    next: int
    action: JsonObject | UnsetType = UNSET


SessionStatus = StatusIdle | StatusBusy | StatusRetry


class Todo(Wire):
    """An item of a session's todo list."""

    content: str
    status: str = "pending"
    priority: str = "medium"
