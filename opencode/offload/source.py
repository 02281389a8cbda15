"""Readies hostile Markdown for the parser: characters that would cost it much, or start HTML, are hidden.

Each is one byte and is replaced by one byte, so that ranges in one text are ranges in the other.
"""

import re

ANGLE = "\x01"
"""Stands for `<`, so that no HTML is recognised."""

MARK = "\x02"
"""Stands for a character that would begin or change a block."""

WIDE = "\u2e3b"
"""Stands for a Chinese, Japanese or Korean letter beside emphasis: a mark of as many bytes. These scripts put
no space around emphasis, and by CommonMark's rules the stars of `**重要：**这是` would not end it."""

_EMPHASIS = {ord("*"): "\x03", ord("_"): "\x04", ord("~"): "\x05"}
"""Stand for what would be emphasis in a formula."""

LONGEST_FORMULA = 2_000
"""Characters of the longest formula that is converted: the converter recurses, and its stack is finite."""

CJK = "\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""The letters of Chinese, Japanese and Korean, as ranges of a regular expression. Each is three bytes."""

_BESIDE_EMPHASIS = re.compile(
    rf"(?<=[^\w\s*~])(?P<run>\*++|~~)[{CJK}]|(?<![*~])[{CJK}](?=(?:\*++|~~)[^\w\s*~])"
)
_FOREIGN = re.compile("[\x00-\x05\ud800-\udfff]")
_SHOWN = {ord(ANGLE): "<", ord(MARK): "", **{ord(stand_in): chr(own) for own, stand_in in _EMPHASIS.items()}}
_HIDDEN = re.compile("[\x01-\x05]")
_HTML = re.compile(
    r"(?<!\\)(?<!\]\()(?<!\]:)(?<!\]: )<(?!"
    r"[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*+>|[\w.!#$%&'*+/=?^`{|}~-]++@[\w.-]++>)"
)
_FORMULA = ("$", "\\(", "\\[")
_FORMULA_IN_LINE = re.compile(
    rf"(?<![^\W{CJK}])(?<![$\\])\$\$(?:\\.|[^$\\`\n])++\$\$"
    rf"|(?<![^\W{CJK}])(?<![$\\])\$(?![\s$])(?:\\.|[^$\\`\n])++(?<!\s)\$(?!\d)"
    r"|(?<!\\)\\\((?:\\[^()\n]|[^\\\n])++\\\)"
    r"|(?<!\\)\\\[(?:\\[^\[\]\n]|[^\\\n])++\\\]"
)
"""What is a formula if it is neither code nor part of an address."""

_DEEP = re.compile(r"^[ \t>*+\-\d.)]{100}(?P<more>[ \t>*+\-\d.)]+)", re.MULTILINE)
"""A line that begins with a hundred characters of indentation and marks of quotes and lists."""
_DEEP_MARK = re.compile(r">|[-+*.)](?=[ \t])")

_OPENING = re.compile(
    r"^(?P<prefix>(?:[ \t>]|[-+*][ \t]|\d{1,9}[.)][ \t])*+)"
    r"(?:(?P<fence>`{3,}+|~{3,}+)(?P<info>[^\n]*)|(?P<formula>\$\$|\\\[))",
    re.MULTILINE,
)
_CLOSING = {"$$": "$$", "\\[": "\\]"}
_BLANK_LINE = re.compile(r"\n[ \t>]*\r?\n")
_LESS_DEEP = re.compile(r"\n(?![ >]{4}|[ >]{0,3}\t)")
_REST_OF_LINE = re.compile(r"[ \t\r]*(?=\n|\Z)")


class Source:
    """A text with what its parser may see of it."""

    def __init__(self, text: str, *, grows: bool = False) -> None:
        """Ready a text; `grows` if its end is not its end, so that a formula may be closed later."""
        text = _FOREIGN.sub("\ufffd", text)
        self.bytes = text.encode()
        """The text as it is shown."""
        self.has_formulas = any(mark in text for mark in _FORMULA)
        seen = _HTML.sub(ANGLE, text) if "<" in text else text
        seen = _DEEP.sub(_without_deep_marks, seen)
        if self.has_formulas:
            seen = _FORMULA_IN_LINE.sub(_without_emphasis, _without_marks_in_formulas(seen, grows))
        seen = _BESIDE_EMPHASIS.sub(lambda found: f"{found['run'] or ''}{WIDE}", seen)
        self.parsed = seen
        """The text as the parser sees it."""
        self.has_marks = MARK in self.parsed or WIDE in self.parsed
        self.has_footnotes = "[^" in text and "]:" in text
        self._footnotes: dict[str, int] = {}

    def footnote(self, label: str) -> int:
        """Return the number of a footnote: they are counted in the order in which this is asked first."""
        return self._footnotes.setdefault(label, len(self._footnotes) + 1)

    def characters(self, end: int) -> int:
        """Return how many characters there are before a byte."""
        return len(self.bytes[:end].decode())

    def line(self, at: int) -> int:
        """Return where the line of a byte begins."""
        return self.bytes.rfind(b"\n", 0, at) + 1

    def shown(self, text: str, begin: int, end: int) -> str:
        """Return text that the parser took from a range, with what was hidden from it."""
        if MARK in text or WIDE in text:
            source = self.bytes[begin:end]
            if len(source) == len(text.encode()):
                return source.decode()
            code = source.strip(b"`").decode()
            is_padded = code[:1] == " " == code[-1:] and code.strip(" ")
            return code[1:-1] if is_padded else code
        return unhidden(text)


