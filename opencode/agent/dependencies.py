"""The dependencies of a turn, and the interface of the session that it runs in."""

from collections.abc import Awaitable, Callable, Sequence
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
from opencode.tool.skill import Skills
from opencode.workspace import Workspace

from .agents import Agents
from .fallback import Fallbacks
from .pending_requests import PendingRequests
from .prompt_defaults import PromptDefaults
from .retry import RetryPolicy
from .structured import SchemaPool

Instructions = Callable[[], Awaitable[Sequence[str]]]
"""Returns what every prompt begins with after the agent's own, as it is by now."""


async def no_instructions() -> Sequence[str]:
    return ()


class TurnDependencies(msgspec.Struct, frozen=True, kw_only=True):
    """The objects that all turns share."""

    store: Store
    bus: Bus
    providers: Registry
    tools: Tools
    skills: Skills
    agents: Agents
    fallbacks: Fallbacks
    pending_requests: PendingRequests
    schemas: SchemaPool
    instructions: Instructions = no_instructions
    directory: str = "/"
    retry: RetryPolicy = RetryPolicy()
    workspace: Workspace | None = None

    @property
    def path(self) -> str:
        """The directory relative to the root; opencode's clients expect that form outside a repository."""
        return self.directory.lstrip("/")


class TurnSession(Protocol):
    """A turn's session: stores the changes that the turn makes and is notified of its progress."""

    def new_message_id(self) -> str:
        """Return an id that sorts after all messages of the session."""

    def defaults(self) -> PromptDefaults:
        """Return what all prompts of the session have in common by now."""

    async def commit(
        self, unit: Unit, events: Sequence[EventProperties], cost: float = 0, tokens: Tokens | None = None
    ) -> None:
        """Commit a unit and add its cost (USD, tokens) to the session as one change, then publish the events.

        Raises Unavailable, and NotFound if the session was deleted; then nothing has changed.
        """

    async def allow(self, rules: list[PermissionRule]) -> None:
        """Add rules to the session's permission rules, for an "always" reply."""

    def status(self, status: SessionStatus) -> None:
        """Publish that the turn is busy, or waits before a retry."""

    def answering(self) -> None:
        """Note that the model has begun to answer."""

    async def delegate(self, task: Task, model: ModelChoice, started: Started) -> TaskAnswer:
        """Run a task with another agent in a child session; raises ToolError.

        Cancelling this aborts the child session's turn.
        """

    async def rejoin(self, session_id: str) -> TaskAnswer:
        """Wait for the answer of a task that has begun in a child session; as `delegate`."""
