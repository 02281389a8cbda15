"""What a tool call is given in tests: a todo list in memory, and a record of what was asked for."""

from typing import Any

from opencode.errors import ToolError
from opencode.schema.event import Question
from opencode.schema.session import Todo
from opencode.tool.base import Started, Task, TaskAnswer, ToolContext, Waits


class Todos:
    def __init__(self, *todos: Todo) -> None:
        self.kept = list(todos)

    async def read(self) -> list[Todo]:
        return self.kept

    async def write(self, todos: list[Todo]) -> None:
        self.kept = todos


class Call:
    """A call's context; `asked` holds the permissions that it asked for, `refuse` turns them down."""

    def __init__(self, *todos: Todo, refuse: bool = False) -> None:
        self.todos = Todos(*todos)
        self.asked: list[tuple[str, list[str], dict[str, Any]]] = []
        self.waits = Waits()
        self._refuse = refuse

    async def _ask(self, permission: str, patterns: list[str], metadata: dict[str, Any]) -> None:
        self.asked.append((permission, patterns, metadata))
        if self._refuse:
            raise ToolError(f"not allowed: {permission}")

    async def _question(self, questions: list[Question]) -> list[list[str]]:
        return [[asked.options[0].label] for asked in questions]

    async def _delegate(self, task: Task, started: Started) -> TaskAnswer:
        started("ses_child")
        return TaskAnswer("ses_child", f"{task.agent} did it")

    @property
    def context(self) -> ToolContext:
        return ToolContext(
            session_id="ses_1",
            message_id="msg_1",
            part_id="prt_1",
            call_id="call_1",
            agent="build",
            todos=self.todos,
            ask=self._ask,
            question=self._question,
            delegate=self._delegate,
            progress=lambda title, metadata: None,
            waits=self.waits,
        )
