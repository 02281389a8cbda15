"""Runs the tool calls of one step concurrently."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from opencode.errors import ToolError, ToolRefused
from opencode.schema.agent import Agent
from opencode.schema.base import JsonObject, encode
from opencode.schema.event import Question, TodoUpdated, ToolReference
from opencode.schema.message import ModelChoice
from opencode.schema.session import PermissionRule, Todo
from opencode.store import Store
from opencode.tool.base import Started, Task, TaskAnswer, ToolContext, Waits
from opencode.tool.registry import ParsedCall

from . import structured
from .dependencies import TurnDependencies, TurnSession
from .permission import always_patterns, decide, is_hidden
from .structured import Answer
from .transcript import Transcript

Remember = Callable[[list[PermissionRule]], Awaitable[None]]
"""Adds rules that apply from now on."""


class StoredTodos:
    """A session's todo list for tools, backed by the store."""

    def __init__(self, store: Store, session: TurnSession, session_id: str) -> None:
        self._store = store
        self._session = session
        self._session_id = session_id

    async def read(self) -> list[Todo]:
        return await self._store.todos(self._session_id)

    async def write(self, todos: list[Todo]) -> None:
        unit = self._store.unit()
        unit.put_todos(self._session_id, todos)
        await self._session.commit(unit, [TodoUpdated(session_id=self._session_id, todos=todos)])


class OutputLimit:
    """The output limit at which an answer was cut. `calls_cut`: the calls whose input it cut.

    `told`: the sentence for the model.
    """

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.calls_cut = 0
        self.told = (
            f"Your answer was cut at {tokens:,} tokens, the output limit, before the input of this call was "
            "complete. Write less in one answer: call it again with shorter input, or in several calls."
        )

    def cuts(self, transcript: Transcript, call_id: str, call: ParsedCall) -> bool:
        """Return whether the limit cut the input of a call, and count it: only the last call can be cut."""
        raw = transcript.calls[call_id].raw
        is_last = call_id == next(reversed(transcript.calls))
        is_cut = raw is None or bool(call.fault) or not raw.strip()
        if is_cut and is_last:
            self.calls_cut += 1
        return is_cut and is_last


class ToolExecution:
    """Runs tool calls; each one ends with a result or an error that the model can read."""

    def __init__(self, dependencies: TurnDependencies, session: TurnSession, remember: Remember) -> None:
        self._dependencies = dependencies
        self._session = session
        self._remember = remember

    async def run(
        self,
        transcript: Transcript,
        agent: Agent,
        rules: list[PermissionRule],
        answer: Answer | None,
        limit: OutputLimit | None = None,
        only: Collection[str] | None = None,
    ) -> bool:
        """Run all calls of the step, or those with the ids `only`; return whether the turn continues.

        It does not if the user refused a call without feedback. `answer` receives the call of the structured
        output tool. `limit`: the output limit that ended the answer, and with it perhaps a call's input.
        Cancelling this cancels the calls.
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._run_one(transcript, call_id, agent, rules, answer, limit))
                    for call_id in transcript.calls
                    if only is None or call_id in only
                ]
        except ExceptionGroup as group_error:
            raise group_error.exceptions[0] from None
        return all(task.result() for task in tasks)

    async def _run_one(
        self,
        transcript: Transcript,
        call_id: str,
        agent: Agent,
        rules: list[PermissionRule],
        answer: Answer | None,
        limit: OutputLimit | None,
    ) -> bool:
        part, raw = transcript.calls[call_id].part, transcript.calls[call_id].raw
        reference = ToolReference(message_id=part.message_id, call_id=call_id)
        waits = Waits()

        async def ask(permission: str, patterns: list[str], metadata: JsonObject) -> None:
            actions = {pattern: decide(rules, permission, pattern) for pattern in patterns}
            for pattern, action in actions.items():
                if action == "deny":
                    raise ToolError(
                        f"The user has specified a rule against {permission} of {pattern}. Continue without "
                        "it, or say why you need it."
                    )
            if "ask" in actions.values():
                with waits.waiting():
                    allowed = await self._dependencies.pending_requests.permit(
                        part.session_id,
                        permission,
                        patterns,
                        always_patterns(rules, permission, patterns),
                        metadata,
                        reference,
                    )
                if allowed:
                    rules.extend(allowed)
                    await self._remember(allowed)

        async def question(questions: list[Question]) -> list[list[str]]:
            with waits.waiting():
                return await self._dependencies.pending_requests.question(
                    part.session_id, questions, reference
                )

        async def delegate(task: Task, started: Started) -> TaskAnswer:
            message = transcript.message
            model = ModelChoice(
                provider_id=message.provider_id, model_id=message.model_id, variant=message.variant
            )
            return await self._session.delegate(task, model, started)

        def progress(title: str, metadata: JsonObject) -> None:
            transcript.tool_progress(call_id, title, metadata)

        context = ToolContext(
            session_id=part.session_id,
            message_id=part.message_id,
            part_id=part.id,
            call_id=call_id,
            agent=agent.name,
            todos=StoredTodos(self._dependencies.store, self._session, part.session_id),
            ask=ask,
            question=question,
            delegate=delegate,
            progress=progress,
            waits=waits,
        )
        tools = self._dependencies.tools
        call = tools.read(
            part.tool, raw or "", {structured.TOOL: answer.schema} if answer is not None else None
        )
        transcript.tool_running(call_id, call.tool, call.input)
        try:
            if limit is not None and limit.cuts(transcript, call_id, call):
                raise ToolError(limit.told)
            if raw is None:
                raise ToolError(f"The input of {call.tool} did not come to its end. Call it again.")
            if answer is not None and call.tool == structured.TOOL:
                answered = raw if call.fault else encode(call.input).decode()
                result = await answer.submit(answered, self._dependencies.schemas)
            elif is_hidden(rules, call.tool):
                raise ToolError(f"The user has specified a rule against {call.tool}. Continue without it.")
            else:
                result = await tools.run(call, context)
        except ToolError as error:
            await transcript.tool_failed(call_id, error)
            return not (isinstance(error, ToolRefused) and error.ends_turn)
        await transcript.tool_completed(call_id, result)
        return True
