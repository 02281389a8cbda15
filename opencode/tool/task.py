"""The task tool: another agent works on a task in a session of its own and answers once."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from opencode.errors import ToolError

from .base import Task, TaskAnswer, Tool, ToolContext, ToolResult

TASK = "task"


class TaskArgs(msgspec.Struct, frozen=True):
    description: Annotated[str, Meta(description="The task in three to five words.")]
    prompt: Annotated[
        str,
        Meta(
            description="The whole task. The agent does not know this conversation: give it all it needs, "
            "and say what its answer should contain."
        ),
    ]
    subagent_type: Annotated[str, Meta(description="The agent's name.")]
    task_id: Annotated[
        str | None, Meta(description="Only to continue an earlier task: the id from its result.")
    ] = None


class RunTask(Tool[TaskArgs]):
    """`agents`: names and descriptions of the agents that accept tasks."""

    name = TASK
    input_type = TaskArgs
    timeout = 3600.0

    def __init__(self, agents: Sequence[tuple[str, str]]) -> None:
        listed = "\n".join(f"- {name}: {description}" for name, description in agents)
        self.description = (
            "Give a task to another agent, which works on it alone and answers once. Use it for work "
            "that takes many steps and whose details you don't need, such as broad searches; put several "
            "independent tasks into one message to run them in parallel. Don't use it for what one or "
            f"two calls of your own can do.\n\nAgents:\n{listed}"
        )

    async def run(self, args: TaskArgs, context: ToolContext) -> ToolResult:
        if not args.prompt.strip():
            raise ToolError("prompt is empty. Say what the agent should do.")
        await context.ask(TASK, [args.subagent_type], {"description": args.description})
        task = Task(
            agent=args.subagent_type,
            description=args.description.strip() or args.subagent_type,
            prompt=args.prompt,
            session_id=args.task_id,
        )

        def started(session_id: str) -> None:
            context.progress(task.description, {"sessionId": session_id})

        return task_answered(task.description, await context.delegate(task, started))


def task_answered(title: str, answer: TaskAnswer) -> ToolResult:
    """Return the result of a call whose agent has answered."""
    return ToolResult(
        output=f"{answer.text}\n\n[task_id: {answer.session_id}, to continue this task]",
        title=title,
        metadata={"sessionId": answer.session_id},
    )
