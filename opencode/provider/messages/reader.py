"""Reads answers of the Messages API, as streams or whole."""

from typing import Any

import msgspec

from opencode.errors import ContextOverflow

from ..base import Finish, Restart, StopReason
from ..wire.errors import ProviderErrors
from ..wire.lenient import lenient
from ..wire.reader import Reader
from .blocks import Blocks
from .events import Event, Message, blocks_of, decode_event
from .usage import UsageCount

STOP_REASONS: dict[str, StopReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool-calls",
    "max_tokens": "length",
    "refusal": "content-filter",
    "pause_turn": "pause",
    # Those of Chat Completions, which servers that translate leave in.
    "stop": "stop",
    "tool_calls": "tool-calls",
    "length": "length",
    "content_filter": "content-filter",
}
_SILENT = frozenset({"ping", "content_block_start", "content_block_delta", "message_start", "message_delta"})


class MessagesReader(Reader):
    """Reads a Messages stream: blocks by index, deltas to them, usage and stop reason at the end.

    `server_tools`: the request allows tools that run at the provider.
    """

    def __init__(self, errors: ProviderErrors, server_tools: bool = False) -> None:
        super().__init__(errors)
        self._blocks = Blocks(self.batch, server_tools)
        self._usage = UsageCount()
        self._stop = ""
        self._started = False
        self._anew = False
        self._given: Any = None

    def read(self, payload: bytes) -> None:
        try:
            event = decode_event(payload)
        except ValueError:
            event = lenient(payload, Event)
        kind = event.type
        if kind == "content_block_delta" and event.delta is not None:
            self._blocks.delta(event.index, event.delta)
        elif kind == "content_block_start" and event.content_block is not None:
            self._begin_block(event, payload)
        elif kind == "content_block_stop":
            self._blocks.end(event.index, event.content_block)
        else:
            self._state(event, payload)

    def read_answer(self, payload: bytes) -> None:
        value = msgspec.json.decode(payload)
        if (error := self.errors.found_in(value)) is not None:
            raise error
        message = lenient(payload, Message)
        if message.content is None and message.stop_reason is None:
            raise ValueError("not a message")
        self._take(message)
        self.whole = self.done = True

    @property
    def complete(self) -> bool:
        return self._blocks.count > 0 and not self._blocks.is_open

    def finish(self) -> Finish:
        if not self._blocks.count:
            for index, (block, raw) in enumerate(blocks_of(self._given)):
                self.errors.check_parts(index)
                self._blocks.start(index, block, raw)
                self._blocks.end(index)
        calls = self._blocks.close()
        if self._stop == "model_context_window_exceeded":
            raise ContextOverflow("The answer reached the end of the model's context window.")
        reason = STOP_REASONS.get(self._stop.lower(), "other")
        if calls and reason == "stop":
            reason = "tool-calls"
        return Finish(reason, self._usage.tokens(), self.answered_by, self.answer_id)

    def _begin_block(self, event: Event, payload: bytes) -> None:
        block = event.content_block
        assert block is not None
        if self._anew and self._blocks.was_used(event.index):
            self._blocks.restart()
            self.batch.add(Restart())
        self._anew = False
        self.errors.check_parts(self._blocks.count)
        known = block.type in ("text", "tool_use", "thinking", "redacted_thinking")
        self._blocks.start(event.index, block, {} if known else _block_in(payload))

    def _state(self, event: Event, payload: bytes) -> None:
        """Read what concerns the whole message."""
        kind = event.type
        if not self.whole and (event.error or kind not in _SILENT):
            self._look_for_error(event, payload)
        if event.message is not None and kind in ("message_start", "message_stop"):
            self._anew = self._started and not self.whole
            self._started = True
            self._take(event.message)
        self._usage.add(event.usage)
        if kind == "message_delta" and event.delta is not None:
            self._stopped(event.delta.stop_reason)
        elif kind == "message_stop":
            self.whole = self.done = True
        elif kind == "message":
            self.read_answer(payload)

    def _look_for_error(self, event: Event, payload: bytes) -> None:
        try:
            error = self.errors.found_in(msgspec.json.decode(payload))
        except ValueError:
            error = None
        if error is not None or event.error or event.type == "error":
            raise error or self.errors.reported(event.error)

    def _take(self, message: Message) -> None:
        """Take in a message's head, and its content in case no blocks come."""
        self.name_answer(message.model, message.id)
        self._usage.add(message.usage)
        self._stopped(message.stop_reason)
        self._given = message.content or self._given

    def _stopped(self, reason: str | None) -> None:
        """Note why the answer ended. From then on it is whole: some servers send no message_stop."""
        if reason:
            self._stop = reason
            self.whole = True


def _block_in(payload: bytes) -> Any:
    try:
        block = msgspec.json.decode(payload).get("content_block")
    except ValueError:
        return {}
    return block if isinstance(block, dict) else {}
