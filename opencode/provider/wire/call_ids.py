"""The ids of tool calls within one answer."""

import secrets
from typing import Any


class CallIds:
    """Gives each call of an answer an id of its own: the model's, if it is usable and not taken yet."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, wanted: Any) -> str:
        """Return the id of a new call. `wanted`: what the provider calls it: text, a number or nothing."""
        call_id = str(wanted) if isinstance(wanted, str | int) and not isinstance(wanted, bool) else ""
        if not call_id or call_id in self._taken:
            call_id = f"call_{secrets.token_hex(12)}"
        self._taken.add(call_id)
        return call_id
