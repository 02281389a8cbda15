"""Running the tool calls of one step: side by side, each to its own end."""

import asyncio

import msgspec

from opencode.bus import Bus
from opencode.errors import ToolError
from opencode.schema.agent import Agent
from opencode.schema.base import JsonObject
from opencode.schema.event import TodoUpdated
from opencode.schema.session import PermissionRule, Todo
from opencode.store import Store
from opencode.tool.base import ToolContext
from opencode.tool.registry import Tools

from . import structured
from .permission import decide
from .structured import Answer
from .transcript import Transcript


class StoredTodos:
    """A session's todo list, as tools see it."""

    def __init__(self, store: Store, bus: Bus, session_id: str) -> None:
        self._store = store
        self._bus = bus
        self._session_id = session_id

    async def read(self) -> list[Todo]:
        return await self._store.todos(self._session_id)

    async def write(self, todos: list[Todo]) -> None:
        self._store.put_todos(self._session_id, todos)
        await self._store.commit()
        self._bus.publish(TodoUpdated(session_id=self._session_id, todos=todos))


class ToolExecution:
    """Runs what the model called; every call ends with a result or an error that the model can read."""

    def __init__(self, tools: Tools, store: Store, bus: Bus) -> None:
        self._tools = tools
        self._store = store
        self._bus = bus

    async def run(
        self, transcript: Transcript, agent: Agent, rules: list[PermissionRule], answer: Answer | None
    ) -> None:
        """Run all calls of the step; cancelled with its caller. `answer` takes the one that answers."""
        async with asyncio.TaskGroup() as group:
            for call_id in transcript.calls:
                group.create_task(self._run_one(transcript, call_id, agent, rules, answer))

    async def _run_one(
        self,
        transcript: Transcript,
        call_id: str,
        agent: Agent,
        rules: list[PermissionRule],
        answer: Answer | None,
    ) -> None:
        part, raw = transcript.calls[call_id]

        async def ask(permission: str, patterns: list[str], metadata: JsonObject) -> None:
            for pattern in patterns:
                action = decide(rules, permission, pattern)
                if action != "allow":
                    raise ToolError(
                        f"The user's rules do not allow {permission} of {pattern}. Do without it, or say "
                        "what you would need it for."
                    )

        context = ToolContext(
            session_id=part.session_id,
            message_id=part.message_id,
            call_id=call_id,
            agent=agent.name,
            todos=StoredTodos(self._store, self._bus, part.session_id),
            ask=ask,
        )
        transcript.tool_running(call_id, _shown(raw))
        try:
            if answer is not None and part.tool == structured.TOOL:
                result = answer.take(raw)
            else:
                result = await self._tools.execute(part.tool, raw, context)
        except ToolError as error:
            await transcript.tool_failed(call_id, error)
        else:
            await transcript.tool_completed(call_id, result)


def _shown(raw: str) -> JsonObject:
    """Return a call's input as clients are shown it; input that is no JSON object is shown as it came."""
    try:
        value = msgspec.json.decode(raw or "{}")
    except msgspec.DecodeError:
        return {"invalid": raw}
    return value if isinstance(value, dict) else {"invalid": raw}
