"""When to ask a model again, and how long to wait before."""

import random

import msgspec

from opencode.errors import ModelError

LONGEST_WAIT = 600.0
"""Seconds; a provider that asks for more than this is not waited for."""


class RetryPolicy(msgspec.Struct, frozen=True):
    """`attempts`: how often a step asks the model in all. Waits double from `first` to `longest` seconds."""

    attempts: int = 6
    first: float = 2.0
    longest: float = 30.0

    def wait(self, attempt: int, error: ModelError) -> float | None:
        """Return the seconds to wait after attempt number `attempt` (from 1) failed; None: don't ask again.

        What the provider asks for in Retry-After counts; else up to a quarter is added at random, so that
        sessions that failed together do not come back together.
        """
        if not error.retryable or attempt >= self.attempts:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= LONGEST_WAIT else None
        wait: float = min(self.first * 2 ** (attempt - 1), self.longest)
        return wait * (1 + random.random() / 4)
