"""Replace a text within a file's content as the edit tool does: as written, else as it was probably meant.

Models reproduce lines with other white space, indentation or escapes than the file has. Each way of looking
is tried in turn, as in opencode, and what it matches must be unique.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, islice

from opencode.errors import ToolError

SIMILAR = 0.65
"""How alike the lines between two anchors must be, 1 for equal."""

MAX_CANDIDATES = 500
"""Different texts that one wanted text may mean; where there are more, it is ambiguous anyway."""

MAX_CELLS = 3_000_000
"""Characters compared with characters for one edit, about a second; after that only equal lines are alike."""

Matches = Callable[[str, str], Iterator[str]]
"""Yields the texts within a content that a wanted text may mean."""

_ESCAPE = re.compile(r"\\([ntr'\"`\\\n$])")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


def replaced(content: str, old: str, new: str, every: bool = False) -> str:
    """Return the content with `old` replaced by `new`, all of it if `every`; raises ToolError.

    It must be there once, unless `every`, and what is replaced may not be much longer than `old`.
    """
    found = False
    seen: set[str] = set()
    for matches in (_exact, *_TOLERANT):
        for match in islice(matches(content, old), MAX_CANDIDATES):
            first = content.find(match) if match and match not in seen else -1
            if first == -1:
                continue
            found = True
            seen.add(match)
            if _is_much_longer(match, old):
                raise ToolError(
                    "Refusing replacement because the matched span is much larger than oldString. Re-read "
                    "the file and provide the full exact oldString for the intended replacement."
                )
            if every:
                return content.replace(match, new)
            if first == content.rfind(match):
                return content[:first] + new + content[first + len(match) :]
    if not found:
        raise ToolError(
            "Could not find oldString in the file. It must match exactly, including whitespace, indentation, "
            "and line endings."
        )
    raise ToolError(
        "Found multiple matches for oldString. Provide more surrounding context to make the match unique."
    )


def _is_much_longer(match: str, old: str) -> bool:
    lines = old.count("\n") + 1
    if match.count("\n") + 1 >= max(lines + 3, lines * 2):
        return True
    if lines == 1:
        return False
    return len(match.strip()) > max(len(old.strip()) + 500, len(old.strip()) * 4)


def _exact(content: str, old: str) -> Iterator[str]:
    yield old


def _lines_trimmed(content: str, old: str) -> Iterator[str]:
    """Lines that are equal but for white space around them."""
    lines, wanted = content.split("\n"), _without_last_empty(old.split("\n"))
    trimmed, wanted_trimmed = [line.strip() for line in lines], [line.strip() for line in wanted]
    for start in _windows(trimmed, wanted_trimmed):
        yield "\n".join(lines[start : start + len(wanted)])


def _block_between_anchors(content: str, old: str) -> Iterator[str]:
    """The block whose first and last line are equal, if the lines between are similar."""
    wanted = old.split("\n")
    if len(wanted) < 3:
        return
    lines, wanted = content.split("\n"), [line.strip() for line in _without_last_empty(wanted)]
    trimmed = [line.strip() for line in lines]
    slack = max(1, len(wanted) // 4)
    blocks = [
        (start, end) for start, end in _blocks(trimmed, wanted) if abs(end - start + 1 - len(wanted)) <= slack
    ]
    alike = _Likeness()
    if len(blocks) == 1:
        start, end = blocks[0]
        if alike.of(trimmed[start : end + 1], wanted, enough=SIMILAR) >= SIMILAR:
            yield "\n".join(lines[start : end + 1])
    elif blocks:
        scores = [alike.of(trimmed[start : end + 1], wanted) for start, end in blocks]
        best = max(range(len(blocks)), key=scores.__getitem__)
        if scores[best] >= SIMILAR:
            yield "\n".join(lines[blocks[best][0] : blocks[best][1] + 1])


def _white_space_normalized(content: str, old: str) -> Iterator[str]:
    """Lines, or part of one, that are equal but for the amount of white space."""
    lines, words = content.split("\n"), old.split()
    normal = " ".join(words)
    pattern = re.compile(r"\s+".join(map(re.escape, words)))
    tokens = [line.split() for line in lines]
    for line, line_words in zip(lines, tokens, strict=True):
        if line_words == words:
            yield line
        elif words and normal in " ".join(line_words) and (match := pattern.search(line)):
            yield match[0]
    count = old.count("\n") + 1
    if count == 1:
        return
    before = [0, *accumulate(map(len, tokens))]
    flat = [word for line_words in tokens for word in line_words]
    for start in range(len(lines) - count + 1):
        first, last = before[start], before[start + count]
        if last - first == len(words) and flat[first:last] == words:
            yield "\n".join(lines[start : start + count])


def _indentation_flexible(content: str, old: str) -> Iterator[str]:
    """Lines that are equal but for an indentation that all of them share."""
    lines, wanted = content.split("\n"), old.split("\n")
    dedented = _dedented(wanted)
    bare, wanted_bare = [line.lstrip() for line in lines], [line.lstrip() for line in wanted]
    for start in _windows(bare, wanted_bare):
        window = lines[start : start + len(wanted)]
        if _dedented(window) == dedented:
            yield "\n".join(window)


def _escapes_normalized(content: str, old: str) -> Iterator[str]:
    """The text with its escapes (`\\n`, `\\"`) read, or lines whose escapes mean it."""
    wanted = _unescaped(old)
    if wanted in content:
        yield wanted
    lines = content.split("\n")
    meant = [_unescaped(f"{line}\n")[:-1] for line in lines]
    wanted_lines = wanted.split("\n")
    for start in _windows(meant, wanted_lines):
        window = "\n".join(lines[start : start + len(wanted_lines)])
        if _unescaped(window) == wanted:
            yield window


def _boundaries_trimmed(content: str, old: str) -> Iterator[str]:
    """The text without white space around it."""
    wanted = old.strip()
    if not wanted or wanted == old or wanted not in content:
        return
    yield wanted
    lines, count = content.split("\n"), old.count("\n") + 1
    first = wanted.split("\n", 1)[0]
    for start in range(len(lines) - count + 1):
        if first in lines[start] or not lines[start].strip():
            window = "\n".join(lines[start : start + count])
            if window.strip() == wanted:
                yield window


def _context_aware(content: str, old: str) -> Iterator[str]:
    """A block of as many lines whose first and last line are equal, and half of those between."""
    wanted = old.split("\n")
    if len(wanted) < 3:
        return
    lines, wanted = content.split("\n"), [line.strip() for line in _without_last_empty(wanted)]
    trimmed = [line.strip() for line in lines]
    for start, end in _blocks(trimmed, wanted):
        if end - start + 1 != len(wanted):
            continue
        pairs = list(zip(trimmed[start + 1 : end], wanted[1:-1], strict=True))
        counted = [pair for pair in pairs if pair[0] or pair[1]]
        equal = sum(line == other for line, other in counted)
        if not counted or equal / len(counted) >= 0.5:
            yield "\n".join(lines[start : end + 1])


_TOLERANT: tuple[Matches, ...] = (
    _lines_trimmed,
    _block_between_anchors,
    _white_space_normalized,
    _indentation_flexible,
    _escapes_normalized,
    _boundaries_trimmed,
    _context_aware,
)


def _without_last_empty(lines: list[str]) -> list[str]:
    return lines[:-1] if lines[-1] == "" else lines


def _windows(lines: Sequence[str], wanted: Sequence[str]) -> Iterator[int]:
    """Yield where the wanted lines are within the lines, in a time that grows with their length only."""
    if not wanted:
        return
    text, needle = _as_text(lines), _as_text(wanted)
    start = counted = 0
    at = text.find(needle)
    while at != -1:
        start += text.count("\n", counted, at)
        counted = at
        yield start
        at = text.find(needle, at + 1)


def _as_text(lines: Sequence[str]) -> str:
    """Return lines as one text in which each is between line feeds; one that has some itself equals none."""
    return "\n".join(("", *("\ud800" if "\n" in line else line for line in lines), ""))


def _blocks(lines: Sequence[str], wanted: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where blocks of three lines and more begin and end as the wanted lines do."""
    ends = [index for index, line in enumerate(lines) if line == wanted[-1]]
    for start, line in enumerate(lines):
        if line == wanted[0] and (at := bisect_left(ends, start + 2)) < len(ends):
            yield start, ends[at]


