"""Tasks that the user, not the model, delegates to another agent: subtask parts of a prompt or a command."""

import msgspec

from opencode import ids
from opencode.provider.base import ToolCallEnd, ToolCallStart
from opencode.schema.message import MessageWithParts, UserMessage
from opencode.schema.part import (
    SubtaskPart,
    Tokens,
    ToolPart,
    ToolStateCompleted,
    ToolStateError,
)
from opencode.schema.session import PermissionRule
from opencode.tool.task import TASK

from .dependencies import TurnDependencies, TurnSession
from .exchange import Exchange
from .tool_execution import ToolExecution

BY_USER = {"subtask": True}
"""Metadata of a tool call that no model made; models get its result as text, not as a call of their own."""

ALLOW_TASK = PermissionRule(permission=TASK, pattern="*", action="allow")


def subtasks_of(message: MessageWithParts) -> list[SubtaskPart]:
    """Return the tasks that a prompt delegates to other agents."""
    return [part for part in message.parts if isinstance(part, SubtaskPart)]


def task_result(part: ToolPart) -> str | None:
    """Return the result of a user's task as text for models; None if `part` is a model's own call."""
    if part.metadata != BY_USER:
        return None
    state = part.state
    if isinstance(state, ToolStateCompleted):
        return f"The task was completed with this result:\n\n{state.output}"
    reason = state.error if isinstance(state, ToolStateError) else "it was interrupted."
    return f"The task failed: {reason}"


class Subtasks:
    """The step that runs a prompt's tasks in other agents, as calls of the task tool."""

    def __init__(
        self,
        dependencies: TurnDependencies,
        session: TurnSession,
        execution: ToolExecution,
        prompt: MessageWithParts,
    ) -> None:
        assert isinstance(prompt.info, UserMessage)
        self._dependencies = dependencies
        self._session = session
        self._execution = execution
        self._tasks = subtasks_of(prompt)
        self.exchange = Exchange(dependencies, session, prompt.info)

    async def run(self) -> None:
        """Run the tasks. Raises only cancellation, and Unavailable if the message can't be stored."""
        transcript = self.exchange.transcript
        async with self.exchange:
            agent = self._dependencies.agents.get(transcript.message.agent)
            for task in self._tasks:
                call_id = ids.ascending("call")
                await transcript.write(ToolCallStart(call_id, TASK))
                await transcript.write(ToolCallEnd(call_id, _arguments(task), BY_USER))
            await self._execution.run(transcript, agent, [*agent.permission, ALLOW_TASK], None)
            await transcript.finish_step("tool-calls", Tokens(), 0)


def _arguments(task: SubtaskPart) -> str:
    arguments = {
        "description": task.description,
        "prompt": task.prompt,
        "subagent_type": task.agent,
    }
    if task.command:
        arguments["command"] = task.command
    return msgspec.json.encode(arguments).decode()
