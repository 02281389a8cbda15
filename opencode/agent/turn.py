"""A turn: from a prompt to the answer, step by step, until the model has nothing more to do."""

import asyncio
import logging
from contextlib import aclosing
from typing import Protocol

import msgspec
from msgspec import UNSET

from opencode import ids
from opencode.bus import Bus
from opencode.clock import now_ms
from opencode.errors import (
    ContentFiltered,
    ModelAPIError,
    ModelError,
    OutputTooLong,
    RequestError,
    StructuredOutputFailed,
    TurnAborted,
)
from opencode.provider.base import Finish, ModelRequest, ToolDefinition, merge_options
from opencode.provider.cost import cost_usd
from opencode.provider.registry import Registry, Resolved
from opencode.schema.agent import Agent
from opencode.schema.base import given
from opencode.schema.message import (
    AssistantMessage,
    JsonSchemaFormat,
    MessagePath,
    MessageTime,
    MessageWithParts,
    UserMessage,
)
from opencode.schema.part import TextPart, Tokens
from opencode.schema.session import PermissionRule, SessionStatus, StatusBusy, StatusRetry
from opencode.store import Store
from opencode.tool.registry import Tools

from . import structured
from .agents import DEFAULT_STEPS, Agents
from .asks import Asks
from .context import system_prompt, turns
from .permission import hidden, tool_rules
from .retry import RetryPolicy
from .tool_execution import ToolExecution
from .transcript import Transcript

LAST_STEP = (
    "This is the last step that you may take, and tools are no longer at hand. Say what you have found or "
    "done so far, what is left, and how to go on."
)

log = logging.getLogger(__name__)


class Workshop(msgspec.Struct, frozen=True, kw_only=True):
    """What every turn works with."""

    store: Store
    bus: Bus
    providers: Registry
    tools: Tools
    agents: Agents
    asks: Asks
    instructions: tuple[str, ...] = ()
    directory: str = "/"
    retry: RetryPolicy = RetryPolicy()


class TurnListener(Protocol):
    """Hears how a turn goes, on behalf of its session."""

    def status(self, status: SessionStatus) -> None:
        """The turn is busy, or waits before it asks the model again."""

    def charge(self, cost: float, tokens: Tokens) -> None:
        """A step cost so many USD and tokens; note it, for it is about to be stored."""

    def allowed(self, rules: list[PermissionRule]) -> None:
        """The user allowed something for good; note it."""

    def answering(self) -> None:
        """The model has begun to answer."""

    def stepped(self) -> None:
        """The step is stored."""


