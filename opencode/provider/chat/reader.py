"""Reads Chat Completions streams. Servers differ in details, so all known forms are accepted."""

from collections.abc import Iterable
from typing import Any, Literal

from opencode.errors import ContextOverflow
from opencode.schema.base import JsonObject

from ..base import BlockEnd, Finish, StopReason
from ..wire.citations import Citations
from ..wire.errors import ProviderErrors
from ..wire.lenient import lenient
from ..wire.odd_events import values_in
from ..wire.reader import Reader
from .calls import Calls
from .chunk import CallDelta, Choice, Chunk, Delta, Usage, decode, read_chunk
from .content import Messages, pieces_of
from .reasoning_details import ReasoningDetails
from .think_tags import ThinkTags
from .usage import tokens_of, usage_in

STOP_REASONS: dict[str, StopReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "completed": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool-calls",
    "tool_call": "tool-calls",
    "tool_use": "tool-calls",
    "function_call": "tool-calls",
    "content_filter": "content-filter",
    "safety": "content-filter",
    "sensitive": "content-filter",
}
_FAILURES = frozenset({"error", "network_error", "insufficient_system_resource"})
"""Finish reasons of an answer that failed: OpenRouter's, Z.ai's, DeepSeek's."""
_FULL = "model_context_window_exceeded"
_SENT_BACK = ("reasoning_content", "reasoning")
"""Fields of reasoning that servers want back under the same name."""

Block = Literal["", "text", "reasoning"]
"""The block that is open."""


