"""Payloads that are not one JSON object: keep-alives, end markers, several objects in one event."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

END: Final = object()
"""Stands for an end marker among the values of a payload."""

_MARKER = re.compile(r"\[\s*DONE\s*\]|DONE\b", re.IGNORECASE)
_SKIPPED = re.compile(
    r"\s+|:[^\n]*|data:|(?:event|id|retry):[^\n]*"
    r"|\[?(?:ping|pong|keep[-_ ]?alive|heart[-_ ]?beat|connected|waiting|processing|queued|start(?:ed)?|ok"
    r"|undefined|none)\]?(?=\s|$)",
    re.IGNORECASE,
)
"""Blanks, comments, the fields of an event inside its data, and words that keep a connection open."""
_decoder = json.JSONDecoder()


def values_in(payload: bytes) -> Iterator[Any]:
    """Yield the JSON values in a payload, one after another, and END for each end marker.

    Raises ValueError where something else begins. Invalid characters become U+FFFD.
    """
    text = payload.decode("utf-8", "replace").lstrip("\ufeff")
    at = 0
    while at < len(text):
        if skipped := _SKIPPED.match(text, at):
            at = skipped.end()
        elif marker := _MARKER.match(text, at):
            at = marker.end()
            yield END
        else:
            try:
                value, at = _decoder.raw_decode(text, at)
            except RecursionError:
                raise ValueError("nested too deeply") from None
            yield END if isinstance(value, str) and _MARKER.fullmatch(value.strip()) else value