class Turn:
    """One running turn of a session. Prompts that come meanwhile are added, and answered in further steps."""

    def __init__(
        self,
        workshop: Workshop,
        session_id: str,
        history: list[MessageWithParts],
        rules: list[PermissionRule],
        listener: TurnListener,
    ) -> None:
        self._workshop = workshop
        self._session_id = session_id
        self._history = history
        self._rules = rules
        self._listener = listener
        self._execution = ToolExecution(
            workshop.tools, workshop.store, workshop.bus, workshop.asks, self._remember
        )
        self._transcript: Transcript | None = None
        self._failed_answers = 0
        self._answering = False

    def add(self, message: MessageWithParts) -> None:
        """Queue a prompt: the next step answers it."""
        if all(known.info.id != message.info.id for known in self._history):
            self._history.append(message)

    def current(self) -> MessageWithParts | None:
        """Return the message that is being written, as it stands."""
        return self._transcript.snapshot() if self._transcript is not None else None

    def first_prompt(self) -> MessageWithParts | None:
        """Return what the user said first."""
        return next((message for message in self._history if isinstance(message.info, UserMessage)), None)

    def answer_to(self, message_id: str) -> MessageWithParts | None:
        """Return the last message that answers a prompt."""
        for message in reversed(self._history):
            if isinstance(message.info, AssistantMessage) and message.info.parent_id == message_id:
                return message
        return None

    async def run(self) -> None:
        """Answer everything that was asked. Failures end up in messages; only cancellation is raised."""
        self._listener.status(StatusBusy())
        steps: dict[str, int] = {}
        while (prompt := self._unanswered()) is not None:
            number = steps[prompt.id] = steps.get(prompt.id, 0) + 1
            await self._step(prompt, number)

    def _unanswered(self) -> UserMessage | None:
        """Return the last prompt where it still wants an answer, or another step of one."""
        prompt = next(
            message.info for message in reversed(self._history) if isinstance(message.info, UserMessage)
        )
        answer = self.answer_to(prompt.id)
        if answer is None or not isinstance(answer.info, AssistantMessage):
            return prompt
        done = answer.info.error is not UNSET or answer.info.finish not in ("tool-calls", "pause")
        return None if done else prompt

    async def _step(self, prompt: UserMessage, number: int) -> None:
        message = self._new_message(prompt)
        transcript = self._transcript = Transcript(self._workshop.store, self._workshop.bus, message)
        transcript.open()
        try:
            agent = self._workshop.agents.get(prompt.agent)
            resolved = await self._workshop.providers.resolve(prompt.model.provider_id, prompt.model.model_id)
            request = self._request(prompt, agent, resolved, number)
            finish = await self._ask(transcript, resolved, request)
            await self._resolve_step(transcript, prompt, agent, resolved, finish)
        except asyncio.CancelledError as cancelled:
            await transcript.fail(TurnAborted(cancelled.args[0] if cancelled.args else "Aborted"))
            raise
        except ModelError as error:
            await transcript.fail(error)
        except RequestError as error:
            await transcript.fail(ModelAPIError(error.message, retryable=False))
        except Exception:
            log.exception("a step of session %s failed", self._session_id)
            await transcript.fail(ModelError("The server failed while it answered; its log says why."))
        finally:
            self._history.append(transcript.snapshot())
            self._transcript = None

    def _new_message(self, prompt: UserMessage) -> AssistantMessage:
        directory = self._workshop.directory
        return AssistantMessage(
            id=ids.ascending("msg"),
            session_id=self._session_id,
            time=MessageTime(created=now_ms()),
            parent_id=prompt.id,
            model_id=prompt.model.model_id,
            provider_id=prompt.model.provider_id,
            mode=prompt.agent,
            agent=prompt.agent,
            path=MessagePath(cwd=directory, root=directory),
            cost=0,
            tokens=Tokens(),
            variant=prompt.model.variant,
        )

    def _request(self, prompt: UserMessage, agent: Agent, resolved: Resolved, number: int) -> ModelRequest:
        model = resolved.model
        system = system_prompt(agent, prompt, self._workshop.instructions)
        last = number >= given(agent.steps, DEFAULT_STEPS)
        tools = [] if not model.capabilities.toolcall else self._tool_definitions(prompt, agent)
        answer_as_data = isinstance(prompt.format, JsonSchemaFormat)
        if isinstance(prompt.format, JsonSchemaFormat):
            tools.append(structured.definition(prompt.format))
            system = (*system, structured.INSTRUCTION)
        elif last:
            system = (*system, LAST_STEP)
        variant = given(model.variants, {}).get(given(prompt.model.variant, ""), {})
        return ModelRequest(
            model=model,
            turns=turns(self._history, model),
            system=system,
            tools=tuple(tools),
            tool_choice="required" if answer_as_data else "none" if last else "auto",
            temperature=agent.temperature if agent.temperature is not UNSET else None,
            top_p=agent.top_p if agent.top_p is not UNSET else None,
            options=merge_options(model.options, agent.options, variant),
            session_id=self._session_id,
        )

    def _tool_definitions(self, prompt: UserMessage, agent: Agent) -> list[ToolDefinition]:
        rules = self._rules_for(prompt, agent)
        return [
            ToolDefinition(tool.name, tool.description, tool.parameters())
            for tool in self._workshop.tools.list()
            if not hidden(rules, tool.name)
        ]

    def _remember(self, rules: list[PermissionRule]) -> None:
        self._rules = [*self._rules, *rules]
        self._listener.allowed(rules)

    def _rules_for(self, prompt: UserMessage, agent: Agent) -> list[PermissionRule]:
        return [*agent.permission, *self._rules, *tool_rules(given(prompt.tools, {}))]

    async def _ask(self, transcript: Transcript, resolved: Resolved, request: ModelRequest) -> Finish:
        """Ask the model until it answers whole; raises the ModelError that no further try may cure."""
        attempt = 0
        transcript.start_step()
        while True:
            attempt += 1
            try:
                return await self._stream(transcript, resolved, request)
            except ModelError as error:
                wait = self._workshop.retry.wait(attempt, error)
                if wait is None:
                    raise
                retry = StatusRetry(attempt=attempt, message=error.message, next=now_ms() + int(wait * 1000))
            self._listener.status(retry)
            await asyncio.sleep(wait)
            await transcript.discard()
            self._listener.status(StatusBusy())

    async def _stream(self, transcript: Transcript, resolved: Resolved, request: ModelRequest) -> Finish:
        write = transcript.write
        async with aclosing(resolved.adapter.stream(request)) as events:
            async for event in events:
                if isinstance(event, Finish):
                    return event
                await write(event)
                if not self._answering:
                    self._answering = True
                    self._listener.answering()
        raise ModelAPIError("The provider's answer ended before it was whole.", retryable=True)

    async def _resolve_step(
        self, transcript: Transcript, prompt: UserMessage, agent: Agent, resolved: Resolved, finish: Finish
    ) -> None:
        """Do what the answer asks for, and end the step."""
        cost = cost_usd(resolved.model, finish.tokens)
        self._listener.charge(cost, finish.tokens)
        reason: str = finish.reason
        error: ModelError | None = None
        answer = structured.Answer(prompt.format) if isinstance(prompt.format, JsonSchemaFormat) else None
        if transcript.calls:
            reason = "tool-calls"
            if not await self._execution.run(transcript, agent, self._rules_for(prompt, agent), answer):
                reason = "stop"
        if answer is not None:
            reason, error = self._take_data(transcript, answer, reason)
        elif reason == "content-filter":
            error = ContentFiltered("The model declined to answer this.")
        elif reason == "length" and not any(isinstance(part, TextPart) for part in transcript.parts):
            error = OutputTooLong(
                "The answer met its output limit before it began; ask for less, or choose less effort."
            )
        await transcript.finish_step(reason, finish.tokens, cost, error)
        self._listener.stepped()

    def _take_data(
        self, transcript: Transcript, answer: structured.Answer, reason: str
    ) -> tuple[str, ModelError | None]:
        """Return how a step ends whose answer is to be data: with it, with another try, or with an error."""
        if answer.value is not UNSET:
            transcript.message.structured = answer.value
            return "stop", None
        tried = self._failed_answers + answer.failures
        self._failed_answers = tried
        if reason == "tool-calls" and tried <= answer.retries:
            return reason, None
        message = "The model gave no answer that fits the schema; simplify the schema or try another model."
        return "stop", StructuredOutputFailed(message, retries=tried)
