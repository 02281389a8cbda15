"""Regular expressions of models, for RE2: it has no backtracking, so no pattern takes long.

It is near to ripgrep's, which opencode searches with; what differs is translated.
"""

from collections.abc import Callable, Iterator

from opencode.errors import ToolError

MAX_PATTERN = 4_000
"""Characters of an expression."""

MAX_MEMORY = 32 * 1024 * 1024
"""Bytes that one expression may take while it is used; with less, some take a hundred times as long."""

MAX_SIZE = 5_000
"""Steps of a compiled expression."""

PIECE = 256 * 1024
"""Bytes that are searched at a time."""

MAX_LINE = 1024 * 1024
"""Bytes of a line that are searched."""

MAX_PLACES = 200
"""Matches of one line that are told."""

_BY_LINE = "(?m)"

_SETS = {"w": r"\pL\pM\p{Nd}\p{Pc}", "d": r"\p{Nd}", "s": r"\s\x{0b}\x{85}\p{Z}"}
"""Characters of `\\w` and its like, which are those of all scripts in ripgrep and ASCII's in RE2."""


class Expression:
    """A regular expression that is looked for in single lines."""

    def __init__(self, pattern: str) -> None:
        """Raises ToolError, which says what is wrong with it."""
        import re2  # noqa: PLC0415 - the server starts without it

        if len(pattern) > MAX_PATTERN:
            raise ToolError(f"The pattern is longer than {MAX_PATTERN:,} characters. Search for less.")
        options = re2.Options()
        options.log_errors = False
        options.never_capture = True
        options.max_mem = MAX_MEMORY
        try:
            self._compiled = re2.compile(f"{_BY_LINE}{_translated(pattern)}", options)
        except (re2.error, UnicodeEncodeError) as error:
            raise ToolError(
                f"regex parse error: {_explained(error)}. Correct the pattern; look-around and back "
                "references are not available."
            ) from None
        else:
            if self._compiled.programsize > MAX_SIZE:
                raise ToolError("The pattern repeats too much. Search for less of it.")
        finally:
            re2.purge()  # its cache would keep the memory of 128 expressions

    def lines(self, content: bytes, go_on: Callable[[], bool]) -> Iterator[tuple[int, bytes]]:
        """Yield the number and text of each line that matches, with its end.

        `go_on` is asked before each piece of the content whether it is searched.
        """
        number, start = 1, 0
        while start < len(content) and go_on():
            end = content.find(b"\n", min(start + PIECE, len(content)) - 1) + 1 or len(content)
            yield from self._lines(content, start, min(end, start + MAX_LINE), number)
            number += content.count(b"\n", start, end)
            start = end

    def places(self, line: bytes) -> Iterator[tuple[int, int]]:
        """Yield the start and end, in bytes, of each match in a line that is not empty."""
        for count, match in enumerate(self._compiled.finditer(line.rstrip(b"\r\n"))):
            if count == MAX_PLACES:
                return
            if match.start() < match.end():
                yield match.start(), match.end()

    def _lines(self, content: bytes, at: int, end: int, number: int) -> Iterator[tuple[int, bytes]]:
        """Yield the lines between two places that match; a match over several lines counts for none."""
        while at < end and (match := self._compiled.search(content, at, end)) is not None:
            start = max(content.rfind(b"\n", at, max(at, match.start())) + 1, at)
            after = content.find(b"\n", start, end) + 1 or end
            line = content[start:after]
            number += content.count(b"\n", at, start)
            if line and self._compiled.search(line.removesuffix(b"\n")) is not None:
                yield number, line
            at = after
            number += 1


def _explained(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    shown = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return shown.replace(_BY_LINE, "")


def _translated(pattern: str) -> str:
    """Return a pattern with ripgrep's sets for `\\w`, `\\d` and `\\s`; raises ToolError for a line feed."""
    out: list[str] = []
    within = False
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "\\" and at < len(pattern):
            out.append(_escape(pattern[at], within))
            at += 1
        elif char == "[" and not within:
            within = True
            negation = "^" if pattern[at : at + 1] == "^" else ""
            literal = "]" if pattern[at + len(negation) : at + len(negation) + 1] == "]" else ""
            out.append(f"[{negation}{literal}")
            at += len(negation) + len(literal)
        elif char == "[" and pattern[at : at + 1] == ":" and (end := pattern.find(":]", at)) != -1:
            out.append(pattern[at - 1 : end + 2])
            at = end + 2
        else:
            within = within and char != "]"
            out.append(char)
    if "\n" in pattern or r"\n" in out:
        raise ToolError(
            "The pattern has a line feed, but grep looks at single lines. Search for one line of it."
        )
    return "".join(out)


def _escape(letter: str, within: bool) -> str:
    if letter.lower() not in _SETS or (within and letter.isupper()):
        return f"\\{letter}"
    if within:
        return _SETS[letter]
    return f"[{'^' if letter.isupper() else ''}{_SETS[letter.lower()]}]"
