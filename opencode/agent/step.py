"""A step of a turn: one model request and the tool calls in its answer."""

from collections.abc import Iterable

from msgspec import UNSET

from opencode.errors import (
    ContentFiltered,
    ContextOverflow,
    ModelAPIError,
    ModelError,
    OutputTooLong,
    StructuredOutputFailed,
)
from opencode.provider.base import Finish, ModelRequest, ToolDefinition, merge_options
from opencode.provider.cost import cost_usd
from opencode.provider.registry import Resolved
from opencode.provider.wire.attachment_errors import may_refuse_attachment
from opencode.schema.agent import Agent
from opencode.schema.base import given
from opencode.schema.message import JsonSchemaFormat, MessageWithParts, UserMessage
from opencode.schema.part import TextPart
from opencode.schema.session import PermissionRule

from . import structured
from .agents import DEFAULT_STEPS
from .context import system_prompt, turns
from .dependencies import TurnDependencies, TurnSession
from .exchange import Exchange
from .files import has_files
from .permission import is_hidden, tool_rules
from .tool_execution import ToolExecution

LAST_STEP = (
    "This is your last step, and tools are no longer available. Summarize what you have found or done so "
    "far, what remains, and how to continue."
)

OUT_OF_STEPS = (
    "The model still called tools in the last of the {steps} steps of this turn. Send another prompt to "
    "continue, or raise the agent's steps."
)

MAX_REFUSALS = 2
"""Requests for one answer that the provider may refuse for their files."""

TOO_LONG = "Start a new session, send less, or choose a model with a larger context."


