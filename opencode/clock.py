"""The current time in the unit of the API: Unix milliseconds."""

import time


def now_ms() -> int:
    """Return the current time in Unix milliseconds."""
    return time.time_ns() // 1_000_000
