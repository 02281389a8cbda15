"""What users say in sessions: prompts, commands, and the wish for a summary."""

import asyncio
from typing import Any

import msgspec

from opencode.agent.dependencies import TurnDependencies
from opencode.clock import now_ms
from opencode.config import Limits
from opencode.errors import BadRequest, Conflict, TurnFailed, Unavailable
from opencode.schema.base import given
from opencode.schema.event import CommandExecuted, MessageUpdated, PartUpdated
from opencode.schema.message import MessageWithParts, ModelChoice, UserMessage
from opencode.schema.prompt import CommandBody, PromptBody, SummarizeBody
from opencode.schema.session import Session, SessionModel

from .admission import Admission
from .cache import SessionCache
from .command import Commands
from .history import History
from .prompt import compaction_message, user_message
from .runner import Runner, RunningTurn
from .whole import whole

UNWATCHED = frozenset({"question", "plan_enter", "plan_exit"})
"""What `opencode run` denies in its sessions, for nobody is there to be asked. With `--attach` it ends with 0
unless its prompt's request fails, so in such a session an answer that failed is a failed request."""


class Prompted(msgspec.Struct, frozen=True):
    """A prompt that was stored. `running` is the turn that answers it; None where no answer was wanted.

    `unwatched`: it is a script's.
    """

    message: MessageWithParts
    running: RunningTurn | None
    unwatched: bool = False

    async def answer(self) -> MessageWithParts:
        """Wait for the end of the turn and return its answer."""
        if self.running is None:
            return self.message
        await self.running.wait()
        return self.running.turn.answer_to(self.message.info.id) or self.message

    def checked(self, answer: MessageWithParts) -> MessageWithParts:
        """Return an answer; raises TurnFailed where it ended with an error and a script waits for it."""
        if self.unwatched and answer.failure:
            raise TurnFailed(answer.failure)
        return answer


class Prompts:
    """How users talk in sessions: what they say is stored, told, and answered. `commands`: theirs by name."""

    def __init__(
        self,
        dependencies: TurnDependencies,
        cache: SessionCache,
        runner: Runner,
        history: History,
        commands: Commands,
        limits: Limits,
    ) -> None:
        self._dependencies = dependencies
        self._store = dependencies.store
        self._bus = dependencies.bus
        self._cache = cache
        self._runner = runner
        self._history = history
        self._limits = limits
        self._admission = Admission(runner, limits)
        self.commands = commands
        self.underway: set[asyncio.Task[Any]] = set()

    @whole
    async def send(self, session_id: str, body: PromptBody) -> Prompted:
        """Store a prompt and have it answered.

        Raises NotFound, BadRequest, BodyTooLarge, Conflict, TooManyRequests or Unavailable, nothing stored.
        """
        session = await self._cache.get(session_id)
        if body.no_reply is True:
            return Prompted(await self._keep(session, body), None)
        with self._admission.reserve(session_id):
            message = await self._keep(session, body)
            return Prompted(message, await self._runner.submit(session, message), _unwatched(session))

    async def summarize(self, session_id: str, body: SummarizeBody) -> None:
        """Have a summary take the place of a conversation, for models; it stays as it is for people.

        Raises NotFound, BadRequest, TooManyRequests, Conflict where a turn runs, and Unavailable where no
        summary was made.
        """
        answer = await (await self._ask_for_summary(session_id, body)).answer()
        if answer.failure:
            raise Unavailable("The model made no summary; the session's last message says why.")

    async def run_command(self, session_id: str, body: CommandBody) -> MessageWithParts:
        """Carry out a command and return the answer; raises as `send` and `Prompted.checked` do."""
        prompted = await self.send(session_id, await self.commands.prompt(body))
        answer = await prompted.answer()
        executed = CommandExecuted(
            session_id=session_id,
            name=body.command,
            arguments=body.arguments,
            message_id=prompted.message.info.id,
        )
        self._bus.publish(executed)
        return prompted.checked(answer)

    @whole
    async def _ask_for_summary(self, session_id: str, body: SummarizeBody) -> Prompted:
        session = await self._cache.get(session_id)
        self._runner.check_at_rest(session_id)
        choice = ModelChoice(provider_id=body.provider_id, model_id=body.model_id)
        await self._dependencies.providers.resolve(choice.provider_id, choice.model_id)
        if not await self._store.messages(session_id, limit=1):
            raise BadRequest("The session has no messages that could be condensed.")
        with self._admission.reserve(session_id):
            message = compaction_message(session, choice, self._dependencies.agents)
            await self._say(session, message, answered=False)
            return Prompted(message, await self._runner.submit(session, message))

    async def _keep(self, session: Session, body: PromptBody) -> MessageWithParts:
        """Store a prompt and tell it."""
        message = await user_message(
            body, session, self._dependencies.agents, self._dependencies.providers, self._limits
        )
        info = message.info
        await self._check_ids(body, message)
        if isinstance(info, UserMessage):
            session.agent = info.agent
            session.model = SessionModel(
                id=info.model.model_id, provider_id=info.model.provider_id, variant=info.model.variant
            )
        await self._say(session, message, answered=body.no_reply is True)
        return message

    async def _say(self, session: Session, message: MessageWithParts, answered: bool) -> None:
        """Store what the user says, then tell it; what was taken back before goes for good.

        `answered`: nothing is owed to it. Raises NotFound and Unavailable; then nothing has been stored.
        """
        if self._runner.closing:
            raise Unavailable("The server is about to stop; send this again in a moment.")
        before = session.revert, session.cost, session.tokens
        unit = self._store.unit()
        events = await self._history.settle(session, unit)
        self._cache.write(session)
        unit.put_message(message.info, answered=answered)
        for part in message.parts:
            unit.put_part(part)
        try:
            await unit.commit()
        except Unavailable:
            session.revert, session.cost, session.tokens = before
            self._cache.write(session)
            raise
        await self._cache.get(session.id)  # raises NotFound where it was deleted meanwhile
        for event in events:
            self._bus.publish(event)
        self._cache.tell(session)
        self._bus.publish(MessageUpdated(session_id=session.id, info=message.info))
        for part in message.parts:
            self._bus.publish(PartUpdated(session_id=session.id, part=part, time=now_ms()))

    async def _check_ids(self, body: PromptBody, message: MessageWithParts) -> None:
        """Raise Conflict where an id that the client chose is taken, in this session or another."""
        own = [part.id for part in given(body.parts, []) if part.id]
        if not body.message_id and not own:
            return
        taken = await self._store.taken([message.info.id], [str(part_id) for part_id in own])
        if message.info.id in taken:
            raise Conflict(
                f"There is a message {message.info.id} already; follow it at "
                f"/session/{message.info.session_id}/event."
            )
        if taken or len(set(own)) < len(own):
            raise Conflict("A part's id is taken: leave the ids of parts out to get new ones.")


def _unwatched(session: Session) -> bool:
    denied = (rule.permission for rule in given(session.permission, []) if rule.action == "deny")
    return UNWATCHED.issubset(denied)
