"""Tasks that the user, not the model, gives to another agent: parts of a prompt, or a command's."""

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
"""Marks a call that no model made: models are told of it as text, for their own calls look different."""

ALLOWED = PermissionRule(permission=TASK, pattern="*", action="allow")


def subtasks_of(message: MessageWithParts) -> list[SubtaskPart]:
    """Return the tasks that a prompt gives to other agents."""
    return [part for part in message.parts if isinstance(part, SubtaskPart)]


def outcome(part: ToolPart) -> str | None:
    """Return what to tell a model of a task that the user gave, None where the call was the model's own."""
    if part.metadata != BY_USER:
        return None
    state = part.state
    if isinstance(state, ToolStateCompleted):
        return f"The task was carried out, with this result:\n\n{state.output}"
    reason = state.error if isinstance(state, ToolStateError) else "it was interrupted."
    return f"The task was not carried out: {reason}"


class Subtasks:
    """The step that has other agents carry out a prompt's tasks, as calls of the task tool."""

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
        """Have the tasks carried out. Only cancellation is raised."""
        transcript = self.exchange.transcript
        async with self.exchange:
            agent = self._dependencies.agents.get(transcript.message.agent)
            for task in self._tasks:
                call_id = ids.ascending("call")
                await transcript.write(ToolCallStart(call_id, TASK))
                await transcript.write(ToolCallEnd(call_id, _arguments(task), BY_USER))
            await self._execution.run(transcript, agent, [*agent.permission, ALLOWED], None)
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
