"""LaTeX formulas in Markdown, as MathML, which browsers render without a script, style or font of ours.

Delimiters: `$x$`, `$$x$$`, `\\(x\\)`, `\\[x\\]`. Dollar amounts are left alone.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from .source import CJK, LONGEST_FORMULA

if TYPE_CHECKING:
    from math_core import LatexToMathML

TAGS = {
    *("math", "merror", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom"),
    *("mprescripts", "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup"),
    *("mtable", "mtd", "mtext", "mtr", "munder", "munderover"),
}
ATTRIBUTES = {
    "math": {"display", "class"},
    "mfrac": {"linethickness"},
    "mi": {"mathvariant"},
    "mo": {
        *("fence", "form", "largeop", "lspace", "maxsize", "minsize", "movablelimits", "rspace", "separator"),
        *("stretchy", "symmetric"),
    },
    "mover": {"accent"},
    "mpadded": {"depth", "height", "lspace", "voffset", "width"},
    "mspace": {"depth", "height", "width"},
    "mstyle": {"displaystyle", "scriptlevel"},
    "mtable": {"displaystyle", "scriptlevel"},
    "mtd": {"class", "columnspan"},
    "munder": {"accentunder"},
    "munderover": {"accent", "accentunder"},
}


class Formula(NamedTuple):
    begin: int
    end: int
    tex: str
    display: bool
    alone: bool
    """Whether it has its lines for itself."""


class Link(NamedTuple):
    """Where a link stands: its label may hold formulas, its target may not."""

    begin: int
    label_end: int
    end: int


_OPENING = re.compile(rb"\\[(\[]|\\.|\$+|https?://[^\s<`]*+", re.DOTALL)
_INLINE = {
    b"\\(": re.compile(rb"((?:\\[^()\n]|[^\\\n])++)\\\)"),
    b"\\[": re.compile(rb"((?:\\[^\[\]\n]|[^\\\n])++)\\\]"),
    b"$$": re.compile(rb"((?:\\.|[^$\\`])++)\$\$"),
    b"$": re.compile(rb"(?!\s)((?:\\.|[^$\\`])++)(?<!\s)\$(?!\d)"),
}
"""What follows an opening delimiter. Each stops at the next such delimiter, so all take linear time."""

_LETTER = re.compile(rf"[^\W_{CJK}]")
_CLOSING = {b"$$": b"$$", b"\\[": b"\\]"}
_LONGEST_PREFIX = 200
"""Bytes of indentation and marks of quotes before a formula that has its lines for itself."""
_LINE_END = re.compile(rb"[ \t\r]*+(?:\n|\Z)")
_BLANK_LINE = re.compile(rb"\n[ \t>]*+\r?\n")
_CELL = re.compile(r'<mtd style="text-align: (left|right)[^"]*"')


def find(
    text: bytes, begin: int, end: int, code: Sequence[tuple[int, int]], links: Sequence[Link]
) -> Iterator[Formula]:
    """Yield the formulas of a paragraph, a range of bytes, outside of its code and its links' targets."""
    raw = text[begin:end]
    masked = bytearray(raw)
    for first, last in code:
        masked[first - begin : last - begin] = b"`" * (last - first)
    closings = _Closings(raw)
    leaf, coming, at = bytes(masked), iter([*links, Link(end, end, end)]), 0
    link = next(coming)
    while opening := _OPENING.search(leaf, at):
        at = opening.end()
        while link.end <= begin + opening.start() and link.end < end:
            link = next(coming)
        limit = len(leaf)
        if link.begin < begin + opening.start():
            if begin + opening.start() >= link.label_end:
                at = link.end - begin
                continue
            limit = link.label_end - begin
        formula = _match(closings, leaf, opening, limit)
        if formula is not None and not _ends_in_link(begin + formula.end, link, links):
            at = formula.end
            yield formula._replace(begin=formula.begin + begin, end=formula.end + begin)


def _ends_in_link(end: int, current: Link, links: Sequence[Link]) -> bool:
    """Return whether a byte is inside a link, but not in the current one's label."""
    last = bisect_left(links, end, key=lambda link: link.begin) - 1
    return last >= 0 and end < links[last].end and (links[last] != current or end > current.label_end)


class _Closings:
    """Finds closing delimiters; the same stretch of text is not searched twice."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._next: dict[bytes, int] = {}

    def after(self, mark: bytes, begin: int) -> int:
        """Return where the next one is; the text's length if there is none."""
        known = self._next.get(mark, -1)
        if known < begin:
            found = self.text.find(mark, begin)
            known = self._next[mark] = found if found >= 0 else len(self.text)
        return known


def _match(closings: _Closings, leaf: bytes, opening: "re.Match[bytes]", limit: int) -> Formula | None:
    begin, inside, mark = opening.start(), opening.end(), opening[0]
    inline = _INLINE.get(mark)
    if inline is None or (mark[:1] == b"$" and _follows_word(leaf, begin)):
        return None
    display = mark in _CLOSING
    if display and (end := _lines_end(closings, begin, inside, _CLOSING[mark], limit)):
        return _formula(closings.text[inside : end - 2], begin, end, display=True, alone=True)
    if found := inline.match(leaf, inside, limit):
        return _formula(found[1], begin, found.end(), display=display, alone=False)
    return None


def _formula(tex: bytes, begin: int, end: int, *, display: bool, alone: bool) -> Formula | None:
    text = tex.decode()
    if len(text) > LONGEST_FORMULA or not text.strip():
        return None
    return Formula(begin, end, text, display, alone)


def _lines_end(closings: _Closings, begin: int, inside: int, closing: bytes, limit: int) -> int:
    """Return where a formula ends that has its lines for itself; 0 if it has not."""
    raw = closings.text
    before = raw[max(0, begin - _LONGEST_PREFIX) : begin].rstrip(b" \t>")
    if begin and not before.endswith(b"\n"):
        return 0
    close = closings.after(closing, inside)
    if (
        close > min(limit, inside + 4 * LONGEST_FORMULA) - 2
        or not _LINE_END.match(raw, close + 2)
        or _BLANK_LINE.search(raw, inside, close)
    ):
        return 0
    return close + 2


def _follows_word(text: bytes, at: int) -> bool:
    """Return whether a dollar sign belongs to the word before it: `US$5`.

    Chinese and Japanese have no spaces: there a formula follows a letter.
    """
    return bool(_LETTER.fullmatch(text[max(0, at - 4) : at].decode(errors="ignore")[-1:]))


def mathml(tex: str, *, display: bool) -> str:
    """Return a formula as MathML, or its source as code if it can't be converted."""
    from math_core import LatexError  # noqa: PLC0415 - loaded with the first formula

    try:
        if len(tex) > LONGEST_FORMULA:
            raise LatexError
        html = _converter().convert_with_local_state(tex, displaystyle=display)
    except LatexError:
        return f"<code>{escape(tex)}</code>"
    return _CELL.sub(r'<mtd class="\1"', html)


@cache
def _converter() -> "LatexToMathML":
    from math_core import LatexToMathML  # noqa: PLC0415 - loaded with the first formula

    return LatexToMathML(fancy_error=False)
