"""A turn: from a prompt to the answer, step by step, until the model has nothing more to do."""

from itertools import takewhile
from weakref import proxy

from opencode import ids
from opencode.clock import now_ms
from opencode.errors import AgentServerError, ModelError
from opencode.schema.base import optional
from opencode.schema.event import EventProperties, MessageUpdated, PartUpdated
from opencode.schema.message import AssistantMessage, MessageWithParts, UserMessage
from opencode.schema.part import CompactionPart, CreatedTime, Part, TextPart, ToolPart
from opencode.schema.session import PermissionRule, StatusBusy

from .compaction import clear_old_output, compaction_of, is_nearly_full, tokens_in_use
from .dependencies import TurnDependencies, TurnSession
from .exchange import Exchange, is_last_step
from .step import Step
from .subtask import Subtasks, subtasks_of
from .summary import Summary
from .tool_execution import ToolExecution

GO_ON = "The conversation so far was condensed to make room. Go on with what was asked."


class Turn:
    """One running turn of a session. Prompts that come meanwhile are added, and answered in further steps."""

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
        # A bound method would hold the turn itself, and each keep the other when it is over.
        self._execution = ToolExecution(dependencies, session, lambda rules: turn._remember(rules))  # noqa: PLW0108
        self._exchange: Exchange | None = None
        self._place = 0
        self._steps: dict[str, int] = {}
        self._origin: dict[str, str] = {}
        self._failed_answers: dict[str, int] = {}
        self._refused = False
        self._condensed = False

    def load(self, history: list[MessageWithParts]) -> None:
        """Take the conversation so far. Prompts that were added already stay at its end."""
        queued = {message.info.id for message in self._history}
        self._history = [each for each in history if each.info.id not in queued] + self._history

    def add(self, message: MessageWithParts) -> None:
        """Queue a prompt: the next step answers it.

        It is the last one, whatever its id says: a client that chose it may have a wrong clock.
        """
        self._history = [known for known in self._history if known.info.id != message.info.id]
        self._history.append(message)

    @property
    def unanswered(self) -> int:
        """How many prompts no finished step has answered."""
        newest = takewhile(lambda message: isinstance(message.info, UserMessage), reversed(self._history))
        return sum(1 for _ in newest)

    @property
    def waiting(self) -> int:
        """How many prompts no step has taken up yet."""
        return len(self._history) - self._place if self._exchange is not None else self.unanswered

    @property
    def failed(self) -> bool:
        """Whether the last answer ended with an error."""
        return bool(self._history) and self._history[-1].failure is not None

    def current(self) -> MessageWithParts | None:
        """Return the message that is being written, as it stands."""
        return self._exchange.transcript.snapshot() if self._exchange is not None else None

    def first_prompt(self) -> MessageWithParts | None:
        """Return what the user said first."""
        return next((message for message in self._history if isinstance(message.info, UserMessage)), None)

    def answer_to(self, message_id: str) -> MessageWithParts | None:
        """Return the last message that answers a prompt, or what went on with it after a compaction."""
        for message in reversed(self._history):
            info = message.info
            if isinstance(info, AssistantMessage) and message_id in (
                info.parent_id,
                self._origin.get(info.parent_id),
            ):
                return message
        return None

    async def run(self) -> None:
        """Answer everything that was asked. Failures end up in messages; only cancellation is raised."""
        self._session.status(StatusBusy())
        while (prompt := self._unanswered()) is not None:
            if compaction_of(prompt) is not None:
                await self._condense(prompt, self._history[: self._history.index(prompt)])
            elif subtasks_of(prompt) and self.answer_to(prompt.info.id) is None:
                await self._carry_out_tasks(prompt)
            elif not await self._make_room(prompt):
                await self._step(prompt)

    async def fail(self, error: ModelError) -> None:
        """Answer the prompts with an error: the turn can't begin."""
        for prompt in [message.info for message in self._history if isinstance(message.info, UserMessage)]:
            exchange = Exchange(self._dependencies, self._session, prompt)
            self._begin(exchange)
            try:
                async with exchange:
                    raise error
            finally:
                self._end()

    def _unanswered(self) -> MessageWithParts | None:
        """Return the last prompt where it still wants an answer, or another step of one."""
        prompt = next(message for message in reversed(self._history) if _asks(message))
        answer = self.answer_to(prompt.info.id)
        if answer is None or not isinstance(answer.info, AssistantMessage):
            return prompt
        return None if self._refused or is_last_step(answer.info) else prompt

    async def _step(self, prompt: MessageWithParts) -> None:
        """Take the next step of a prompt's answer; where it does not fit, make room for it."""
        assert isinstance(prompt.info, UserMessage)
        origin = self._origin.get(prompt.info.id, prompt.info.id)
        number = self._steps[origin] = self._steps.get(origin, 0) + 1
        step = Step(
            self._dependencies,
            self._session,
            self._execution,
            prompt.info,
            number=number,
            rules=self._rules,
            failed_answers=self._failed_answers.get(origin, 0),
            may_overflow=not self._condensed and bool(self._coverable(prompt)),
        )
        fits = True
        self._begin(step.exchange)
        try:
            fits = await step.run(self._history)
        finally:
            self._end(keep=fits)
        self._failed_answers[origin] = step.failed_answers
        self._refused = step.refused
        if fits:
            self._condensed = False
        else:
            await self._compact(prompt, overflow=True)

    async def _carry_out_tasks(self, prompt: MessageWithParts) -> None:
        tasks = Subtasks(self._dependencies, self._session, self._execution, prompt)
        self._begin(tasks.exchange)
        try:
            await tasks.run()
        finally:
            self._end()

    def _begin(self, exchange: Exchange) -> None:
        """Note what is being written, and its place: before the prompts that come meanwhile."""
        self._exchange = exchange
        self._place = len(self._history)

    def _end(self, keep: bool = True) -> None:
        exchange, self._exchange = self._exchange, None
        if keep and exchange is not None:
            self._history.insert(self._place, exchange.transcript.snapshot())

    async def _make_room(self, prompt: MessageWithParts) -> bool:
        """Condense the conversation where it nearly fills the model's context; returns whether it was."""
        assert isinstance(prompt.info, UserMessage)
        used = tokens_in_use(self._history)
        if self._condensed or not used or not self._coverable(prompt):
            return False
        choice = prompt.info.model
        try:
            model = (await self._dependencies.providers.resolve(choice.provider_id, choice.model_id)).model
        except AgentServerError:
            return False  # the step meets the same error, and tells it
        if not is_nearly_full(model, used):
            return False
        cleared, freed = clear_old_output(self._history, model)
        if cleared:
            await self._put(cleared)
        if not is_nearly_full(model, used - freed):
            return False
        await self._compact(prompt, overflow=False)
        return True

    async def _compact(self, prompt: MessageWithParts, overflow: bool) -> None:
        """Have a summary take the conversation's place, and a prompt that was under way go on after it."""
        assert isinstance(prompt.info, UserMessage)
        self._condensed = True
        covered = self._coverable(prompt)
        begun = self.answer_to(prompt.info.id) is not None
        asked = self._follow_up(prompt.info)
        part = CompactionPart(
            id=ids.ascending("prt"),
            session_id=asked.session_id,
            message_id=asked.id,
            auto=True,
            overflow=optional(True if overflow else None),
            tail_start_id=optional(None if begun else prompt.info.id),
        )
        compaction = await self._say(asked, part)
        if await self._condense(compaction, covered) and begun:
            asked = self._follow_up(prompt.info)
            self._origin[asked.id] = self._origin.get(prompt.info.id, prompt.info.id)
            text = TextPart(
                id=ids.ascending("prt"),
                session_id=asked.session_id,
                message_id=asked.id,
                text=GO_ON,
                synthetic=True,
                metadata={"compaction_continue": True},
            )
            await self._say(asked, text)

    async def _condense(self, compaction: MessageWithParts, covered: list[MessageWithParts]) -> bool:
        """Answer what asks for a compaction; returns whether that worked."""
        assert isinstance(compaction.info, UserMessage)
        summary = Summary(self._dependencies, self._session, compaction.info, covered)
        self._begin(summary.exchange)
        try:
            return await summary.run()
        finally:
            self._end()

    def _coverable(self, prompt: MessageWithParts) -> list[MessageWithParts]:
        """Return what a summary may stand for: all, or all before a prompt whose answer has not begun."""
        if self.answer_to(prompt.info.id) is not None:
            return list(self._history)
        return [message for message in self._history if message.info.id < prompt.info.id]

    async def _say(self, info: UserMessage, part: Part) -> MessageWithParts:
        """Add a message to the conversation in the user's name."""
        message = MessageWithParts(info=info, parts=[part])
        unit = self._dependencies.store.unit()
        unit.put_message(info)
        unit.put_part(part)
        events: list[EventProperties] = [
            MessageUpdated(session_id=info.session_id, info=info),
            PartUpdated(session_id=info.session_id, part=part, time=now_ms()),
        ]
        await self._session.commit(unit, events)
        self._history.append(message)
        return message

    async def _put(self, parts: list[ToolPart]) -> None:
        """Store changed parts of earlier messages, then publish them."""
        unit = self._dependencies.store.unit()
        for part in parts:
            unit.put_part(part)
        now = now_ms()
        events = [PartUpdated(session_id=part.session_id, part=part, time=now) for part in parts]
        await self._session.commit(unit, events)

    async def _remember(self, rules: list[PermissionRule]) -> None:
        self._rules = [*self._rules, *rules]
        await self._session.allow(rules)

    def _follow_up(self, prompt: UserMessage) -> UserMessage:
        """Return a message that carries a prompt on, with all its settings."""
        return UserMessage(
            id=self._session.new_message_id(),
            session_id=prompt.session_id,
            time=CreatedTime(created=now_ms()),
            agent=prompt.agent,
            model=prompt.model,
            format=prompt.format,
            system=prompt.system,
            tools=prompt.tools,
        )


def _asks(message: MessageWithParts) -> bool:
    """Tell whether the user says something here; the loop's own compactions want no answer."""
    if not isinstance(message.info, UserMessage):
        return False
    compaction = compaction_of(message)
    return compaction is None or not compaction.auto
