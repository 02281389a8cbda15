"""What every turn works with, and who hears how it goes."""

from typing import Protocol

import msgspec

from opencode.bus import Bus
from opencode.provider.registry import Registry
from opencode.schema.message import ModelChoice
from opencode.schema.part import Tokens
from opencode.schema.session import PermissionRule, SessionStatus
from opencode.store import Store
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


class TurnListener(Protocol):
    """A turn's session: hears how the turn goes, and has work done that is not the turn's own."""

    def status(self, status: SessionStatus) -> None:
        """The turn is busy, or waits before it asks the model again."""

    def charge(self, cost: float, tokens: Tokens) -> None:
        """A step cost so many USD and tokens; note it, for it is about to be stored."""

    def allowed(self, rules: list[PermissionRule]) -> None:
        """The user allowed something for good; note it."""

    def answering(self) -> None:
        """The model has begun to answer."""

    def stepped(self) -> None:
        """The step is stored."""

    async def delegate(self, task: Task, model: ModelChoice, started: Started) -> TaskAnswer:
        """Have another agent carry a task out, in a session of its own. Raises ToolError.

        Cancelling it aborts that session's turn.
        """
