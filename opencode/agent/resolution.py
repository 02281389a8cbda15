"""What an answer means for its turn: its calls are run; then the turn goes on, or ends and says why."""

from msgspec import UNSET

from opencode.errors import ContentFiltered, ModelError, OutputTooLong, StructuredOutputFailed
from opencode.provider.base import Finish
from opencode.provider.cost import cost_usd
from opencode.provider.registry import Resolved
from opencode.schema.agent import Agent
from opencode.schema.message import JsonSchemaFormat, UserMessage
from opencode.schema.part import TextPart
from opencode.schema.session import PermissionRule

from . import structured
from .dependencies import TurnDependencies
from .exchange import MORE_STEPS
from .permission import may_repeat
from .progress import MAX_CUT_CALLS, MAX_REPEATS, NOTHING_NEW, REPEATED, Progress
from .tool_execution import OutputLimit, ToolExecution
from .transcript import Transcript

OUT_OF_STEPS = (
    "The model was not done after the {steps} steps that one prompt may take. Send another prompt to "
    "continue, or raise the agent's steps."
)

NO_CALLS = (
    "The model announced tool calls and made none. Send the prompt again, or try another model: some servers "
    "lose the calls of some models."
)

CUT_CALLS = (
    "The model's answer was cut at {tokens:,} tokens, its output limit, in the middle of a tool call, "
    "{count} times in a row. Ask for less at once, or raise the model's output limit (limit.output in "
    "opencode.json)."
)

CUT_TEXT = (
    "The model reached its output limit before it wrote any text; ask for less, or choose a variant with "
    "less reasoning effort."
)

NO_DATA = "The model gave no answer that matches the schema; simplify the schema or try another model."


class Resolution:
    """The resolution of one answer to `prompt`. `steps`: the most steps that the prompt may take.

    `refused`: the user refused a call, which ends the turn. `follow_up`: what the model is told before the
    next step, "" if the results of its calls say all.
    """

    def __init__(
        self,
        dependencies: TurnDependencies,
        execution: ToolExecution,
        transcript: Transcript,
        prompt: UserMessage,
        progress: Progress,
        steps: int,
    ) -> None:
        self._dependencies = dependencies
        self._execution = execution
        self._transcript = transcript
        self._form = prompt.format
        self._progress = progress
        self._steps = steps
        self.refused = False
        self.follow_up = ""

    async def run(
        self, agent: Agent, rules: list[PermissionRule], resolved: Resolved, finish: Finish
    ) -> None:
        """Run the answer's calls and end its step."""
        transcript = self._transcript
        limit = _output_limit(resolved, finish)
        answer = structured.Answer(self._form) if isinstance(self._form, JsonSchemaFormat) else None
        reason: str = finish.reason
        error: ModelError | None = None
        if transcript.calls:
            reason = "tool-calls"
            self.refused = not await self._execution.run(transcript, agent, rules, answer, limit)
        elif reason == "tool-calls":
            reason = "stop"
            if answer is None and not self._text():
                error = ModelError(NO_CALLS)
        if reason == "content-filter":
            error = ContentFiltered("The model declined to answer this.")
        elif answer is not None:
            reason, error = await self._structured(answer, reason, limit)
        elif reason == "length" and not self._text():
            error = OutputTooLong(CUT_TEXT)
        if error is None and not self.refused and (reason in MORE_STEPS or self.follow_up):
            error = self._end(limit, may_repeat(rules))
            if error is not None:
                reason, self.follow_up = "stop", ""
        cost = cost_usd(resolved.model, finish.tokens)
        await transcript.finish_step(reason, finish.tokens, cost, error)

    def _text(self) -> str:
        parts = self._transcript.snapshot().parts
        return "".join(part.text for part in parts if isinstance(part, TextPart)).strip()

    async def _structured(
        self, answer: structured.Answer, reason: str, limit: OutputLimit | None
    ) -> tuple[str, ModelError | None]:
        """Return the finish reason and error of a step with a structured answer; store a valid answer."""
        mismatch = None
        if not self._transcript.calls and reason not in MORE_STEPS:
            mismatch = await answer.read_text(self._text(), self._dependencies.schemas)
        if answer.value is not UNSET:
            self._transcript.message.structured = answer.value
            return "stop", None
        self._progress.failed_answers += answer.failures
        if self._progress.failed_answers <= answer.retries and not self.refused:
            if mismatch is not None:
                cut = limit and f"it was cut at {limit.tokens:,} tokens, the output limit"
                self.follow_up = structured.ASK_AGAIN.format(mismatch=cut or mismatch, tool=structured.TOOL)
                return "stop", None
            if reason in MORE_STEPS:
                return reason, None
        return "stop", StructuredOutputFailed(NO_DATA, retries=self._progress.failed_answers)

    def _end(self, limit: OutputLimit | None, repetition_allowed: bool) -> ModelError | None:
        """Return why no further step follows, None if one does."""
        progress = self._progress
        repeats = progress.repeats(self._transcript.snapshot().parts)
        progress.cut_calls = progress.cut_calls + 1 if limit is not None and limit.calls_cut else 0
        if limit is not None and progress.cut_calls >= MAX_CUT_CALLS:
            return OutputTooLong(CUT_CALLS.format(tokens=limit.tokens, count=progress.cut_calls))
        if repeats and not repetition_allowed:
            sentence = REPEATED if self._transcript.calls else NOTHING_NEW
            return ModelError(sentence.format(count=MAX_REPEATS))
        if progress.steps >= self._steps:
            # Some models call tools although tool_choice is "none".
            return ModelError(OUT_OF_STEPS.format(steps=self._steps))
        return None


def _output_limit(resolved: Resolved, finish: Finish) -> OutputLimit | None:
    """Return the output limit at which an answer was cut, None if it was not; some servers do not say so."""
    written = finish.tokens.output + finish.tokens.reasoning
    most = int(resolved.model.limit.output)
    if finish.reason == "length" or (most and written >= most):
        return OutputLimit(written or most)
    return None
