"""The question tool: a model asks the user for a decision."""

from typing import Annotated

import msgspec
from msgspec import Meta

from opencode.schema.event import Question

from .base import Tool, ToolContext, ToolResult


class QuestionArgs(msgspec.Struct, frozen=True):
    questions: Annotated[
        list[Question],
        Meta(
            min_length=1,
            max_length=8,
            description="What to ask. `header`: a word or two. `options`: answers to choose from; the user "
            "may give another one too. `multiple`: several may be chosen.",
        ),
    ]


class AskQuestion(Tool[QuestionArgs]):
    name = "question"
    description = (
        "Ask the user one or more questions and wait for the answers. Use it when you can't continue without "
        "a decision or a preference that only the user can give; not for what you can find out yourself. "
        "Offer the likely answers as options."
    )
    input_type = QuestionArgs
    repeatable = True

    async def run(self, args: QuestionArgs, context: ToolContext) -> ToolResult:
        await context.ask("question", ["*"], {})
        answers = await context.question(args.questions)
        pairs = zip(args.questions, answers, strict=True)
        said = ", ".join(f'"{asked.question}"="{", ".join(given) or "no answer"}"' for asked, given in pairs)
        count = len(args.questions)
        return ToolResult(
            output=f"The user has answered: {said}. Continue with the answers in mind.",
            title=f"Asked {count} question{'s' if count > 1 else ''}",
            metadata={"answers": answers, "questions": msgspec.to_builtins(args.questions)},
        )
