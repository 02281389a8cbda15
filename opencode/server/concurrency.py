"""Limits of what may be open at once, for each client and in all, in memory bounded by what is open."""

from typing import Literal


class ConcurrencyLimit:
    """Counts what is open. `each`: the most for one client. `total`: the most in all, None for no limit."""

    def __init__(self, each: int, total: int | None = None) -> None:
        self._each = each
        self._total = total
        self._open: dict[str, int] = {}
        self.count = 0

    def enter(self, client: str, exempt: bool = False) -> Literal["", "client", "total"]:
        """Count one more; return which limit refuses it, "" if none does.

        `exempt`: the limit for one client does not apply.
        """
        if self._total is not None and self.count >= self._total:
            return "total"
        of_client = self._open.get(client, 0)
        if of_client >= self._each and not exempt:
            return "client"
        self._open[client] = of_client + 1
        self.count += 1
        return ""

    def leave(self, client: str) -> None:
        """Count one less."""
        self.count -= 1
        if (left := self._open[client] - 1) > 0:
            self._open[client] = left
        else:
            del self._open[client]
