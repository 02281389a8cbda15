"""LaTeX formulas in Markdown, as MathML, which browsers render without a script, style or font of ours.

Delimiters: `$x$`, `$$x$$`, `\\(x\\)`, `\\[x\\]`. Dollar amounts are left alone.
"""

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token
    from math_core import LatexToMathML

LONGEST = 2_000
"""Characters of the longest formula that is converted: the converter recurses, and its stack is finite."""

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

_INLINE = (
    re.compile(rf"\\\((?P<tex>(?:\\[^()\n]|[^\\\n]){{1,{LONGEST}}})\\\)"),
    re.compile(rf"(?P<display>\$\$)(?P<tex>(?:\\.|[^$\\`]){{1,{LONGEST}}})\$\$"),
    re.compile(rf"(?P<display>\\\[)(?P<tex>(?:\\[^\[\]\n]|[^\\\n]){{1,{LONGEST}}})\\\]"),
    re.compile(rf"\$(?![\s$])(?P<tex>(?:\\.|[^$\\`]){{1,{LONGEST}}})(?<!\s)\$(?!\d)"),
)
_FENCES = {"$$": "$$", "\\[": "\\]"}
_CELL = re.compile(r'<mtd style="text-align: (left|right)[^"]*"')


def maths(parser: "MarkdownIt") -> None:
    """Add formulas to a parser (a markdown-it plugin)."""
    ends = ["paragraph", "reference", "blockquote", "list"]
    parser.block.ruler.before("fence", "formula_block", _block, {"alt": ends})
    parser.inline.ruler.before("escape", "formula", _inline)
    rules: dict[str, Any] = parser.renderer.rules  # type: ignore[attr-defined]
    rules["formula"] = rules["formula_block"] = _formula


def mathml(tex: str, *, display: bool) -> str:
    """Return a formula as MathML, or its source as code if it can't be converted."""
    from math_core import LatexError  # noqa: PLC0415 - loaded with the first formula

    try:
        if len(tex) > LONGEST:
            raise LatexError
        html = _converter().convert_with_local_state(tex, displaystyle=display)
    except LatexError:
        return f"<code>{escape(tex)}</code>"
    return _CELL.sub(r'<mtd class="\1"', html)


@cache
def _converter() -> "LatexToMathML":
    from math_core import LatexToMathML  # noqa: PLC0415 - loaded with the first formula

    return LatexToMathML(fancy_error=False)


def _formula(tokens: "Sequence[Token]", at: int, *_: Any) -> str:
    token = tokens[at]
    html = mathml(token.content.strip(), display=token.markup == "display")
    return f'<div class="formula">{html}</div>' if token.block else html


def _inline(state: "StateInline", silent: bool) -> bool:
    if state.src[state.pos] not in "$\\" or _follows_word(state.src, state.pos):
        return False
    for pattern in _INLINE:
        if match := pattern.match(state.src, state.pos):
            if not silent:
                token = state.push("formula", "math", 0)
                token.content = match["tex"]
                token.markup = "display" if "display" in match.groupdict() else ""
            state.pos = match.end()
            return True
    return False


def _follows_word(text: str, at: int) -> bool:
    """Return whether a dollar sign belongs to the word before it: `US$5`."""
    return text[at] == "$" and at > 0 and (text[at - 1].isalnum() or text[at - 1] == "$")


def _block(state: "StateBlock", first: int, end: int, silent: bool) -> bool:
    begin = state.bMarks[first] + state.tShift[first]
    closing = _FENCES.get(state.src[begin : begin + 2])
    if closing is None or state.is_code_block(first):
        return False
    close = state.src.find(closing, begin + 2, begin + 2 + LONGEST)
    last = next((line for line in range(first, end) if state.eMarks[line] > close), end)
    if close < 0 or last == end or state.src[close + 2 : state.eMarks[last]].strip():
        return False
    tex = state.getLines(first, last + 1, state.blkIndent, False).strip()[2:-2]
    if "\n\n" in tex or not tex.strip():
        return False
    if not silent:
        token = state.push("formula_block", "math", 0)
        token.block = True
        token.content, token.markup, token.map = tex, "display", [first, last + 1]
        state.line = last + 1
    return True
