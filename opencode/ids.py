"""Time-ordered, prefixed identifiers: `msg_` + 12 digits of time + 14 base-62 characters.

Clients sort messages and parts by id, so ids made in one process are strictly monotonic. The 12 digits are
opencode's: a stamp of milliseconds times 4096 plus a counter, modulo 2^48, in hexadecimal. It overflows
every 2^36 ms, next on 17 October 2028. From then on the digits are base 36 and begin with `g`, so that new
ids still sort after all old ones (new descending ids begin with `-` and sort before all old ones).
"""

import secrets
import threading
import time
from collections.abc import Iterator
from typing import Literal

Kind = Literal["ses", "msg", "prt", "evt", "per", "que", "srv", "req", "call", "chg"]

DAY_MS = 86_400_000

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_COUNTER_SPACE = 0x1000  # the lowest 12 bits of the stamp count ids within one millisecond
_HEX_STAMPS = 1 << 48
"""How many stamps twelve hexadecimal digits hold."""

_FIRST_MS = 26 << 36
"""Unix ms of stamp 0: 14 August 2026, when opencode's 36 bits of milliseconds last overflowed."""

_LATER = 16 * 36**11
"""The value of `g00000000000` in base 36, which encodes the first stamp beyond twelve hexadecimal digits."""

_lock = threading.Lock()
_last_stamp = 0


def _next_stamp() -> int:
    """Return a stamp that is greater than all earlier ones."""
    global _last_stamp
    with _lock:
        _last_stamp = max(_last_stamp + 1, _stamp(time.time_ns() // 1_000_000) + 1)
        return _last_stamp


def _stamp(ms: int) -> int:
    """Return the first stamp of a millisecond; modulo 2^48 if the clock is not set (1970)."""
    stamp = (ms - _FIRST_MS) * _COUNTER_SPACE
    return stamp if stamp >= 0 else stamp % _HEX_STAMPS


def _random_tails() -> Iterator[str]:
    """Yield 14 random characters at a time; random bytes are read for 256 of them at once."""
    to_letters = bytes(ord(_ALPHABET[byte % 62]) for byte in range(256))
    while True:
        letters = secrets.token_bytes(14 * 256).translate(to_letters).decode()
        for start in range(0, len(letters), 14):
            yield letters[start : start + 14]


_tails = _random_tails()


def ascending(kind: Kind, after: str = "") -> str:
    """Return a new id that sorts after every earlier one of its kind, and after the id `after`.

    `after` affects only this id, because a client with a wrong clock may have chosen it.
    """
    stamp = _next_stamp()
    if after and (floor := _decode(after)) is not None:
        stamp = max(stamp, floor + 1)
    return f"{kind}_{_encode(stamp)}{next(_tails)}"


def descending(kind: Kind) -> str:
    """Return a new id that sorts before every earlier one of its kind (sessions list newest first)."""
    stamp = _next_stamp()
    if stamp < _HEX_STAMPS:
        return f"{kind}_{_HEX_STAMPS - 1 - stamp:012x}{next(_tails)}"
    return f"{kind}_-{_base36(36**11 - 1 - (stamp - _HEX_STAMPS), 11)}{next(_tails)}"


def time_of(identifier: str) -> int | None:
    """Return when an ascending id was made, in Unix milliseconds; None if it contains no time."""
    stamp = _decode(identifier)
    return None if stamp is None else stamp // _COUNTER_SPACE + _FIRST_MS


def _encode(stamp: int) -> str:
    if stamp < _HEX_STAMPS:
        return f"{stamp:012x}"
    return _base36(_LATER + stamp - _HEX_STAMPS, 12)


def _decode(identifier: str) -> int | None:
    """Return the stamp of an ascending id, None if it has none."""
    digits = identifier.partition("_")[2][:12]
    if len(digits) < 12 or digits != digits.lower() or not digits.isalnum():
        return None
    try:
        if digits[0] < "g":
            return int(digits, 16)
        return int(digits, 36) - _LATER + _HEX_STAMPS
    except ValueError:
        return None


def _base36(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
