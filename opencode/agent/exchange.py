"""One exchange with a model: opens an assistant message, streams the model's answer into it, closes it."""

import asyncio
import logging
from contextlib import aclosing
from types import TracebackType

from msgspec import UNSET

from opencode import observe
from opencode.clock import now_ms
from opencode.errors import ModelAPIError, ModelError, RequestError, TurnAborted
from opencode.provider.base import Finish, ModelRequest
from opencode.provider.cost import cost_usd
from opencode.provider.registry import Resolved
from opencode.schema.base import given, optional
from opencode.schema.message import (
    AssistantMessage,
    MessagePath,
    MessageTime,
    MessageWithParts,
    UserMessage,
)
from opencode.schema.part import Tokens
from opencode.schema.provider import Model
from opencode.schema.session import StatusBusy, StatusRetry

from .dependencies import TurnDependencies, TurnSession
from .transcript import Transcript

HANDED_OVER = "handed over"
"""Why a turn is cancelled whose answer goes on after the server's next start."""

MORE_STEPS = ("tool-calls", "pause")
"""The finish reasons after which a further step follows."""

log = logging.getLogger(__name__)


class Exchange:
    """An async context manager around one answer. An error in the block ends the message with that error.

    Cancellation is re-raised; other errors are not, but Unavailable is raised if the message can't be stored.
    `summary_by`: the agent that summarizes the conversation, if this is a summary. `cut`: an answer to go on
    with, instead of a new one.
    """

    def __init__(
        self,
        dependencies: TurnDependencies,
        session: TurnSession,
        prompt: UserMessage,
        summary_by: str | None = None,
        cut: MessageWithParts | None = None,
    ) -> None:
        self._dependencies = dependencies
        self._session = session
        self._cut = cut
        if cut is not None and isinstance(cut.info, AssistantMessage):
            message = cut.info
        else:
            message_id = session.new_message_id()
            message = new_answer(prompt, message_id, summary_by or prompt.agent, dependencies.directory)
            message.summary = optional(True if summary_by else None)
        self.transcript = Transcript(dependencies.store, dependencies.bus, session, message)
        self._purpose: observe.Purpose = "summary" if summary_by else "answer"
        self._work = observe.Step(provider=message.provider_id, model=message.model_id, agent=prompt.agent)
        self._watch = observe.watch(self._work)

    async def __aenter__(self) -> "Exchange":
        self._watch.__enter__()
        if self._cut is not None:
            self.transcript.reopen(self._cut.parts)
        else:
            self.transcript.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        try:
            suppress = await self._end(error)
            if self.transcript.message.error:
                self._work.outcome = "error"
        finally:
            self._watch.__exit__(kind, error, trace)
        return suppress

    async def _end(self, error: BaseException | None) -> bool:
        """End the message with `error`, if any; return whether the error is suppressed."""
        if isinstance(error, asyncio.CancelledError):
            if self.transcript.closed and is_last_step(self.transcript.message):
                return False
            if HANDED_OVER in error.args:
                await self.transcript.leave()
                return False
            await self.transcript.fail(TurnAborted(error.args[0] if error.args else "Aborted"))
            return False
        if isinstance(error, ModelError):
            await self.transcript.fail(error)
        elif isinstance(error, RequestError):
            await self.transcript.fail(ModelAPIError(error.message, retryable=False))
        elif isinstance(error, Exception):
            # The session must stay usable whatever fails in the block.
            log.error("an answer in session %s failed", self.transcript.message.session_id, exc_info=error)
            await self.transcript.fail(ModelError("Internal server error; see the server's log."))
        return error is None or isinstance(error, Exception)

    def answered_by(self, model: Model) -> None:
        """Name the model in the message, with the variant if it has that one."""
        message = self.transcript.message
        if (message.provider_id, message.model_id) == (model.provider_id, model.id):
            return
        message.provider_id, message.model_id = model.provider_id, model.id
        if message.variant and message.variant not in given(model.variants, {}):
            message.variant = UNSET
        self._work.provider, self._work.model = model.provider_id, model.id
        self.transcript.updated()

    def notify(self, message: str) -> None:
        """Publish that another attempt follows at once, and why."""
        self._session.status(StatusRetry(attempt=1, message=message, next=now_ms()))
        self._session.status(StatusBusy())

    async def ask(self, resolved: Resolved, request: ModelRequest, others: bool = False) -> Finish:
        """Ask the model, with retries, until an answer is complete; raises ModelError.

        `others`: another model can answer, so this one gets fewer attempts and less time.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._stream(resolved, request, attempt)
            except ModelError as error:
                wait = self._dependencies.retry.wait(attempt, error, others)
                if wait is None:
                    raise
                retry = StatusRetry(attempt=attempt, message=error.message, next=now_ms() + int(wait * 1000))
            self._session.status(retry)
            await asyncio.sleep(wait)
            await self.transcript.discard()
            self._session.status(StatusBusy())

    async def _stream(self, resolved: Resolved, request: ModelRequest, attempt: int) -> Finish:
        write = self.transcript.write
        model = resolved.model
        call = observe.ModelCall(
            provider=model.provider_id, model=model.id, attempt=attempt, purpose=self._purpose
        )
        answering = False
        with observe.watch(call):
            async with aclosing(resolved.adapter.stream(request)) as events:
                async for event in events:
                    if isinstance(event, Finish):
                        call.finish(
                            event.tokens,
                            cost_usd(model, event.tokens),
                            event.reason,
                            event.answered_by,
                            event.answer_id,
                        )
                        return event
                    await write(event)
                    if not answering:
                        answering = True
                        call.answers()
                        self._session.answering()
            raise ModelAPIError("The provider's answer ended before it was complete.", retryable=True)


def new_answer(prompt: UserMessage, message_id: str, agent: str, directory: str) -> AssistantMessage:
    """Return an empty assistant message that answers a prompt."""
    return AssistantMessage(
        id=message_id,
        session_id=prompt.session_id,
        time=MessageTime(created=now_ms()),
        parent_id=prompt.id,
        model_id=prompt.model.model_id,
        provider_id=prompt.model.provider_id,
        mode=agent,
        agent=agent,
        path=MessagePath(cwd=directory, root=directory),
        cost=0,
        tokens=Tokens(),
        variant=prompt.model.variant,
    )


def is_last_step(answer: AssistantMessage) -> bool:
    """Return whether no further step follows an answer that has ended."""
    return bool(answer.error) or answer.finish not in MORE_STEPS
