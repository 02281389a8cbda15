"""The tool calls of one step, whatever ids a provider gives them and in whatever order their events come."""

from collections import deque

import msgspec
from msgspec import UNSET

from opencode import ids
from opencode.clock import now_ms
from opencode.provider.base import ToolCallEnd
from opencode.schema.part import RunTime, ToolPart, ToolStateError, ToolStatePending, ToolStateRunning


class Call(msgspec.Struct):
    """A call. `raw`: its input as JSON text, None as long as it has not come to its end."""

    part: ToolPart
    raw: str | None = None


class Calls(dict[str, Call]):
    """The calls by id, in the model's order."""

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[str, deque[str]] = {}

    def new_id(self, wanted: str) -> str:
        """Return the id for a new call: `wanted`, unless another one has it. Results find calls by id."""
        return wanted if wanted and wanted not in self else ids.ascending("call")

    def begin(self, part: ToolPart, provider_id: str) -> None:
        """Add a call. `provider_id`: the id that the provider ends it with."""
        self[part.call_id] = Call(part)
        self._open.setdefault(provider_id, deque()).append(part.call_id)

    def end(self, event: ToolCallEnd) -> None:
        """Take the input of the first call that waits for it; an end that none waits for is ignored."""
        if waiting := self._open.get(event.call_id):
            call = self[waiting.popleft()]
            call.raw = event.raw
            call.part.metadata = event.metadata or UNSET

    def interrupt(self, reason: str) -> list[ToolPart]:
        """Mark the calls that still wait or run as interrupted, and return them."""
        left = [
            call.part
            for call in self.values()
            if isinstance(call.part.state, ToolStatePending | ToolStateRunning)
        ]
        for part in left:
            part.state = interrupted(part, reason)
        return left

    def clear(self) -> None:
        super().clear()
        self._open.clear()


def interrupted(part: ToolPart, reason: str) -> ToolStateError:
    """Return the state of a tool call that was interrupted for `reason`."""
    return ToolStateError(
        input=part.state.input,
        error=f"The call was interrupted: {reason}",
        time=RunTime(start=started(part), end=now_ms()),
        metadata={"interrupted": True},
    )


def started(part: ToolPart) -> int:
    state = part.state
    return state.time.start if isinstance(state, ToolStateRunning) else now_ms()
