"""Files in base64, as MCP servers write it: what they are, and which of them are text."""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from ..page import decode, sniff

MAX_FILE = 5 * 1024 * 1024
"""Bytes of one attachment."""

MAX_TEXT = 1024 * 1024
"""Bytes of a file that is read as text."""

_SHORTEST = 64
"""Characters: shorter words are no files."""

_LONGEST = MAX_FILE * 4 // 3 + 4
_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,([A-Za-z0-9+/_=-]+)")
_CONTROLS = re.compile(r"[\0-\x08\x0e-\x1f]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_TEXT_TYPES = (
    "json",
    "xml",
    "yaml",
    "javascript",
    "x-sh",
    "toml",
    "csv",
    "sql",
    "graphql",
    "x-www-form-urlencoded",
)


def decoded(data: Any) -> bytes | None:
    """Return the bytes of base64 in any of its forms, also in a data: URL; None if it is none."""
    if not isinstance(data, str) or not data:
        return None
    if data.startswith("data:"):
        data = data.partition(",")[2]
    text = "".join(data.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def readable(content: bytes, mime: str) -> str | None:
    """Return a file's text, if it is of a textual type, or of none in particular and UTF-8; else None."""
    kind, _, parameters = mime.lower().partition(";")
    is_text = kind.startswith("text/") or any(word in kind.partition("/")[2] for word in _TEXT_TYPES)
    if len(content) > MAX_TEXT or not (is_text or kind == "application/octet-stream"):
        return None
    if is_text:
        return decode(content, parameters.partition("charset=")[2].strip(" \"'") or None)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if _CONTROLS.search(text) else text


def without_files(text: str, take: Callable[[bytes], str]) -> str:
    """Return a text without its pictures and PDFs. `take` gets each, and returns what stands there instead.

    They stand in data: URLs, or are the whole text.
    """
    whole = text.strip()
    if len(whole) >= _SHORTEST and (file := _picture(whole)) is not None:
        return take(file)

    def replace(match: re.Match[str]) -> str:
        file = _picture(match[1]) if len(match[1]) >= _SHORTEST else None
        return match[0] if file is None else take(file)

    return _DATA_URL.sub(replace, text) if "base64," in text else text


def is_base64(text: str) -> bool:
    """Return whether a text is a file in base64, rather than words."""
    if len(text) < 4 * _SHORTEST or not _BASE64.fullmatch("".join(text[:10_000].split()).rstrip("=")):
        return False
    kinds = (str.isupper, str.islower, str.isdecimal)
    return all(any(kind(letter) for letter in text[:1_000]) for kind in kinds) and decoded(text) is not None


def _picture(text: str) -> bytes | None:
    """Return the picture or PDF that a text is in base64, None if it is something else or too large."""
    if len(text) > _LONGEST or sniff(decoded(text[:_SHORTEST]) or b"") is None:
        return None
    return decoded(text)
