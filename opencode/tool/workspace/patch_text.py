"""Patches as models write them for apply_patch: files to add, delete, update and move."""

import re
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from opencode.errors import ToolError

MAX_COMPARISONS = 5_000_000
"""Lines compared with lines for one file, a second or two."""

_HEREDOC = re.compile(r"(?:cat\s+)?<<['\"]?(\w+)['\"]?\s*\n(.*?)\n\1\s*\Z", re.DOTALL)
_ADD, _DELETE, _UPDATE, _MOVE = "*** Add File:", "*** Delete File:", "*** Update File:", "*** Move to:"
_END_OF_FILE = "*** End of File"
_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015", "-"),
        "\u2026": "...",
        "\u00a0": " ",
    }
)
"""Marks that models and editors exchange for each other."""


class Chunk(msgspec.Struct, frozen=True):
    """Lines that replace others. `context`: a line above them, or ""; `at_end`: they end the file."""

    old: Sequence[str]
    new: Sequence[str]
    context: str = ""
    at_end: bool = False


class FilePatch(msgspec.Struct, frozen=True):
    """What a patch does with one file. `contents`: of an added file; `chunks`: of an updated one."""

    kind: Literal["add", "delete", "update"]
    path: str
    move_path: str = ""
    contents: str = ""
    chunks: Sequence[Chunk] = ()


def parse_patch(text: str) -> list[FilePatch]:
    """Return what a patch does, in its order; raises ToolError if it has no begin or no end."""
    text = text.strip()
    if match := _HEREDOC.match(text):
        text = match[2]
    lines = text.split("\n")
    marks = [line.strip() for line in lines]
    begin = marks.index("*** Begin Patch") if "*** Begin Patch" in marks else -1
    end = marks.index("*** End Patch") if "*** End Patch" in marks else -1
    if begin == -1 or end == -1 or begin >= end:
        raise ToolError(
            "apply_patch verification failed: Error: Invalid patch format: missing Begin/End markers"
        )
    patches: list[FilePatch] = []
    at = begin + 1
    while at < end:
        patch, at = _file_patch(lines, at)
        if patch is not None:
            patches.append(patch)
    return patches


def _file_patch(lines: Sequence[str], at: int) -> tuple[FilePatch | None, int]:
    line = lines[at].rstrip("\r")
    for header in (_ADD, _DELETE, _UPDATE):
        if line.startswith(header):
            path = line.removeprefix(header).strip()
            break
    else:
        return None, at + 1
    if not path:
        return None, at + 1
    at += 1
    if header == _DELETE:
        return FilePatch("delete", path), at
    if header == _ADD:
        return _added(lines, at, path)
    move_path = ""
    if at < len(lines) and lines[at].startswith(_MOVE):
        move_path = lines[at].removeprefix(_MOVE).strip()
        at += 1
    chunks, at = _chunks(lines, at)
    return FilePatch("update", path, move_path=move_path, chunks=chunks), at


def _added(lines: Sequence[str], at: int, path: str) -> tuple[FilePatch, int]:
    contents = []
    while at < len(lines) and not lines[at].startswith("***"):
        if lines[at].startswith("+"):
            contents.append(lines[at][1:].removesuffix("\r"))
        at += 1
    return FilePatch("add", path, contents="\n".join(contents)), at


def _chunks(lines: Sequence[str], at: int) -> tuple[list[Chunk], int]:
    chunks: list[Chunk] = []
    while at < len(lines) and not lines[at].startswith("***"):
        if not lines[at].startswith("@@"):
            at += 1
            continue
        context = lines[at][2:].strip()
        at += 1
        old: list[str] = []
        new: list[str] = []
        while at < len(lines) and not lines[at].startswith(("@@", "***")):
            sign, line = lines[at][:1], lines[at][1:].removesuffix("\r")
            if sign in (" ", "-"):
                old.append(line)
            if sign in (" ", "+"):
                new.append(line)
            at += 1
        at_end = at < len(lines) and lines[at].rstrip("\r") == _END_OF_FILE
        at += at_end
        chunks.append(Chunk(old, new, context, at_end))
    return chunks, at


def updated(content: str, patch: FilePatch, path: str) -> str:
    """Return a file's content with a patch's chunks applied; raises ToolError if their lines are not there.

    As in opencode, lines may differ in white space around them and in typographic marks, and what is returned
    ends with a line feed. New lines end as the file's lines do.
    """
    end = "\r" if "\r\n" in content else ""
    lines = content.split("\n")
    if lines[-1] == "":
        lines.pop()
    elif end:
        lines[-1] += end
    seek = _Seek([line.removesuffix("\r") for line in lines])
    replacements: list[tuple[int, int, Sequence[str]]] = []
    at = 0
    for chunk in patch.chunks:
        if chunk.context:
            index = seek.find([chunk.context], at)
            if index == -1:
                raise ToolError(
                    "apply_patch verification failed: Error: Failed to find context "
                    f"'{chunk.context}' in {path}"
                )
            at = index + 1
        if not chunk.old:
            replacements.append((len(lines), 0, chunk.new))
            continue
        old, new = chunk.old, chunk.new
        index = seek.find(old, at, chunk.at_end)
        if index == -1 and old[-1] == "":
            old = old[:-1]
            new = new[:-1] if new and new[-1] == "" else new
            index = seek.find(old, at, chunk.at_end)
        if index == -1:
            raise ToolError(
                f"apply_patch verification failed: Error: Failed to find expected lines in {path}:\n"
                + "\n".join(chunk.old)
            )
        replacements.append((index, len(old), new))
        at = index + len(old)
    for index, count, new in sorted(replacements, key=lambda each: each[0], reverse=True):
        lines[index : index + count] = [f"{line}{end}" for line in new]
    return "\n".join(lines if lines and lines[-1] == "" else [*lines, ""])


class _Seek:
    """Finds lines within a file's lines: equal ones first, then ever less strictly."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._left = MAX_COMPARISONS

    def find(self, wanted: Sequence[str], start: int, at_end: bool = False) -> int:
        """Return where the wanted lines begin at `start` or later, -1 if nowhere; raises ToolError."""
        if not wanted:
            return -1
        for reading in _READINGS:
            index = self._find(list(map(reading, wanted)), start, reading, at_end)
            if index != -1:
                return index
        return -1

    def _find(self, wanted: Sequence[str], start: int, reading: Callable[[str], str], at_end: bool) -> int:
        last = len(self._lines) - len(wanted)
        if at_end and last >= start and self._is_at(last, wanted, reading):
            return last
        return next((index for index in range(start, last + 1) if self._is_at(index, wanted, reading)), -1)

    def _is_at(self, index: int, wanted: Sequence[str], reading: Callable[[str], str]) -> bool:
        for offset, line in enumerate(wanted):
            self._left -= 1
            if self._left < 0:
                raise ToolError(
                    "apply_patch verification failed: the patch takes too long to find its place. Use fewer "
                    "or shorter chunks for this file."
                )
            if reading(self._lines[index + offset]) != line:
                return False
        return True


def _as_written(line: str) -> str:
    return line


def _plain_marks(line: str) -> str:
    return line.strip().translate(_TYPOGRAPHY)


_READINGS: tuple[Callable[[str], str], ...] = (_as_written, str.rstrip, str.strip, _plain_marks)
