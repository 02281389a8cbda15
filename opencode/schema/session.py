"""Sessions: a conversation's head, its status and the todos that belong to it."""

from typing import Literal

from msgspec import UNSET, UnsetType

from .base import JsonObject, Wire
from .message import FileDiff
from .part import Tokens

PermissionAction = Literal["allow", "deny", "ask"]


class PermissionRule(Wire):
    """`permission` names a tool, `pattern` what it is applied to; `*` matches anything."""

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
    """What a session changed in files. This server changes none."""

    additions: int
    deletions: int
    files: int
    diffs: list[FileDiff] | UnsetType = UNSET


class SessionShare(Wire):
    """Where a shared session can be read."""

    url: str


class SessionModel(Wire):
    """The model last used; here the wire says `id`, in messages it says `modelID`."""

    id: str
    provider_id: str
    variant: str | UnsetType = UNSET


class SessionRevert(Wire):
    """From which message on the conversation is taken back."""

    message_id: str
    part_id: str | UnsetType = UNSET
    snapshot: str | UnsetType = UNSET
    diff: str | UnsetType = UNSET


class Session(Wire):
    """`cost` in USD and `tokens` are sums over the steps that the session holds."""

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
    """The provider failed; attempt `attempt` starts at `next` (Unix ms)."""

    attempt: int
    message: str
    next: int
    action: JsonObject | UnsetType = UNSET


SessionStatus = StatusIdle | StatusBusy | StatusRetry


class Todo(Wire):
    """An item of a session's list."""

    content: str
    status: str = "pending"
    priority: str = "medium"
