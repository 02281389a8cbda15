"""What every turn works with, and the session that it runs in."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from opencode.bus import Bus
from opencode.provider.registry import Registry
from opencode.schema.event import EventProperties
from opencode.schema.message import ModelChoice
from opencode.schema.part import Tokens
from opencode.schema.session import PermissionRule, SessionStatus
from opencode.store import Store, Unit
from opencode.tool.base import Started, Task, TaskAnswer
from opencode.tool.registry import Tools

from .agents import Agents
from .pending_requests import PendingRequests
from .retry import RetryPolicy


class TurnDependencies(msgspec.Struct, frozen=True, kw_only=True):
    """What every turn works with."""

    store: Store
    bus: Bus
    providers: Registry
    tools: Tools
    agents: Agents
    pending_requests: PendingRequests
    instructions: tuple[str, ...] = ()
    directory: str = "/"
    retry: RetryPolicy = RetryPolicy()

    @property
    def path(self) -> str:
        """The directory as clients compare it: opencode counts it from the root, outside a repository."""
        return self.directory.lstrip("/")


class TurnSession(Protocol):
    """The session of a turn: stores what the turn changes in it, and is notified of the turn's progress."""

    def new_message_id(self) -> str:
        """Return an id that sorts after all messages of the session."""

    async def commit(
        self, unit: Unit, events: Sequence[EventProperties], cost: float = 0, tokens: Tokens | None = None
    ) -> None:
        """Write a unit and what it cost (USD, tokens) as one change of the session, then publish the events.

        Raises Unavailable, or NotFound if the session was deleted; then nothing has changed.
        """

    async def allow(self, rules: list[PermissionRule]) -> None:
        """Add what the user allowed for good to the session's permission rules."""

    def status(self, status: SessionStatus) -> None:
        """Publish that the turn is busy, or waits before it asks the model again."""

    def answering(self) -> None:
        """The model has begun to answer."""

    async def delegate(self, task: Task, model: ModelChoice, started: Started) -> TaskAnswer:
        """Have another agent carry out a task in a session of its own; raises ToolError.

        Cancelling it aborts that session's turn.
        """
