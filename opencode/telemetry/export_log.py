"""Failures of the trace exporter in the log: one line a minute, however many batches are lost."""

import logging
import re
from collections.abc import Callable
from time import monotonic

LINE_SECONDS = 60.0
LONGEST_REASON = 300
"""Characters."""

_URL = re.compile(r"\burl: \S+|\b\w+://\S+")

log = logging.getLogger(__name__)


class OncePerMinute(logging.Handler):
    """Turns the OpenTelemetry SDK's warnings and tracebacks into one line a minute."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._next = float("-inf")
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        if self._clock() < self._next:
            self._left_out += 1
            return
        self._next = self._clock() + LINE_SECONDS
        since = f" ({self._left_out} more messages since the last one)" if self._left_out else ""
        self._left_out = 0
        log.warning("traces can't be sent: %s%s", _reason(record), since)


def limit_exporter_log() -> None:
    """Log the SDK's messages by OncePerMinute from now on, also while its thread outlives the shutdown."""
    logger = logging.getLogger("opentelemetry")
    logger.propagate = False
    logger.handlers = [OncePerMinute()]


def _reason(record: logging.LogRecord) -> str:
    """Return a record as one line without addresses, whose query may hold a key."""
    error = record.exc_info[1] if record.exc_info else None
    text = record.getMessage() + (f" {type(error).__name__}: {error}" if error else "")
    return " ".join(_URL.sub("…", text).split())[:LONGEST_REASON]
