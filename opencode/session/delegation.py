"""Delegation: a task that an agent gives to another one runs in a child session."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol, TypeVar

from msgspec import UNSET

from opencode.agent.agents import DENY_TASK
from opencode.agent.prompt_defaults import prompt_defaults
from opencode.errors import NotFound, RequestError, ToolError
from opencode.schema.agent import Agent
from opencode.schema.base import given
from opencode.schema.error import MessageError
from opencode.schema.message import MessageWithParts, ModelChoice
from opencode.schema.part import TextPart
from opencode.schema.prompt import CreateSessionBody, PromptBody, TextPartInput
from opencode.schema.session import PermissionRule, Session
from opencode.tool.base import Started, Task, TaskAnswer

from .active_setup import ActiveSetup
from .sessions import Sessions

T = TypeVar("T")

MAX_DEPTH = 3
"""Sessions of tasks below each other: each may take all its steps for every step of the one above."""


class Answering(Protocol):
    """A prompt that was sent and is being answered."""

    async def answer(self) -> MessageWithParts: ...


class Send(Protocol):
    """Sends a prompt to a session."""

    async def __call__(self, session_id: str, body: PromptBody) -> Answering: ...


class Delegation:
    """Runs tasks as prompts to child sessions."""

    def __init__(
        self,
        sessions: Sessions,
        setup: ActiveSetup,
        send: Send,
        abort: Callable[[str], Awaitable[bool]],
        last_answer: Callable[[str], Awaitable[MessageWithParts | None]],
    ) -> None:
        self._sessions = sessions
        self._setup = setup
        self._send = send
        self._abort = abort
        self._last_answer = last_answer

    async def run(self, parent: Session, task: Task, model: ModelChoice, started: Started) -> TaskAnswer:
        """Run a task and return its result; raises ToolError. Cancelling it first aborts the task's turn."""
        try:
            agent = self._setup.dependencies.agents.get(task.agent)
            child = await self._child(parent, agent, task)
            started(child.id)
            choice = model
            if agent.model:
                choice = ModelChoice(
                    provider_id=agent.model.provider_id, model_id=agent.model.model_id, variant=agent.variant
                )
            body = PromptBody(parts=[TextPartInput(text=task.prompt)], agent=agent.name, model=choice)
            prompted = await self._send(child.id, body)
        except RequestError as error:
            raise ToolError(error.message) from None
        return TaskAnswer(child.id, _text(await self._finished(child.id, prompted.answer()), child.id))

    async def rejoin(self, parent: Session, session_id: str) -> TaskAnswer:
        """Return the result of a task that has begun, once it is there; as `run`."""
        try:
            child = await self._sessions.get(session_id)
        except RequestError as error:
            raise ToolError(error.message) from None
        answer = None
        if child.parent_id == parent.id:
            answer = await self._finished(child.id, self._last_answer(child.id))
        if answer is None:
            raise ToolError(f"The task was interrupted before the agent began. [task_id: {session_id}]")
        return TaskAnswer(child.id, _text(answer, child.id))

    async def _finished(self, session_id: str, answer: Awaitable[T]) -> T:
        """Wait for a task's answer; if the wait is cancelled, abort the task's turn."""
        try:
            return await answer
        except asyncio.CancelledError:
            with suppress(NotFound):  # deleted with its parent
                await self._abort(session_id)
            raise

    async def _child(self, parent: Session, agent: Agent, task: Task) -> Session:
        """Return the task's session: the one that it continues, or a new one."""
        if task.session_id is not None:
            child = await self._sessions.get(task.session_id)
            if child.parent_id == parent.id:
                return child
            raise ToolError(f"{task.session_id} is not a task of this session. Omit task_id.")
        if await self._depth(parent) >= MAX_DEPTH:
            raise ToolError(f"A task can't delegate further than {MAX_DEPTH} levels. Do the work yourself.")
        off = prompt_defaults(given(parent.metadata, {})).rules()
        rules = [*given(parent.permission, []), *off, *_restrictions(agent)]
        body = CreateSessionBody(
            parent_id=parent.id,
            title=f"{task.description} (@{agent.name} subagent)",
            agent=agent.name,
            permission=rules or UNSET,
        )
        return await self._sessions.create(body)

    async def _depth(self, session: Session) -> int:
        """Return how many sessions are above a session."""
        depth = 0
        while session.parent_id and depth < MAX_DEPTH:
            session = await self._sessions.get(session.parent_id)
            depth += 1
        return depth


def _restrictions(agent: Agent) -> list[PermissionRule]:
    """Return a rule against delegating further, unless the agent has a rule for the task tool already."""
    return [] if any(rule.permission == DENY_TASK.permission for rule in agent.permission) else [DENY_TASK]


def _text(answer: MessageWithParts, session_id: str) -> str:
    """Return the last text of the answer; raises ToolError if the agent failed."""
    if answer.failure:
        raise ToolError(f"The agent failed: {_reason(answer.failure)} [task_id: {session_id}]")
    texts = [part.text for part in answer.parts if isinstance(part, TextPart) and part.text.strip()]
    return texts[-1] if texts else "The agent finished without a final message."


def _reason(error: MessageError) -> str:
    message = error.data.get("message") if isinstance(error.data, dict) else error.data.message
    return message or "its answer was too long."
