"""Client-chosen ids of messages and parts. Each may be used only once in all sessions."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from opencode.errors import Conflict


class ChosenIds:
    """Reserves ids from before the check that they are free until they are stored.

    Without that, two requests with the same id could both find it free.
    """

    def __init__(self) -> None:
        self._reserved: set[str] = set()

    @contextmanager
    def reserve(self, ids: Iterable[str]) -> Iterator[None]:
        """Reserve ids until the block ends; raises Conflict if another request is storing one of them."""
        requested = set(ids)
        if taken := requested & self._reserved:
            raise Conflict(f"Another request with the id {min(taken)} is in progress; use each id once.")
        self._reserved |= requested
        try:
            yield
        finally:
            self._reserved -= requested
