"""The rest of a step whose tool calls the server's stop interrupted: those are made again that do no harm."""

import asyncio

from opencode.errors import ToolError
from opencode.schema.base import given
from opencode.schema.message import MessageWithParts, UserMessage
from opencode.schema.part import Tokens, ToolPart, ToolStateRunning
from opencode.schema.session import PermissionRule
from opencode.tool.task import TASK, task_answered

from .dependencies import TurnDependencies, TurnSession
from .exchange import Exchange
from .step import effective_rules
from .tool_execution import ToolExecution

MAY_HAVE_RUN = (
    "The server stopped while this call was running. It may or may not have had its effect: find out before "
    "you call it again."
)


class ResumedStep:
    """Ends the step of `cut`, an answer to `prompt` that was complete but for its tool calls.

    Tasks are waited for, since their sessions go on too. `refused`: the user refused a call, which ends the
    turn.
    """

    def __init__(
        self,
        dependencies: TurnDependencies,
        session: TurnSession,
        execution: ToolExecution,
        prompt: UserMessage,
        cut: MessageWithParts,
        rules: list[PermissionRule],
    ) -> None:
        self._dependencies = dependencies
        self._session = session
        self._execution = execution
        self._prompt = prompt
        self._rules = rules
        self.refused = False
        self.exchange = Exchange(dependencies, session, prompt, cut=cut)

    async def run(self) -> None:
        """Raises only cancellation, and Unavailable if the message can't be stored."""
        transcript = self.exchange.transcript
        async with self.exchange:
            agent = self._dependencies.agents.get(transcript.message.agent)
            await self._dependencies.tools.ready()
            parts = {call_id: call.part for call_id, call in transcript.calls.items()}
            tasks = {call_id: child for call_id, part in parts.items() if (child := _task_session(part))}
            again = [
                call_id
                for call_id, part in parts.items()
                if call_id not in tasks and self._dependencies.tools.is_repeatable(part.tool)
            ]
            rules = effective_rules(agent, self._rules, self._prompt)
            async with asyncio.TaskGroup() as group:
                for call_id in parts.keys() - tasks.keys() - set(again):
                    group.create_task(transcript.tool_failed(call_id, ToolError(MAY_HAVE_RUN)))
                for call_id, child in tasks.items():
                    group.create_task(self._rejoin(call_id, parts[call_id], child))
                run = group.create_task(
                    self._execution.run(transcript, agent, rules, answer=None, only=again)
                )
            self.refused = not run.result()
            await transcript.finish_step("tool-calls", Tokens(), 0)

    async def _rejoin(self, call_id: str, part: ToolPart, session_id: str) -> None:
        title = given(part.state.title, "") if isinstance(part.state, ToolStateRunning) else ""
        try:
            answer = await self._session.rejoin(session_id)
        except ToolError as error:
            await self.exchange.transcript.tool_failed(call_id, error)
        else:
            await self.exchange.transcript.tool_completed(call_id, task_answered(title, answer))


def _task_session(part: ToolPart) -> str | None:
    """Return the session in which a call's task has begun."""
    if part.tool != TASK or not isinstance(part.state, ToolStateRunning):
        return None
    session_id = given(part.state.metadata, {}).get("sessionId")
    return session_id if isinstance(session_id, str) else None
