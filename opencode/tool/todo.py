"""The todo tools: a model plans several steps, and people see its progress."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from opencode.errors import ToolError
from opencode.schema.base import encode
from opencode.schema.session import Todo

from .base import Tool, ToolContext, ToolResult

Status = Literal["pending", "in_progress", "completed", "cancelled"]
Priority = Literal["high", "medium", "low"]


class TodoItem(msgspec.Struct, frozen=True):
    content: Annotated[str, Meta(description="The step, in a few words.")]
    status: Annotated[Status, Meta(description="Its state; at most one is in_progress.")] = "pending"
    priority: Annotated[Priority, Meta(description="Its priority.")] = "medium"


class TodoWriteArgs(msgspec.Struct, frozen=True):
    todos: Annotated[
        list[TodoItem],
        Meta(description="The whole list, in order; it replaces the one before. [] clears it."),
    ]


class TodoReadArgs(msgspec.Struct, frozen=True):
    """No input."""


class TodoWrite(Tool[TodoWriteArgs]):
    name = "todowrite"
    description = (
        "Write this session's todo list, which the user sees at once. Use it for work of three or more "
        "steps, or when the user gives several tasks; not for a question or a single step. Always send the "
        "whole list: it replaces the one before. Mark a step in_progress before you start on it, one at a "
        "time, completed as soon as it is done, and cancelled if it is no longer needed."
    )
    input_type = TodoWriteArgs
    repeatable = True

    async def run(self, args: TodoWriteArgs, context: ToolContext) -> ToolResult:
        for index, item in enumerate(args.todos):
            if not item.content.strip():
                raise ToolError(f"todos[{index}].content is empty. Describe the step, or leave it out.")
        await context.ask("todowrite", ["*"], {})
        todos = [
            Todo(content=item.content, status=item.status, priority=item.priority) for item in args.todos
        ]
        await context.todos.write(todos)
        return _listed(todos)


class TodoRead(Tool[TodoReadArgs]):
    name = "todoread"
    description = (
        "Read this session's todo list. Use it when you are not sure what is left to do, for instance after "
        "a long stretch of work; todowrite already answers with the list that it wrote."
    )
    input_type = TodoReadArgs
    repeatable = True

    async def run(self, args: TodoReadArgs, context: ToolContext) -> ToolResult:
        await context.ask("todoread", ["*"], {})
        return _listed(await context.todos.read())


def _listed(todos: list[Todo]) -> ToolResult:
    """Return the list as opencode's todo tools do: the title counts what is not completed."""
    left = sum(todo.status != "completed" for todo in todos)
    return ToolResult(
        output=msgspec.json.format(encode(todos), indent=2).decode(),
        title=f"{left} todos",
        metadata={"todos": msgspec.to_builtins(todos)},
    )
