"""Text from bytes, by the names that the web has for character sets, and by content where none is named."""

import codecs
import re
from collections.abc import Callable
from functools import lru_cache

import msgspec
import webencodings  # type: ignore[import-untyped]

from .html_head import declared_charset

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32le"),  # begins like the one of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32be"),
    (codecs.BOM_UTF16_LE, "utf-16le"),
    (codecs.BOM_UTF16_BE, "utf-16be"),
)
_NO_TEXT = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "utf-7", "undefined"})
"""Python's codecs that are not character sets of texts."""
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
"""Bytes that text does not have: the binary data bytes of the MIME Sniffing Standard."""
_HIGH = re.compile(rb"[\x80-\xff]+")
_SAMPLE = 4096
_TOO_FEW = 8
"""Bytes beyond ASCII that say nothing about the character set."""
FALLBACK = "windows-1252"
_GUESSES = {
    FALLBACK: "cp1252",
    "windows-1250": "cp1250",
    "windows-1254": "cp1254",
    "windows-1251": "cp1251",
    "koi8-r": "koi8_r",
    "ibm866": "cp866",
    "shift_jis": "cp932",
    "euc-jp": "euc_jp",
    "gb18030": "gb18030",
    "big5": "big5",
    "euc-kr": "cp949",
    "windows-1253": "cp1253",
    "windows-1255": "cp1255",
    "windows-1256": "cp1256",
    "windows-874": "cp874",
}
"""The character sets that texts without a name for theirs are in, with Python's names for them."""
_LATIN = frozenset({FALLBACK, "windows-1250", "windows-1254"})


class Decoded(msgspec.Struct, frozen=True):
    """A text; `charset`: the name of the character set that it was decoded from.

    `guessed`: nothing named it, and it is not UTF-8.
    """

    text: str
    charset: str
    guessed: bool = False


def decode(body: bytes, charset: str | None = None, *, markup: bool = False) -> str:
    """Return a text as `decoded` does."""
    return decoded(body, charset, markup=markup).text


def decoded(body: bytes, charset: str | None = None, *, markup: bool = False) -> Decoded:
    """Return a text by its byte order mark, `charset`, its own declaration, as UTF-8, or by its bytes.

    `markup`: it is HTML or XML, whose declaration counts. Invalid bytes become U+FFFD, and so does NUL, which
    databases refuse.
    """
    for mark, name in _BOMS:
        if body.startswith(mark):
            return Decoded(_clean(body[len(mark) :].decode(name, "replace")), name)
    if found := _decoder(charset) or _decoder(_declared(body) if markup else None):
        name, decoder = found
        return Decoded(_clean(decoder(body)), name)
    if form := utf16_form(body):
        return Decoded(_clean(body.decode(form, "replace")), form, guessed=True)
    try:
        return Decoded(_clean(body.decode("utf-8")), "utf-8")
    except UnicodeDecodeError:
        name = _guessed(body[:_SAMPLE])
        return Decoded(_clean(body.decode(_GUESSES[name], "replace")), name, guessed=True)


def is_binary(body: bytes, *, strictly: bool) -> bool:
    """Return whether bytes are no text, by their beginning.

    `strictly`: any control character that texts do not have counts, otherwise NUL alone.
    """
    if any(body.startswith(mark) for mark, _ in _BOMS) or utf16_form(body):
        return False
    start = body[:_SAMPLE]
    return bool(_CONTROL.search(start)) if strictly else b"\0" in start


def utf16_form(body: bytes) -> str | None:
    """Return `utf-16le` or `utf-16be` if bytes without a byte order mark are text in it, else None."""
    start = body[: _SAMPLE - _SAMPLE % 2]
    if len(start) < 4 or len(body) % 2 or b"\0" not in start:
        return None
    name = "utf-16le" if start[1::2].count(0) >= start[::2].count(0) else "utf-16be"
    text = start.decode(name, "replace").rstrip("\ufffd")  # the sample may end within a character
    odd = sum(not (character.isprintable() or character in "\t\r\n\f") for character in text)
    return name if text and not odd and "\ufffd" not in text else None


def _clean(text: str) -> str:
    return text.replace("\0", "\ufffd")


def _declared(body: bytes) -> str | None:
    """Return the declared character set; a declaration in ASCII that says UTF-16 is wrong, so it is UTF-8."""
    name = declared_charset(body)
    return "utf-8" if name and name.lower().startswith("utf-16") else name


def _decoder(label: str | None) -> tuple[str, Callable[[bytes], str]] | None:
    """Return a character set's name and how to decode it; None if the label names none."""
    if not label or not label.isascii():
        return None
    encoding = webencodings.lookup(label)
    info = encoding.codec_info if encoding is not None else _python_codec(label)
    if (
        info is None
        or info.name == "replacement"
        or (encoding is not None and encoding.name == "replacement")
    ):
        return None
    return (encoding.name if encoding is not None else info.name), lambda body: info.decode(body, "replace")[
        0
    ]


def _python_codec(label: str) -> codecs.CodecInfo | None:
    """Return Python's codec for a character set that the web has no name for, such as cp437."""
    try:
        info = codecs.lookup(label)
        b" ".decode(info.name, "replace")
    except (LookupError, UnicodeError, ValueError):
        return None
    return None if info.name in _NO_TEXT else info


@lru_cache(maxsize=64)
def _guessed(sample: bytes) -> str:
    """Return the character set that a text begins in, most likely: one of those in `_GUESSES`."""
    runs = _HIGH.findall(sample)
    if sum(map(len, runs)) < _TOO_FEW:
        return FALLBACK
    from charset_normalizer import from_bytes  # noqa: PLC0415 - most texts are UTF-8

    # Letters with accents among others: the character sets of other scripts are not looked at.
    single = 2 * sum(len(run) == 1 for run in runs) > len(runs) and 4 * sum(map(len, runs)) < len(sample)
    names = [name for name in _GUESSES if not single or name in _LATIN]
    whole = sample
    if len(sample) == _SAMPLE:  # it may end within a character
        whole = sample[: max(sample.rfind(space) for space in (b" ", b"\n", b"\t")) + 1] or sample
    best = from_bytes(
        whole,
        cp_isolation=[_GUESSES[name] for name in names],
        preemptive_behaviour=False,
        enable_fallback=False,
    ).best()
    found = next((name for name in names if best is not None and _GUESSES[name] == best.encoding), FALLBACK)
    same = found in _LATIN and whole.decode("cp1252", "replace") == whole.decode(_GUESSES[found], "replace")
    return FALLBACK if same else found
