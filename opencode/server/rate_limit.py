"""How often each client may do something, in bounded memory."""

import time
from collections import OrderedDict

MINUTE_NS = 60 * 10**9

CLIENTS = 10_000
"""Clients that are counted at once; beyond that, who was quiet longest is forgotten."""


class RateLimiter:
    """Counts what clients do: each may do `limit` things a minute, together or spread out.

    One number is kept for each: when all that it did is forgotten (the generic cell rate algorithm).
    """

    def __init__(self, limit: int, clients: int = CLIENTS) -> None:
        self._step = MINUTE_NS // limit
        self._most = self._step * limit
        self._clients = clients
        self._until: OrderedDict[str, int] = OrderedDict()

    def wait(self, client: str) -> int:
        """Return after how many seconds a client may go on, 0 where it may now."""
        ahead = self._until.get(client, 0) + self._step - self._most - time.monotonic_ns()
        return max(0, -(-ahead // 10**9))

    def count(self, client: str) -> None:
        """Note that a client did something."""
        self._until[client] = max(self._until.get(client, 0), time.monotonic_ns()) + self._step
        self._until.move_to_end(client)
        while len(self._until) > self._clients:
            self._until.popitem(last=False)
