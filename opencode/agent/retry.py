"""When to retry a model request, and how long to wait first."""

import random

import msgspec

from opencode.errors import ModelError
from opencode.provider.unavailable import is_spent

LONGEST_WAIT = 600.0
"""Seconds. If a provider's Retry-After is longer, the request is not retried."""


FEW_ATTEMPTS = 3
"""Requests to a model that another one can replace."""

LONGEST_FEW_WAIT = 30.0
"""Seconds. If the Retry-After of a model that another one can replace is longer, the other one is asked."""


class RetryPolicy(msgspec.Struct, frozen=True):
    """`attempts`: the maximum requests for one step. Waits double from `first` to `longest` seconds."""

    attempts: int = 6
    first: float = 2.0
    longest: float = 30.0

    def wait(self, attempt: int, error: ModelError, others: bool = False) -> float | None:
        """Return the seconds to wait after attempt number `attempt` (from 1) failed; None: do not retry.

        `others`: another model can answer in the place of this one.

        The provider's Retry-After is used if there is one. Otherwise up to a quarter is added at random, so
        that sessions that failed together do not retry together.
        """
        attempts = min(self.attempts, FEW_ATTEMPTS) if others else self.attempts
        if not error.retryable or attempt >= attempts or (others and is_spent(error)):
            return None
        if error.retry_after is not None:
            longest = LONGEST_FEW_WAIT if others else LONGEST_WAIT
            return error.retry_after if error.retry_after <= longest else None
        wait: float = min(self.first * 2 ** (attempt - 1), self.longest)
        return wait * (1 + random.random() / 4)
