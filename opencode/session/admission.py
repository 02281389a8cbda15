"""Limits how many sessions run at once and how many prompts wait in one session."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from opencode.config import Limits
from opencode.errors import TooManyRequests

from .turns import Turns


class Admission:
    """Admits prompts up to the limits.

    Requests being admitted count towards the limits, so a burst cannot exceed them.
    """

    def __init__(self, turns: Turns, limits: Limits) -> None:
        self._turns = turns
        self._limits = limits
        self._entering: Counter[str] = Counter()

    @contextmanager
    def reserve(self, session_id: str) -> Iterator[None]:
        """Reserve a slot for a prompt until it is submitted; raises TooManyRequests if none is free."""
        self._check(session_id)
        self._entering[session_id] += 1
        try:
            yield
        finally:
            self._entering[session_id] -= 1
            if not self._entering[session_id]:
                del self._entering[session_id]

    def _check(self, session_id: str) -> None:
        running = self._turns.all()
        turn = running.get(session_id)
        waiting = self._entering[session_id] + (turn.turn.unanswered if turn else 0)
        if waiting >= self._limits.waiting:
            raise TooManyRequests(
                f"{waiting} prompts are waiting in this session, the limit. Wait until the agent has "
                "answered some, or abort it. (OPENCODE_MAX_WAITING)"
            )
        busy = running.keys() | self._entering.keys()
        if session_id not in busy and len(busy) >= self._limits.running:
            raise TooManyRequests(
                f"{self._limits.running} sessions are running, the limit of this server. Try again in a few "
                "seconds. (OPENCODE_MAX_RUNNING)"
            )
