"""Tasks that one session's agent gives to another: each is carried out in a session of its own."""

import asyncio
from typing import Protocol

from msgspec import UNSET

from opencode.agent.agents import DENY_TASK, Agents
from opencode.errors import RequestError, ToolError
from opencode.schema.agent import Agent
from opencode.schema.base import given
from opencode.schema.error import MessageError
from opencode.schema.message import MessageWithParts, ModelChoice
from opencode.schema.part import TextPart
from opencode.schema.prompt import CreateSessionBody, PromptBody, TextPartInput
from opencode.schema.session import PermissionRule, Session
from opencode.tool.base import Started, Task, TaskAnswer


class Answering(Protocol):
    async def answer(self) -> MessageWithParts: ...


class Prompts(Protocol):
    async def send(self, session_id: str, body: PromptBody) -> Answering: ...


class Sessions(Protocol):
    """What a task needs of the real ones."""

    @property
    def prompts(self) -> Prompts: ...

    async def create(self, body: CreateSessionBody) -> Session: ...

    async def get(self, session_id: str) -> Session: ...

    async def abort(self, session_id: str) -> bool: ...


class Delegation:
    """Carries out tasks through the door that every prompt goes through."""

    def __init__(self, sessions: Sessions, agents: Agents) -> None:
        self._sessions = sessions
        self._agents = agents

    async def __call__(self, parent: Session, task: Task, model: ModelChoice, started: Started) -> TaskAnswer:
        """Carry a task out; raises ToolError. Cancelled, it aborts the task's turn first."""
        try:
            agent = self._agents.get(task.agent)
            child = await self._session(parent, agent, task)
            started(child.id)
            chosen = model
            if agent.model:
                chosen = ModelChoice(
                    provider_id=agent.model.provider_id, model_id=agent.model.model_id, variant=agent.variant
                )
            body = PromptBody(parts=[TextPartInput(text=task.prompt)], agent=agent.name, model=chosen)
            prompted = await self._sessions.prompts.send(child.id, body)
        except RequestError as error:
            raise ToolError(error.message) from None
        try:
            answer = await prompted.answer()
        except asyncio.CancelledError:
            await self._sessions.abort(child.id)
            raise
        return TaskAnswer(child.id, _text(answer, child.id))

    async def _session(self, parent: Session, agent: Agent, task: Task) -> Session:
        if task.session_id is not None:
            child = await self._sessions.get(task.session_id)
            if child.parent_id == parent.id:
                return child
            raise ToolError(f"{task.session_id} is no task of this session. Leave task_id out.")
        rules = [*given(parent.permission, []), *_restrictions(agent)]
        body = CreateSessionBody(
            parent_id=parent.id,
            title=f"{task.description} (@{agent.name} subagent)",
            agent=agent.name,
            permission=rules or UNSET,
        )
        return await self._sessions.create(body)


def _restrictions(agent: Agent) -> list[PermissionRule]:
    """Keep an agent from passing its task on, unless the rules of the configuration speak of that."""
    return [] if any(rule.permission == DENY_TASK.permission for rule in agent.permission) else [DENY_TASK]


def _text(answer: MessageWithParts, session_id: str) -> str:
    """Return what the agent said last; raises ToolError where it failed."""
    if answer.failure:
        raise ToolError(f"The agent failed: {_reason(answer.failure)} [task_id: {session_id}]")
    said = [part.text for part in answer.parts if isinstance(part, TextPart) and part.text.strip()]
    return said[-1] if said else "The agent is done and said nothing."


def _reason(error: MessageError) -> str:
    message = error.data.get("message") if isinstance(error.data, dict) else error.data.message
    return message or "its answer was too long."
