"""Writes an assistant message: turns stream events and tool results into parts, stores and publishes them.

Streaming text is published at once and stored shortly after. Finished parts are stored before they are
published.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from msgspec import UNSET

from opencode import ids
from opencode.bus import Bus
from opencode.clock import now_ms
from opencode.errors import ModelError, NotFound, ToolError, Unavailable
from opencode.provider.base import (
    BlockEnd,
    ReasoningDelta,
    Restart,
    StreamEvent,
    TextDelta,
    ToolCallEnd,
    ToolCallStart,
)
from opencode.schema.base import JsonObject, encode, optional
from opencode.schema.error import APIError
from opencode.schema.event import (
    EventProperties,
    MessageRemoved,
    MessageUpdated,
    PartDelta,
    PartRemoved,
    PartUpdated,
    SessionFailed,
)
from opencode.schema.message import AssistantMessage, MessageWithParts
from opencode.schema.part import (
    CompletedTime,
    CreatedTime,
    FilePart,
    Part,
    ReasoningPart,
    RetryPart,
    RunTime,
    StartTime,
    StepFinishPart,
    StepStartPart,
    TextPart,
    TimeSpan,
    Tokens,
    ToolPart,
    ToolStateCompleted,
    ToolStateError,
    ToolStatePending,
    ToolStateRunning,
)
from opencode.store import Store
from opencode.tasks import hold
from opencode.tool.base import ToolResult

from .calls import Calls, started
from .dependencies import TurnSession


class Block:
    """A text or reasoning part that is being streamed. Its deltas are joined when `current` is called."""

    def __init__(self, part: TextPart | ReasoningPart) -> None:
        self.part = part
        self._fresh: list[str] = []

    def add(self, text: str) -> bool:
        """Append a delta; return whether it is the first since the last call of `current`."""
        self._fresh.append(text)
        return len(self._fresh) == 1

    def current(self) -> TextPart | ReasoningPart:
        if self._fresh:
            self.part.text += "".join(self._fresh)
            self._fresh.clear()
        return self.part


class Transcript:
    """Writes one assistant message, whatever the order in which a provider's events come.

    `calls`: the step's tool calls. `closed`: the message's end is stored and published, or its session is
    deleted.
    """

    def __init__(self, store: Store, bus: Bus, session: TurnSession, message: AssistantMessage) -> None:
        self._store = store
        self._bus = bus
        self._session = session
        self._block: Block | None = None
        self._ended: list[Part] = []
        self._opening: asyncio.Task[None] | None = None
        self.message = message
        self.closed = False
        self.parts: list[Part] = []
        self.calls = Calls()

    def open(self) -> None:
        """Begin the message and its step, in the background so that the model request need not wait."""
        step = StepStartPart(**self._identity())
        self.parts.append(step)
        self._store.put_message(self.message)
        self._store.put_part(step)
        self._opening = asyncio.create_task(self._publish_opening(step, self._commit()))

    def reopen(self, parts: Sequence[Part]) -> None:
        """Go on with a stored message; its calls that run by its parts are those of the step."""
        self.parts = list(parts)
        for part in self.parts:
            if isinstance(part, ToolPart) and isinstance(part.state, ToolStateRunning):
                self.calls.begin(part, part.call_id)
                self.calls[part.call_id].raw = encode(part.state.input).decode()

    async def leave(self) -> None:
        """Store what is there and leave the message open: another start of the server goes on with it."""
        await hold(self._leave())

    async def _leave(self) -> None:
        with suppress(Unavailable, NotFound):
            await self.opened()
            for part in self._ended:
                self._store.put_part(part)
            await self._commit()

    async def opened(self) -> None:
        """Wait until the beginning is stored and published; raises Unavailable if it can't be stored."""
        if self._opening is not None:
            await asyncio.shield(self._opening)
            self._opening = None

    async def _publish_opening(self, step: StepStartPart, committed: asyncio.Future[None]) -> None:
        await committed
        self._bus.publish(self._message_updated())
        self._publish(step)

    async def write(self, event: StreamEvent) -> None:
        """Write a stream event of the model; raises Unavailable."""
        if self._opening is not None:
            await self.opened()
        if isinstance(event, TextDelta):
            if self._block is None or not isinstance(self._block.part, TextPart):
                await self._open_block(TextPart(**self._identity(), text="", time=TimeSpan(start=now_ms())))
            self._grow(event.text)
        elif isinstance(event, ReasoningDelta):
            if self._block is None or not isinstance(self._block.part, ReasoningPart):
                await self._open_block(
                    ReasoningPart(**self._identity(), text="", time=TimeSpan(start=now_ms()))
                )
            self._grow(event.text)
        elif isinstance(event, BlockEnd):
            self._end_block(event.metadata)
        elif isinstance(event, ToolCallStart):
            await self._settle()
            part = ToolPart(
                **self._identity(),
                call_id=self.calls.new_id(event.call_id),
                tool=event.name,
                state=ToolStatePending(input={}, raw=""),
            )
            self.calls.begin(part, event.call_id)
            self._add(part)
        elif isinstance(event, Restart):
            await self.discard()
        elif isinstance(event, ToolCallEnd):
            self.calls.end(event)

    def tool_running(self, call_id: str, name: str, arguments: JsonObject) -> None:
        """Mark a call as running, with the tool's real name, which may differ from what the model wrote."""
        part = self.calls[call_id].part
        part.tool = name
        part.state = ToolStateRunning(input=arguments, time=StartTime(start=now_ms()))
        self._store.put_part(part)
        self._publish(part)

    def tool_progress(self, call_id: str, title: str, metadata: JsonObject) -> None:
        """Update and publish the title and metadata of a running call."""
        part = self.calls[call_id].part
        if isinstance(part.state, ToolStateRunning):
            part.state.title = title
            part.state.metadata = metadata
            self._store.put_part(part)
            self._publish(part)

    async def tool_completed(self, call_id: str, result: ToolResult) -> None:
        part = self.calls[call_id].part
        files = [
            FilePart(**self._identity(), mime=file.mime, url=file.url, filename=optional(file.filename))
            for file in result.attachments
        ]
        part.state = ToolStateCompleted(
            input=part.state.input,
            output=result.output,
            title=result.title,
            metadata=result.metadata,
            time=CompletedTime(start=started(part), end=now_ms()),
            attachments=files or UNSET,
        )
        await self._finish([part])

    async def tool_failed(self, call_id: str, error: ToolError) -> None:
        part = self.calls[call_id].part
        part.state = ToolStateError(
            input=part.state.input, error=error.message, time=RunTime(start=started(part), end=now_ms())
        )
        await self._finish([part])

    async def discard(self) -> None:
        """Remove everything since the step began, before a retry."""
        await self.opened()
        self._block = None
        self._ended.clear()
        self.calls.clear()
        while self.parts and not isinstance(self.parts[-1], StepStartPart):
            part = self.parts.pop()
            self._store.remove_part(part.session_id, part.id)
            self._bus.publish(
                PartRemoved(session_id=part.session_id, message_id=part.message_id, part_id=part.id)
            )

    def updated(self) -> None:
        """Store and publish a change of the message's own fields."""
        self._store.put_message(self.message)
        if self._opening is None:
            self._bus.publish(self._message_updated())

    def retried(self, error: APIError) -> None:
        """Note a failed attempt; it is stored and published with the step's end."""
        number = sum(isinstance(part, RetryPart) for part in self.parts) + 1
        time = CreatedTime(created=now_ms())
        part = RetryPart(**self._identity(), attempt=number, error=error, time=time)
        self._end_block({})
        self.parts.append(part)
        self._ended.append(part)

    async def withdraw(self) -> None:
        """Remove the message."""
        await self.discard()
        for part in self.parts:
            self._store.remove_part(part.session_id, part.id)
        self._store.remove_message(self.message.session_id, self.message.id)
        await hold(self._commit_removal())

    async def _commit_removal(self) -> None:
        await self._commit()
        self.closed = True
        self._bus.publish(MessageRemoved(session_id=self.message.session_id, message_id=self.message.id))

    async def finish_step(
        self, reason: str, tokens: Tokens, cost: float, error: ModelError | None = None
    ) -> None:
        """End the step and the message: finish reason, tokens, cost (USD), and an error if any.

        The cost is added to the session in the same transaction. Raises Unavailable, and NotFound if the
        session was deleted.
        """
        await self.opened()
        self._end_block({})
        self._ended += self.calls.interrupt("the answer ended before it was run.")
        step = StepFinishPart(**self._identity(), reason=reason, tokens=tokens, cost=cost)
        self.message.finish = reason
        self.message.tokens = tokens
        self.message.cost = cost
        if error is not None:
            self._set_error(error)
        await hold(self._close(step, cost, tokens))

    async def fail(self, error: ModelError) -> None:
        """End the message with an error; its content so far stays.

        If the end can't be stored now, it is published, stored later, and Unavailable is raised.
        """
        await hold(self._fail(error))

    async def _fail(self, error: ModelError) -> None:
        with suppress(Unavailable):  # the end may be stored although the beginning was not
            await self.opened()
        self._end_block({})
        self._ended += self.calls.interrupt(error.message)
        self._set_error(error)
        parts = list(self._ended)
        try:
            await self._close()
        except NotFound:
            self.closed = True  # the session was deleted, and the message with it
        except Unavailable:
            for part in parts:
                self._store.put_part(part)
            self._store.put_message(self.message)
            self._bus.publish(self._message_updated())
            raise

    def snapshot(self) -> MessageWithParts:
        """Return the message with its content so far."""
        if self._block is not None:
            self._block.current()
        return MessageWithParts(info=self.message, parts=self.parts)

    def _set_error(self, error: ModelError) -> None:
        self.message.error = error.wire()
        self._bus.publish(SessionFailed(session_id=self.message.session_id, error=self.message.error))

    async def _close(
        self, step: StepFinishPart | None = None, cost: float = 0, tokens: Tokens | None = None
    ) -> None:
        """Store the message's end and the step's cost as one change of the session, then publish the end."""
        self.message.time.completed = now_ms()
        last: list[Part] = [step] if step is not None else []
        parts = [*self._ended, *last]
        unit = self._store.unit()
        for part in parts:
            unit.put_part(part)
        unit.put_message(self.message)
        now = now_ms()
        events: list[EventProperties] = [
            PartUpdated(session_id=part.session_id, part=part, time=now) for part in parts
        ]
        await self._session.commit(unit, [*events, self._message_updated()], cost, tokens)
        self._ended.clear()
        self.parts += last
        self.closed = True

    async def _open_block(self, part: TextPart | ReasoningPart) -> None:
        await self._settle()
        self._block = Block(part)
        self.parts.append(part)
        self._publish(part)

    def _grow(self, text: str) -> None:
        block = self._block
        if block is None or not text:
            return
        part = block.part
        if block.add(text):  # otherwise the store has the part already and has not rendered it yet
            self._store.put_live_part(part.session_id, part.id, block.current)
        self._bus.publish(
            PartDelta(
                session_id=part.session_id,
                message_id=part.message_id,
                part_id=part.id,
                field="text",
                delta=text,
            )
        )

    def _end_block(self, metadata: JsonObject) -> None:
        """End the open block. It is stored and published with the next part, in one write."""
        if self._block is None:
            return
        part = self._block.current()
        if part.time:
            part.time.end = now_ms()
        part.metadata = metadata or UNSET
        self._ended.append(part)
        self._block = None

    async def _settle(self) -> None:
        """End the open block; store and publish the ended blocks."""
        self._end_block({})
        if self._ended:
            await self._finish(self._take_ended())

    def _take_ended(self) -> list[Part]:
        ended, self._ended = self._ended, []
        return ended

    async def _finish(self, parts: Sequence[Part]) -> None:
        """Store finished parts, then publish them."""
        for part in parts:
            self._store.put_part(part)
        await hold(self._commit_parts(parts))

    async def _commit_parts(self, parts: Sequence[Part]) -> None:
        await self._commit()
        for part in parts:
            self._publish(part)

    def _commit(self) -> asyncio.Future[None]:
        return self._store.commit(self.message.session_id)

    def _add(self, part: Part) -> None:
        self.parts.append(part)
        self._store.put_part(part)
        self._publish(part)

    def _message_updated(self) -> MessageUpdated:
        return MessageUpdated(session_id=self.message.session_id, info=self.message)

    def _publish(self, part: Part) -> None:
        self._bus.publish(PartUpdated(session_id=part.session_id, part=part, time=now_ms()))

    def _identity(self) -> dict[str, Any]:
        return {
            "id": ids.ascending("prt"),
            "session_id": self.message.session_id,
            "message_id": self.message.id,
        }
