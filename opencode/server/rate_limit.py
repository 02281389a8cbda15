"""Rate limits per client, in bounded memory."""

import time
from collections import OrderedDict

MINUTE_NS = 60 * 10**9

CLIENTS = 10_000
"""Clients counted at a time; beyond that, the one that was idle longest is dropped."""


class RateLimiter:
    """Allows each client `limit` actions per minute; bursts are allowed.

    It keeps one number for each client: the time at which its quota is full again (the generic cell rate
    algorithm).
    """

    def __init__(self, limit: int, clients: int = CLIENTS) -> None:
        self._step = MINUTE_NS // limit
        self._most = self._step * limit
        self._clients = clients
        self._until: OrderedDict[str, int] = OrderedDict()

    def wait(self, client: str) -> int:
        """Return the seconds until a client may act again; 0 if it may now."""
        ahead = self._until.get(client, 0) + self._step - self._most - time.monotonic_ns()
        return max(0, -(-ahead // 10**9))

    def count(self, client: str) -> None:
        """Count one action of a client."""
        self._until[client] = max(self._until.get(client, 0), time.monotonic_ns()) + self._step
        self._until.move_to_end(client)
        while len(self._until) > self._clients:
            self._until.popitem(last=False)
