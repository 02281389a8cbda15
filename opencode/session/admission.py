"""How many sessions may be at work at once, and how many prompts may wait in one."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from opencode.config import Limits
from opencode.errors import TooManyRequests

from .runner import Runner


class Admission:
    """Lets prompts in while there is room. Those on their way in count too: a rush is no way around it."""

    def __init__(self, runner: Runner, limits: Limits) -> None:
        self._runner = runner
        self._limits = limits
        self._entering: Counter[str] = Counter()

    @contextmanager
    def reserve(self, session_id: str) -> Iterator[None]:
        """Hold a place for a prompt until it is submitted; raises TooManyRequests where none is free."""
        self._check(session_id)
        self._entering[session_id] += 1
        try:
            yield
        finally:
            self._entering[session_id] -= 1
            if not self._entering[session_id]:
                del self._entering[session_id]

    def _check(self, session_id: str) -> None:
        running = self._runner.all()
        here = running.get(session_id)
        waiting = self._entering[session_id] + (here.turn.unanswered if here else 0)
        if waiting >= self._limits.waiting:
            raise TooManyRequests(
                f"{waiting} prompts wait for an answer in this session, the most that may: wait until the "
                "agent has come to them, or abort it. (OPENCODE_MAX_WAITING)"
            )
        at_work = running.keys() | self._entering.keys()
        if session_id not in at_work and len(at_work) >= self._limits.running:
            raise TooManyRequests(
                f"{self._limits.running} sessions are at work, the most that this server runs at once: try "
                "again in a few seconds. (OPENCODE_MAX_RUNNING)"
            )
