"""Log lines for ended turns, failed requests to models, refusals by a limit, and a held event loop."""

import logging
from collections import Counter
from collections.abc import Callable
from time import monotonic

from opencode import observe
from opencode.schema.base import JsonObject

REFUSAL_SECONDS = 60.0
"""At most one line about each kind of refusal in this time."""

HELD_SECONDS = 0.25
"""How long the event loop may be held without a line."""

HELD_LINE_SECONDS = 5.0
"""At most one line about a held event loop in this time."""

_REFUSALS: dict[observe.RefusalReason, str] = {
    "client_connections": "a client has too many open connections (OPENCODE_MAX_CLIENT_CONNECTIONS)",
    "connections": "too many connections are open (OPENCODE_MAX_CONNECTIONS, or the limit of open files)",
    "slow_head": "the head of a request did not come in time",
    "client_streams": "a client has too many open event streams (OPENCODE_MAX_CLIENT_STREAMS)",
}

log = logging.getLogger(__name__)


class WorkLog(observe.Listener):
    """Writes the lines. They hold neither text of a conversation nor a provider's answer."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._refused: Counter[observe.RefusalReason] = Counter()
        self._next_line: dict[str, float] = {}

    def ended(self, work: observe.Work) -> None:
        if isinstance(work, observe.Turn):
            data: JsonObject = {"outcome": work.outcome, "ms": round(work.seconds * 1000, 1)}
            log.info("turn %(outcome)s, %(ms).1f ms", data, extra={"data": data})
        elif isinstance(work, observe.ModelCall) and work.failure:
            data = {
                "model": f"{work.provider}/{work.model}",
                "failure": work.failure,
                "attempt": work.attempt,
                "purpose": work.purpose,
            }
            log.warning("%(model)s failed: %(failure)s, attempt %(attempt)d", data, extra={"data": data})
        elif isinstance(work, observe.Refusal):
            self._refusal(work)
        elif isinstance(work, observe.LoopLag) and work.seconds > HELD_SECONDS:
            self._held(work)

    def _refusal(self, work: observe.Refusal) -> None:
        self._refused[work.reason] += 1
        if not self._may_write(work.reason, REFUSAL_SECONDS):
            return
        data: JsonObject = {
            "reason": work.reason,
            "why": _REFUSALS[work.reason],
            "count": self._refused.pop(work.reason),
            "client": work.client,
        }
        log.warning(
            "refused: %(why)s; %(count)d since the last line, the last one from %(client)s",
            data,
            extra={"data": data},
        )

    def _held(self, work: observe.LoopLag) -> None:
        if not self._may_write("held", HELD_LINE_SECONDS):
            return
        data: JsonObject = {
            "ms": round(work.seconds * 1000),
            "cpu_ms": round(work.cpu * 1000),
            "stack": " < ".join(work.stack) or "none of its own work: the machine or another thread was busy",
        }
        log.warning(
            "the event loop was held for %(ms)d ms (%(cpu_ms)d ms of CPU time) by %(stack)s",
            data,
            extra={"data": data},
        )

    def _may_write(self, kind: str, seconds: float) -> bool:
        """Return whether a line of a kind may be written now, at most one in so many seconds."""
        now = self._clock()
        if now < self._next_line.get(kind, now):
            return False
        self._next_line[kind] = now + seconds
        return True
