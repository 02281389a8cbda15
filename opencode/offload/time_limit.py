"""Limits of processor time for work in a worker's main thread; they may be nested.

CPython's `re` looks for signals while it matches, so a slow expression is interrupted, too.
"""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

_deadlines: list[float] = []


class OutOfTime(BaseException):
    """The time is over. It is no Exception, so that no library takes it for a fault of the content."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block after `seconds` of processor time, or at the limit of an outer block."""
    signal.signal(signal.SIGPROF, _interrupt)
    outer = _deadlines[-1] if _deadlines else math.inf
    _deadlines.append(min(time.process_time() + seconds, outer))
    try:
        _arm()
        yield
    finally:
        _deadlines.pop()
        _arm()


def _arm() -> None:
    left = max(1e-6, _deadlines[-1] - time.process_time()) if _deadlines else 0
    signal.setitimer(signal.ITIMER_PROF, left)


def _interrupt(_number: int, _frame: object) -> None:
    raise OutOfTime
