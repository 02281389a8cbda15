"""A turn: answers prompts step by step until the model is done."""

from itertools import takewhile
from weakref import proxy

from opencode import ids
from opencode.errors import AgentServerError, ModelError
from opencode.schema.base import JsonObject, optional
from opencode.schema.message import AssistantMessage, MessageWithParts, UserMessage
from opencode.schema.part import CompactionPart, TextPart
from opencode.schema.provider import Model
from opencode.schema.session import PermissionRule, StatusBusy

from .compaction import compaction_of, is_nearly_full, old_output, tokens_in_use
from .dependencies import TurnDependencies, TurnSession
from .exchange import Exchange, is_last_step
from .own_messages import add_user_message, clear_output, follow_up, is_follow_up
from .progress import Progress
from .recovery import has_content, is_cut, is_unfinished
from .resumed_step import ResumedStep
from .step import Step
from .subtask import Subtasks, subtasks_of
from .summary import Summary
from .tool_execution import ToolExecution

CONTINUE = "The conversation so far was summarized to free context. Continue with the user's request."

RESUMED = (
    "The server stopped while you were writing the answer above, and has started again. Go on where it ends, "
    "and don't repeat what it says. A tool call that was interrupted may or may not have had its effect."
)


class Turn:
    """One running turn of a session. Prompts that arrive meanwhile are added and answered in later steps."""

    def __init__(
        self,
        dependencies: TurnDependencies,
        rules: list[PermissionRule],
        session: TurnSession,
    ) -> None:
        self._dependencies = dependencies
        self._history: list[MessageWithParts] = []
        self._rules = rules
        self._session = session
        turn = proxy(self)
        # A bound method would make a reference cycle; with the proxy both are freed when the turn ends.
        self._execution = ToolExecution(dependencies, session, lambda rules: turn._remember(rules))  # noqa: PLW0108
        self._exchange: Exchange | None = None
        self._insert_at = 0
        self._progress: dict[str, Progress] = {}
        self._origin: dict[str, str] = {}
        self._refused = False
        self._compacted = False

    def load(self, history: list[MessageWithParts]) -> None:
        """Set the conversation so far. Prompts that were already added stay at its end."""
        queued = {message.info.id for message in self._history}
        self._history = [message for message in history if message.info.id not in queued] + self._history

    def add(self, message: MessageWithParts, before: str = "") -> None:
        """Queue a prompt for the next step.

        It becomes the last message regardless of its id: the client that chose the id may have a wrong clock.
        `before`: the id of the prompt that it precedes if that one still waits.
        """
        self._history = [known for known in self._history if known.info.id != message.info.id]
        waiting = [known.info.id for known in self._queued()]
        place = len(self._history) - len(waiting) + waiting.index(before) if before in waiting else None
        self._history.insert(len(self._history) if place is None else place, message)

    def is_queued(self, message_id: str) -> bool:
        """Return whether a prompt waits behind the message that is being written."""
        return any(known.info.id == message_id for known in self._queued())

    def withdraw(self, message_id: str) -> tuple[MessageWithParts, str] | None:
        """Take back a prompt that no step has begun to answer; None if it is not such a one.

        Returns it and the id of the prompt that waits behind it, "" if none does.
        """
        queued = self._queued()
        place = next((at for at, known in enumerate(queued) if known.info.id == message_id), None)
        if place is None:
            return None
        self._history = [known for known in self._history if known.info.id != message_id]
        return queued[place], queued[place + 1].info.id if place + 1 < len(queued) else ""

    def _queued(self) -> list[MessageWithParts]:
        """Return the prompts that wait behind the message that is being written."""
        return self._history[self._insert_at :] if self._exchange is not None else []

    @property
    def unanswered(self) -> int:
        """The number of prompts that no finished step has answered."""
        newest = takewhile(lambda message: isinstance(message.info, UserMessage), reversed(self._history))
        return sum(1 for _ in newest)

    @property
    def waiting(self) -> int:
        """The number of prompts that no step has started to answer."""
        return len(self._history) - self._insert_at if self._exchange is not None else self.unanswered

    @property
    def failed(self) -> bool:
        """Whether the last answer ended with an error."""
        return bool(self._history) and self._history[-1].failure is not None

    def current(self) -> MessageWithParts | None:
        """Return the message that is being written, with its content so far; None between messages."""
        return self._exchange.transcript.snapshot() if self._exchange is not None else None

    def first_prompt(self) -> MessageWithParts | None:
        """Return the user's first message."""
        return next((message for message in self._history if isinstance(message.info, UserMessage)), None)

    def answer_to(self, message_id: str) -> MessageWithParts | None:
        """Return the last answer to a prompt, or to its continuation after a compaction."""
        for message in reversed(self._history):
            info = message.info
            if isinstance(info, AssistantMessage) and message_id in (
                info.parent_id,
                self._origin.get(info.parent_id),
            ):
                return message
        return None

    async def run(self, resumed: bool = False) -> None:
        """Answer all prompts. Failures are stored in messages.

        `resumed`: the server's stop cut the turn, and the conversation may end in the middle of an answer.
        Raises only cancellation, Unavailable if a message can't be stored, and NotFound if the session was
        deleted.
        """
        self._session.status(StatusBusy())
        if resumed:
            self._restore()
            await self._go_on()
        while (prompt := self._next_prompt()) is not None:
            if compaction_of(prompt) is not None:
                await self._summarize(prompt, self._history[: self._history.index(prompt)])
            elif subtasks_of(prompt) and self.answer_to(prompt.info.id) is None:
                await self._run_subtasks(prompt)
            elif not await self._compact_if_needed(prompt):
                await self._take_step(prompt)

    async def fail(self, prompts: list[UserMessage], error: ModelError) -> None:
        """Answer those of the prompts with an error that need an answer or another step."""
        for prompt in prompts:
            answer = self.answer_to(prompt.id)
            if answer is not None and isinstance(answer.info, AssistantMessage) and is_last_step(answer.info):
                continue
            exchange = Exchange(self._dependencies, self._session, prompt)
            self._begin(exchange)
            try:
                async with exchange:
                    raise error
            finally:
                self._end()

    def _restore(self) -> None:
        """Find out from the conversation what is only in memory while a turn runs."""
        origin = ""
        for message in self._history:
            if isinstance(message.info, AssistantMessage):
                prompt = self._origin.get(message.info.parent_id, message.info.parent_id)
                self._progress.setdefault(prompt, Progress()).steps += 1
            elif is_follow_up(message) and origin:
                self._origin[message.info.id] = origin
            elif _is_prompt(message):
                origin = message.info.id

    async def _go_on(self) -> None:
        """Go on with the answer that was cut, if one was."""
        self._history = [known for known in self._history if has_content(known) or not is_cut(known)]
        newest_first = reversed(self._history)
        cut = next((known for known in newest_first if isinstance(known.info, AssistantMessage)), None)
        if cut is None or not isinstance(cut.info, AssistantMessage) or not is_cut(cut):
            return
        parent = cut.info.parent_id
        request = next(message for message in self._history if message.info.id == parent)
        if is_unfinished(cut):
            await self._finish_calls(cut, request)
        elif (compaction := compaction_of(request)) is not None:  # the summary is written again
            self._forget(cut)
            if compaction.auto:
                self._forget(request)
        elif self._next_prompt() is None:  # else a later prompt waits, and is answered from all that is there
            await self._follow(request, RESUMED, {"resumed": True})

    def _forget(self, message: MessageWithParts) -> None:
        """Go on as if a message of the conversation were not there."""
        self._history.remove(message)

    async def _finish_calls(self, cut: MessageWithParts, request: MessageWithParts) -> None:
        """End the step of an answer that was complete but for its tool calls."""
        prompt = request.info
        assert isinstance(prompt, UserMessage)
        place = self._history.index(cut)
        self._history.remove(cut)
        step = ResumedStep(self._dependencies, self._session, self._execution, prompt, cut, self._rules)
        self._begin(step.exchange)
        self._insert_at = place
        try:
            await step.run()
        finally:
            self._end()
        self._refused = step.refused

    def _next_prompt(self) -> MessageWithParts | None:
        """Return the last prompt if it needs an answer or another step, else None."""
        prompt = next(message for message in reversed(self._history) if _is_prompt(message))
        answer = self.answer_to(prompt.info.id)
        if answer is None or not isinstance(answer.info, AssistantMessage):
            return prompt
        return None if self._refused or is_last_step(answer.info) else prompt

    async def _take_step(self, prompt: MessageWithParts) -> None:
        """Take the next step of a prompt's answer; compact the conversation if it exceeds the context."""
        assert isinstance(prompt.info, UserMessage)
        origin = self._origin.get(prompt.info.id, prompt.info.id)
        progress = self._progress.setdefault(origin, Progress())
        progress.steps += 1
        step = Step(
            self._dependencies,
            self._session,
            self._execution,
            prompt.info,
            progress=progress,
            rules=self._rules,
            may_overflow=not self._compacted and bool(self._summarizable(prompt)),
        )
        fits = True
        self._begin(step.exchange)
        try:
            fits = await step.run(self._history)
        finally:
            self._end(keep=fits)
        self._refused = step.refused
        if not fits:
            await self._compact(prompt, overflow=True)
            return
        # A summary that did not help is not followed by another one.
        self._compacted = self._compacted and await self._is_nearly_full(prompt)
        if step.follow_up:
            await self._follow(prompt, step.follow_up, {"structured_retry": True})

    async def _run_subtasks(self, prompt: MessageWithParts) -> None:
        subtasks = Subtasks(self._dependencies, self._session, self._execution, prompt)
        self._begin(subtasks.exchange)
        try:
            await subtasks.run()
        finally:
            self._end()

    def _begin(self, exchange: Exchange) -> None:
        """Record the exchange and where its message belongs: before the prompts that arrive meanwhile."""
        self._exchange = exchange
        self._insert_at = len(self._history)

    def _end(self, keep: bool = True) -> None:
        exchange, self._exchange = self._exchange, None
        if keep and exchange is not None:
            self._history.insert(self._insert_at, exchange.transcript.snapshot())

    async def _compact_if_needed(self, prompt: MessageWithParts) -> bool:
        """Compact the conversation if it nearly fills the model's context; return whether it was compacted.

        If clearing old tool output frees enough, nothing else is done.
        """
        assert isinstance(prompt.info, UserMessage)
        used = tokens_in_use(self._history)
        if self._compacted or not used or not self._summarizable(prompt):
            return False
        model = await self._model(prompt.info)
        if model is None or not is_nearly_full(model, used):
            return False
        old, freed = old_output(self._history, model)
        if old:
            await clear_output(self._dependencies, self._session, old)
        if not is_nearly_full(model, used - freed):
            return False
        await self._compact(prompt, overflow=False)
        return True

    async def _is_nearly_full(self, prompt: MessageWithParts) -> bool:
        assert isinstance(prompt.info, UserMessage)
        model = await self._model(prompt.info)
        return model is not None and is_nearly_full(model, tokens_in_use(self._history))

    async def _model(self, prompt: UserMessage) -> Model | None:
        """Return the model of a prompt; None if it can't be used: the step gets that error and stores it."""
        choice = prompt.model
        try:
            return (await self._dependencies.providers.resolve(choice.provider_id, choice.model_id)).model
        except AgentServerError:
            return None

    async def _compact(self, prompt: MessageWithParts, overflow: bool) -> None:
        """Replace the conversation by a summary, then continue the prompt if its answer had begun."""
        assert isinstance(prompt.info, UserMessage)
        self._compacted = True
        covered = self._summarizable(prompt)
        begun = self.answer_to(prompt.info.id) is not None
        request = follow_up(self._session, prompt.info)
        part = CompactionPart(
            id=ids.ascending("prt"),
            session_id=request.session_id,
            message_id=request.id,
            auto=True,
            overflow=optional(True if overflow else None),
            tail_start_id=optional(None if begun else prompt.info.id),
        )
        compaction = await add_user_message(self._dependencies, self._session, request, part)
        self._history.append(compaction)
        if await self._summarize(compaction, covered) and begun:
            await self._follow(prompt, CONTINUE, {"compaction_continue": True})

    async def _follow(self, prompt: MessageWithParts, text: str, metadata: JsonObject) -> None:
        """Add a message of the server's own to the conversation, whose answer is the prompt's."""
        assert isinstance(prompt.info, UserMessage)
        info = follow_up(self._session, prompt.info)
        self._origin[info.id] = self._origin.get(prompt.info.id, prompt.info.id)
        part = TextPart(
            id=ids.ascending("prt"),
            session_id=info.session_id,
            message_id=info.id,
            text=text,
            synthetic=True,
            metadata=metadata,
        )
        self._history.append(await add_user_message(self._dependencies, self._session, info, part))

    async def _summarize(self, compaction: MessageWithParts, covered: list[MessageWithParts]) -> bool:
        """Answer a compaction request with a summary; return whether that succeeded."""
        assert isinstance(compaction.info, UserMessage)
        summary = Summary(self._dependencies, self._session, compaction.info, covered)
        self._begin(summary.exchange)
        try:
            return await summary.run()
        finally:
            self._end()

    def _summarizable(self, prompt: MessageWithParts) -> list[MessageWithParts]:
        """Return the messages that a summary may replace: all, or those before an unanswered prompt."""
        if self.answer_to(prompt.info.id) is not None:
            return list(self._history)
        return self._history[: self._history.index(prompt)]

    async def _remember(self, rules: list[PermissionRule]) -> None:
        self._rules = [*self._rules, *rules]
        await self._session.allow(rules)


def _is_prompt(message: MessageWithParts) -> bool:
    """Return whether a message is to be answered; automatic compactions are not."""
    if not isinstance(message.info, UserMessage):
        return False
    compaction = compaction_of(message)
    return compaction is None or not compaction.auto
