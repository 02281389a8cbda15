"""Ids that clients chose for messages and parts: each may be used once, in all sessions."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from opencode.errors import Conflict


class ChosenIds:
    """Reserves ids from before they are looked for in the database until they are stored in it.

    Two requests with the same id must not both find it free.
    """

    def __init__(self) -> None:
        self._reserved: set[str] = set()

    @contextmanager
    def reserve(self, ids: Iterable[str]) -> Iterator[None]:
        """Reserve ids until the block ends; raises Conflict if another request is storing one of them."""
        wanted = set(ids)
        if taken := wanted & self._reserved:
            raise Conflict(f"Another request is storing {min(taken)} right now; send each id once.")
        self._reserved |= wanted
        try:
            yield
        finally:
            self._reserved -= wanted