class Step:
    """One step. `number` counts the steps that answer `prompt`, from 1.

    `failed_answers`: the number of structured answers to the prompt that did not match the schema.
    `may_overflow`: if the conversation exceeds the model's context, the message is removed and `run` returns
    False; otherwise the message ends with that error. `refused`: the user refused a tool call, which ends the
    turn.
    """

    def __init__(
        self,
        dependencies: TurnDependencies,
        session: TurnSession,
        execution: ToolExecution,
        prompt: UserMessage,
        *,
        number: int,
        rules: list[PermissionRule],
        failed_answers: int,
        may_overflow: bool,
    ) -> None:
        self._dependencies = dependencies
        self._session = session
        self._execution = execution
        self._prompt = prompt
        self._number = number
        self._rules = rules
        self._may_overflow = may_overflow
        self.failed_answers = failed_answers
        self.refused = False
        self.exchange = Exchange(dependencies, session, prompt)

    async def run(self, history: Iterable[MessageWithParts]) -> bool:
        """Take the step; return whether the conversation fits in the context.

        Raises only cancellation, and Unavailable if the message can't be stored.
        """
        prompt = self._prompt
        transcript = self.exchange.transcript
        async with self.exchange:
            agent = self._dependencies.agents.get(prompt.agent)
            resolved = await self._dependencies.providers.resolve(
                prompt.model.provider_id, prompt.model.model_id
            )
            await self._dependencies.tools.ready()
            try:
                finish = await self._ask(list(history), agent, resolved)
            except ContextOverflow as error:
                if not self._may_overflow:
                    raise ContextOverflow(f"{error.message.rstrip('.')}. {TOO_LONG}", error.body) from None
                await transcript.withdraw()
                return False
            await self._resolve(agent, resolved, finish)
        return True

    async def _ask(self, history: list[MessageWithParts], agent: Agent, resolved: Resolved) -> Finish:
        """Ask the model, again without files if the provider may have refused one; raises ModelError.

        First the files go that are new, then all.
        """
        transcript = self.exchange.transcript
        refusals: list[ModelAPIError] = []
        while True:
            request = self._request(history, agent, resolved, [error.message for error in refusals])
            try:
                finish = await self.exchange.ask(resolved, request)
                break
            except ModelAPIError as error:
                if (
                    len(refusals) == MAX_REFUSALS
                    or not has_files(request)
                    or not may_refuse_attachment(error)
                ):
                    raise
                refusals.append(error)
            await transcript.discard()
        for refusal in refusals:
            transcript.retried(refusal)
        return finish

    def _request(
        self, history: list[MessageWithParts], agent: Agent, resolved: Resolved, refusals: list[str]
    ) -> ModelRequest:
        prompt = self._prompt
        model = resolved.model
        last = self._number >= _limit(agent)
        tools = [] if not model.capabilities.toolcall else self._tool_definitions(agent)
        of_tools = self._dependencies.tools.instructions(tool.name for tool in tools)
        system = system_prompt(agent, prompt, (*self._dependencies.instructions, *of_tools))
        answer_as_data = isinstance(prompt.format, JsonSchemaFormat)
        if isinstance(prompt.format, JsonSchemaFormat):
            tools.append(structured.definition(prompt.format))
            system = (*system, structured.INSTRUCTION)
        elif last:
            system = (*system, LAST_STEP)
        variant = given(model.variants, {}).get(given(prompt.model.variant, ""), {})
        return ModelRequest(
            model=model,
            turns=turns(history, model, refusals),
            system=system,
            tools=tuple(tools),
            tool_choice="required" if answer_as_data else "none" if last else "auto",
            temperature=agent.temperature if agent.temperature is not UNSET else None,
            top_p=agent.top_p if agent.top_p is not UNSET else None,
            options=merge_options(model.options, agent.options, variant),
            session_id=prompt.session_id,
        )

    def _tool_definitions(self, agent: Agent) -> list[ToolDefinition]:
        rules = effective_rules(agent, self._rules, self._prompt)
        return [
            ToolDefinition(tool.name, tool.description, tool.parameters())
            for tool in self._dependencies.tools.list()
            if not is_hidden(rules, tool.name)
        ]

    async def _resolve(self, agent: Agent, resolved: Resolved, finish: Finish) -> None:
        """Run the answer's tool calls and end the step."""
        transcript = self.exchange.transcript
        form = self._prompt.format
        cost = cost_usd(resolved.model, finish.tokens)
        reason: str = finish.reason
        error: ModelError | None = None
        answer = structured.Answer(form) if isinstance(form, JsonSchemaFormat) else None
        if transcript.calls:
            reason = "tool-calls"
            rules = effective_rules(agent, self._rules, self._prompt)
            self.refused = not await self._execution.run(transcript, agent, rules, answer)
            if not self.refused and self._number >= _limit(agent):
                # Some models call tools although tool_choice is "none".
                reason, error = "stop", ModelError(OUT_OF_STEPS.format(steps=_limit(agent)))
        if answer is not None:
            reason, error = self._resolve_structured(answer, reason)
        elif reason == "content-filter":
            error = ContentFiltered("The model declined to answer this.")
        elif reason == "length" and not any(isinstance(part, TextPart) for part in transcript.parts):
            error = OutputTooLong(
                "The model reached its output limit before it wrote any text; ask for less, or choose a "
                "variant with less reasoning effort."
            )
        await transcript.finish_step(reason, finish.tokens, cost, error)

    def _resolve_structured(self, answer: structured.Answer, reason: str) -> tuple[str, ModelError | None]:
        """Return the finish reason and error of a step with a structured answer; store a valid answer."""
        if answer.value is not UNSET:
            self.exchange.transcript.message.structured = answer.value
            return "stop", None
        self.failed_answers += answer.failures
        if reason == "tool-calls" and not self.refused and self.failed_answers <= answer.retries:
            return reason, None
        message = (
            "The model gave no answer that matches the schema; simplify the schema or try another model."
        )
        return "stop", StructuredOutputFailed(message, retries=self.failed_answers)


def _limit(agent: Agent) -> int:
    """Return the maximum number of steps for one prompt."""
    return given(agent.steps, DEFAULT_STEPS)


def effective_rules(agent: Agent, session: list[PermissionRule], prompt: UserMessage) -> list[PermissionRule]:
    """Return the rules for a prompt in ascending precedence: the agent's, the session's, the prompt's."""
    return [*agent.permission, *session, *tool_rules(given(prompt.tools, {}))]
