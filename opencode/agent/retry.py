"""When to retry a model request, and how long to wait first."""

import random

import msgspec

from opencode.errors import ModelError

LONGEST_WAIT = 600.0
"""Seconds. If a provider's Retry-After is longer, the request is not retried."""


class RetryPolicy(msgspec.Struct, frozen=True):
    """`attempts`: the maximum requests for one step. Waits double from `first` to `longest` seconds."""

    attempts: int = 6
    first: float = 2.0
    longest: float = 30.0

    def wait(self, attempt: int, error: ModelError) -> float | None:
        """Return the seconds to wait after attempt number `attempt` (from 1) failed; None: do not retry.

        The provider's Retry-After is used if there is one. Otherwise up to a quarter is added at random, so
        that sessions that failed together do not retry together.
        """
        if not error.retryable or attempt >= self.attempts:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= LONGEST_WAIT else None
        wait: float = min(self.first * 2 ** (attempt - 1), self.longest)
        return wait * (1 + random.random() / 4)