def _dedented(lines: Sequence[str]) -> list[str]:
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    width = min(indents, default=0)
    return [line[width:] if line.strip() else line for line in lines]


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text)


class _Likeness:
    """How alike blocks of lines are; the time for all of one edit is bounded."""

    def __init__(self) -> None:
        self._cells = MAX_CELLS

    def of(self, block: Sequence[str], wanted: Sequence[str], enough: float | None = None) -> float:
        """Return how alike the lines between the first and last ones are, 1 for equal and if there are none.

        `enough`: at which the rest is not compared.
        """
        count = min(len(wanted), len(block)) - 2
        if count <= 0:
            return 1.0
        total = 0.0
        for line, other in zip(block[1 : 1 + count], wanted[1 : 1 + count], strict=True):
            longer = max(len(line), len(other))
            if longer:
                total += (1 - self._distance(line, other) / longer) / count
            if enough is not None and total >= enough:
                break
        return total

    def _distance(self, one: str, other: str) -> int:
        """Return the Levenshtein distance of two lines."""
        if one == other:
            return 0
        self._cells -= len(one) * len(other)
        if self._cells < 0 or not one or not other:
            return max(len(one), len(other))
        row = list(range(len(other) + 1))
        for index, letter in enumerate(one, start=1):
            diagonal, row[0] = row[0], index
            for place, against in enumerate(other, start=1):
                diagonal, row[place] = (
                    row[place],
                    min(row[place] + 1, row[place - 1] + 1, diagonal + (letter != against)),
                )
        return row[-1]