def unhidden(text: str) -> str:
    """Return an attribute that the parser made, such as a link's target, as it was written."""
    return text.translate(_SHOWN) if _HIDDEN.search(text) else text


def _without_emphasis(formula: "re.Match[str]") -> str:
    return formula[0] if "](" in formula[0] else formula[0].translate(_EMPHASIS)


def _without_deep_marks(line: "re.Match[str]") -> str:
    return line[0][:100] + _DEEP_MARK.sub(MARK, line["more"])


def _without_marks_in_formulas(text: str, grows: bool) -> str:
    """Hide what would begin a list, a quote or a heading inside formulas on lines of their own."""
    pieces, copied, at = list[str](), 0, 0
    fence: _Fence | None = None
    closings = dict.fromkeys(_CLOSING.values(), -1)
    while opening := _OPENING.search(text, at):
        at = opening.end()
        if fence and fence.is_left(text, at):
            fence = None
        if found := opening["fence"]:
            if fence:
                fence = None if fence.is_closed_by(opening) else fence
            elif found[0] == "~" or "`" not in opening["info"]:
                fence = _Fence(opening)
        elif not fence and (end := _formula_end(text, opening, closings, grows)):
            quotes = opening["prefix"].count(">")
            pieces += (text[copied:at], _mark(quotes).sub(_hidden, text[at:end]))
            copied = at = end
    return "".join((*pieces, text[copied:])) if pieces else text


class _Fence:
    """Code, which ends with a line of the same marks, or with the list or quote that it is in."""

    def __init__(self, opening: "re.Match[str]") -> None:
        self._marks = opening["fence"]
        self._checked = opening.end()
        prefix = opening["prefix"]
        width = len(prefix.expandtabs(4))
        if quotes := prefix.count(">"):
            self._leaving = rf"\n(?!(?:[ \t]*+>){{{min(quotes, 100)}}})"
        elif prefix.strip():
            self._leaving = rf"\n(?![ \t]*+\r?(?:\n|\Z)|[ ]{{{min(width, 100)}}}|[ ]{{0,3}}\t)"
        else:  # by its depth in a list, or itself part of indented code
            self._leaving = r"\n(?=[^\s])" if width >= 4 else ""

    def is_left(self, text: str, at: int) -> bool:
        """Return whether the list or quote has ended before a character; each question goes further on."""
        begin, self._checked = self._checked, at
        return bool(self._leaving and re.compile(self._leaving).search(text, begin, at))

    def is_closed_by(self, opening: "re.Match[str]") -> bool:
        is_bare = not (opening["prefix"].strip(" \t>") or opening["info"].strip())
        return is_bare and bool(opening["fence"].startswith(self._marks))


def _formula_end(text: str, opening: "re.Match[str]", closings: dict[str, int], grows: bool) -> int:
    """Return where a formula on lines of its own ends; 0 if there is none.

    `closings` remembers where the next ones are, so that no text is searched twice.
    """
    begin = opening.end()
    limit = begin + LONGEST_FORMULA
    mark = _CLOSING[opening["formula"]]
    if closings[mark] < begin:
        found = text.find(mark, begin)
        closings[mark] = found if found >= 0 else len(text)
    end = closings[mark]
    is_open = end == len(text)
    if end > limit or _BLANK_LINE.search(text, begin, end):
        return 0
    if not (grows if is_open else _REST_OF_LINE.match(text, end + 2)):
        return 0
    is_deep = len(opening["prefix"].expandtabs(4)) >= 4  # in a list's item, or code, which indentation ends
    return 0 if is_deep and _LESS_DEEP.search(text, begin, end) else end


def _mark(quotes: int) -> "re.Pattern[str]":
    prefix = rf"[ \t]*+(?:>[ \t]*+){{0,{min(quotes, 100)}}}+"
    return re.compile(rf"(?P<prefix>\n{prefix})(?P<mark>[-+*>#=~:|_`]|\d(?=\d{{0,8}}[.)]))")


def _hidden(mark: "re.Match[str]") -> str:
    return mark["prefix"] + MARK
