"""Time-ordered, prefixed identifiers: `msg_` + 12 hex digits of time + 14 base-62 characters.

Clients sort messages and parts by id, so ids made in one process are strictly monotonic.
"""

import secrets
import threading
import time
from collections.abc import Iterator
from typing import Literal

Kind = Literal["ses", "msg", "prt", "evt", "per", "que", "req", "call"]

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TIME_MASK = (1 << 48) - 1
_COUNTER_SPACE = 0x1000  # the lowest 12 bits of the 48-bit stamp count ids within one millisecond

_lock = threading.Lock()
_last_stamp = 0


def _next_stamp() -> int:
    """Return a stamp greater than every one before: milliseconds times 4096, plus a counter."""
    global _last_stamp
    with _lock:
        _last_stamp = max(_last_stamp + 1, time.time_ns() // 1_000_000 * _COUNTER_SPACE + 1)
        return _last_stamp


def _random_tails() -> Iterator[str]:
    """Yield 14 random characters at a time; the system is asked for 256 of them at once."""
    to_letters = bytes(ord(_ALPHABET[byte % 62]) for byte in range(256))
    while True:
        letters = secrets.token_bytes(14 * 256).translate(to_letters).decode()
        for start in range(0, len(letters), 14):
            yield letters[start : start + 14]


_tails = _random_tails()


def ascending(kind: Kind) -> str:
    """Return a new id that sorts after every earlier one of its kind."""
    return f"{kind}_{_next_stamp() & _TIME_MASK:012x}{next(_tails)}"


def descending(kind: Kind) -> str:
    """Return a new id that sorts before every earlier one of its kind (sessions list newest first)."""
    return f"{kind}_{~_next_stamp() & _TIME_MASK:012x}{next(_tails)}"


def stamp_of(identifier: str) -> int | None:
    """Return the stamp of an ascending id; None where it carries no plausible time."""
    try:
        low = int(identifier.partition("_")[2][:12], 16)
    except ValueError:
        return None
    now = time.time_ns() // 1_000_000 * _COUNTER_SPACE
    stamp = (now & ~_TIME_MASK) | low
    one_day = 86_400_000 * _COUNTER_SPACE
    return stamp if now - one_day * 36_500 < stamp < now + one_day * 365 else None


def time_of(identifier: str) -> int | None:
    """Return when an ascending id was made, in Unix milliseconds; None where it carries no plausible time."""
    stamp = stamp_of(identifier)
    return None if stamp is None else stamp // _COUNTER_SPACE


def advance_past(identifier: str) -> None:
    """Make every id from now on sort after `identifier`, whatever the clock says.

    Called at start with the newest stored id, so that a clock set back cannot reorder history.
    Ids that do not carry a plausible time (a client may choose its own) are ignored.
    """
    global _last_stamp
    if (stamp := stamp_of(identifier)) is not None:
        with _lock:
            _last_stamp = max(_last_stamp, stamp)