class ChatReader(Reader):
    """Reads a Chat Completions stream. It is complete with a finish reason or with `[DONE]`.

    `names`: of the tools that the model may call. `think_tags`: whether `<think>` at the start is reasoning.
    """

    def __init__(
        self, errors: ProviderErrors, names: frozenset[str] = frozenset(), *, think_tags: bool = True
    ) -> None:
        super().__init__(errors)
        self._calls = Calls(self.batch, names)
        self._tags = ThinkTags() if think_tags else None
        self._block: Block = ""
        self._said: set[bool] = set()
        self._messages = Messages()
        self._field = ""
        self._details = ReasoningDetails()
        self._citations = Citations()
        self._reason = ""
        self._refused = False
        self._usage = Usage()

    def read(self, payload: bytes) -> None:
        try:
            chunk = decode(payload)
        except ValueError:
            chunk = lenient(payload, Chunk)
        choices = chunk.choices
        if not choices or chunk.error:
            self._check(payload)
        if not self.answer_id:
            self.name_answer(chunk.model, chunk.id)
        for choice in choices or ():
            if (delta := choice.delta) is not None:
                self._delta(delta)
            if delta is None or choice.finish_reason:
                self._rest(choice)
        if chunk.usage is not None or chunk.citations or chunk.search_results or self.whole:
            self._beside(chunk)

    def read_answer(self, payload: bytes) -> None:
        if not read_chunk(payload).choices:
            raise ValueError("no choices")
        self.read(payload)
        self.whole = self.done = True

    def end_marker(self) -> None:
        self.done = True
        self.whole = self.whole or self._calls.complete

    def finish(self) -> Finish:
        self._close_tags()
        if not (self._said or self._calls or self._reason):
            raise self.errors.empty()
        self._open("")
        if late := self._details.take():
            self.batch.reasoning("")
            self.batch.add(BlockEnd({"reasoning_details": late}))
        self._calls.finish()
        reason = STOP_REASONS.get(self._reason or "stop", "other")
        if self._refused:
            reason = "content-filter"
        elif self._calls and reason in ("stop", "other"):
            reason = "tool-calls"
        return Finish(reason, tokens_of(self._usage), self.answered_by, self.answer_id)

    def _delta(self, delta: Delta) -> None:
        if reasoning := delta.reasoning_content or delta.reasoning:
            if self._block == "reasoning" and isinstance(reasoning, str):
                self.batch.reasoning(reasoning)
            else:
                self._reasoning(delta)
        if delta.reasoning_details:
            self._detailed(delta)
        if content := delta.content:
            if self._block == "text" and isinstance(content, str):
                self.batch.text(content)
            else:
                self._pieces(pieces_of(content))
        if delta.tool_calls or delta.refusal or delta.annotations or delta.function_call:
            self._more(delta)

    def _reasoning(self, delta: Delta) -> None:
        if self._block != "reasoning":
            self._open("reasoning")
            self._field = next((name for name in _SENT_BACK if getattr(delta, name)), "")
        self._pieces(pieces_of(delta.reasoning_content or delta.reasoning, is_reasoning=True))

    def _detailed(self, delta: Delta) -> None:
        """Keep reasoning_details; their text is reasoning where nothing else carries it."""
        said = self._details.add(delta.reasoning_details)
        if said and not self._field:
            self._say("reasoning", said)

    def _more(self, delta: Delta) -> None:
        """Read calls, also in their older form, a refusal, and sources that come as annotations."""
        if delta.tool_calls or delta.function_call is not None:
            if self._block or self._tags is not None:
                self._close_tags()
                self._open("")
            for call in delta.tool_calls or (CallDelta(index=0, function=delta.function_call),):
                self._calls.read(call)
        if delta.refusal:
            self._refused = True
            self._say("text", delta.refusal)
        if delta.annotations:
            self._citations.add(delta.annotations)

    def _pieces(self, pieces: Iterable[tuple[bool, str]]) -> None:
        for is_reasoning, text in pieces:
            split = [(is_reasoning, text)] if is_reasoning or self._tags is None else self._tags.feed(text)
            for is_thought, part in split:
                self._say("reasoning" if is_thought else "text", part)

    def _say(self, block: Block, text: str) -> None:
        if self._block != block:
            self._open(block)
        if block == "reasoning":
            self.batch.reasoning(text)
        else:
            self.batch.text(text)

    def _open(self, block: Block) -> None:
        """End the open block, with what goes back with it, and note that `block` is open now, "" for none."""
        if self._block == "reasoning":
            kept: JsonObject = {}
            if details := self._details.take():
                kept["reasoning_details"] = details
            if self._field:
                kept["reasoning_field"] = self._field
            self.batch.add(BlockEnd(kept))
        elif self._block == "text" and (sources := self._citations.take()):
            self.batch.add(BlockEnd({"citations": sources}))
        self._block = block
        if block == "text":
            self._tags = None
        if block:
            self._said.add(block == "reasoning")

    def _close_tags(self) -> None:
        if self._tags is not None:
            tags, self._tags = self._tags, None
            for is_thought, text in tags.close():
                self._say("reasoning" if is_thought else "text", text)

    def _rest(self, choice: Choice) -> None:
        """Read what few choices have: a whole message, a text of the older API, the end, an error."""
        if choice.error and not self.whole:
            raise self.errors.reported(choice.error)
        if choice.message is not None:
            has_calls = bool(self._calls) and not self._messages.have_calls
            self._delta(self._messages.news(choice.message, self._said, has_calls=has_calls))
        elif choice.text:
            self._pieces([(False, choice.text)])
        if choice.finish_reason:
            self._end(choice.finish_reason)

    def _end(self, reason: Any) -> None:
        """Note a finish reason, which is a name on most servers."""
        name = reason.lower() if isinstance(reason, str) else "other"
        if name in ("null", "none"):
            return
        if name in _FAILURES:
            raise self.errors.reported(
                {"message": "The model failed while answering.", "type": "server_error"}
            )
        if name == _FULL:
            raise ContextOverflow("The answer reached the end of the model's context window.")
        self._reason = name
        self.whole = True

    def _check(self, payload: bytes) -> None:
        """Raise the error that a chunk without choices may be; none matters once the answer is complete."""
        if self.whole:
            return
        for value in values_in(payload):
            if error := self.errors.found_in(value):
                raise error

    def _beside(self, chunk: Chunk) -> None:
        """Read what stands beside the choices: usage and sources."""
        self._usage = usage_in(chunk) or self._usage
        self._citations.add(chunk.search_results)
        self._citations.add(chunk.citations)
