"""Giving a task to another agent, which works on it in a session of its own and answers once."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from opencode.errors import ToolError

from .base import Task, Tool, ToolContext, ToolResult

TASK = "task"


class TaskArgs(msgspec.Struct, frozen=True):
    description: Annotated[str, Meta(description="The task in three to five words.")]
    prompt: Annotated[
        str,
        Meta(
            description="The whole task. The agent knows nothing of this conversation: tell it everything it "
            "needs, and what its answer is to hold."
        ),
    ]
    subagent_type: Annotated[str, Meta(description="The agent's name.")]
    task_id: Annotated[
        str | None, Meta(description="Only to go on with an earlier task: the id its result gave.")
    ] = None


class RunTask(Tool[TaskArgs]):
    """`agents`: names and descriptions of those that may be given a task."""

    name = TASK
    input_type = TaskArgs
    timeout = 3600.0

    def __init__(self, agents: Sequence[tuple[str, str]]) -> None:
        listed = "\n".join(f"- {name}: {description}" for name, description in agents)
        self.description = (
            "Give a task to another agent, which works on it by itself and answers once. Use it for work "
            "that takes many steps and whose details you don't need, such as wide searches; several tasks "
            "that don't depend on each other go into one message, and are done at the same time. Not for "
            f"what a call or two of your own can do.\n\nAgents:\n{listed}"
        )

    async def run(self, args: TaskArgs, context: ToolContext) -> ToolResult:
        if not args.prompt.strip():
            raise ToolError("prompt is empty. Say what the agent is to do.")
        await context.ask(TASK, [args.subagent_type], {"description": args.description})
        task = Task(
            agent=args.subagent_type,
            description=args.description.strip() or args.subagent_type,
            prompt=args.prompt,
            session_id=args.task_id,
        )

        def started(session_id: str) -> None:
            context.progress(task.description, {"sessionId": session_id})

        answer = await context.delegate(task, started)
        return ToolResult(
            output=f"{answer.text}\n\n[task_id: {answer.session_id}, to go on with this task]",
            title=task.description,
            metadata={"sessionId": answer.session_id},
        )
