"""Line differences of two texts, and their unified patch in the form that opencode's clients read.

Myers' greedy algorithm, with the choices of jsdiff where several shortest edits exist: opencode shows its
patches, and so the same change looks the same in both.
"""

from collections.abc import Sequence

import msgspec

MAX_EDITS = 700
"""Lines added and removed beyond which the whole middle of two texts is shown as replaced: the time grows
with the square of this number, half a second here."""

CONTEXT = 4
"""Unchanged lines before and after a change."""

NO_NEWLINE = "\\ No newline at end of file"


class Run(msgspec.Struct, frozen=True):
    """Lines in a row that are all kept (" "), added ("+") or removed ("-")."""

    sign: str
    lines: Sequence[str]


class LineDiff(msgspec.Struct, frozen=True):
    """The difference of two texts as a unified patch, and how many lines it adds and removes."""

    patch: str
    additions: int
    deletions: int


def line_diff(name: str, before: str, after: str) -> LineDiff:
    """Return the difference of two texts of a file; `name` is the path that the patch names."""
    runs = line_runs(split_lines(before), split_lines(after))
    return LineDiff(
        patch=_patch(name, runs),
        additions=sum(len(run.lines) for run in runs if run.sign == "+"),
        deletions=sum(len(run.lines) for run in runs if run.sign == "-"),
    )


def split_lines(text: str) -> list[str]:
    """Return a text's lines with their ends; only a line feed ends one."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def line_runs(before: Sequence[str], after: Sequence[str]) -> list[Run]:
    """Return the lines of two texts as runs, in their order: of a change, what is removed comes first."""
    steps = _shortest_edit(before, after)
    if steps is None:
        return _replaced_middle(before, after)
    runs: list[Run] = []
    at_before = at_after = 0
    for sign, count in steps:
        if sign == "+":
            runs.append(Run("+", after[at_after : at_after + count]))
        else:
            runs.append(Run(sign, before[at_before : at_before + count]))
            at_before += count
        if sign != "-":
            at_after += count
    return runs


class _Path:
    """The furthest point of a diagonal: a place in `before`, and the steps that led there, last one first."""

    __slots__ = ("at", "step")

    def __init__(self, at: int, step: "tuple[str, int, object] | None") -> None:
        self.at = at
        self.step = step

    def moved(self, by: int, sign: str) -> "_Path":
        if self.step is not None and self.step[0] == sign:
            return _Path(self.at + by, (sign, self.step[1] + 1, self.step[2]))
        return _Path(self.at + by, (sign, 1, self.step))

    def slide(self, before: Sequence[str], after: Sequence[str], diagonal: int) -> int:
        """Follow the lines that both texts have; return the place in `after`."""
        first = self.at
        last = min(len(before), len(after) + diagonal) - 1
        while self.at < last and before[self.at + 1] == after[self.at + 1 - diagonal]:
            self.at += 1
        if self.at > first:
            self.step = (" ", self.at - first, self.step)
        return self.at - diagonal


def _shortest_edit(before: Sequence[str], after: Sequence[str]) -> list[tuple[str, int]] | None:
    """Return the shortest edit as signs and numbers of lines, None if it has more than MAX_EDITS lines."""
    start = _Path(-1, None)
    paths: dict[int, _Path | None] = {0: start}
    if start.slide(before, after, 0) + 1 >= len(after) and start.at + 1 >= len(before):
        return _steps(start)
    lowest, highest = -len(after) - len(before), len(after) + len(before)
    for edits in range(1, min(len(before) + len(after), MAX_EDITS) + 1):
        for diagonal in range(max(lowest, -edits), min(highest, edits) + 1, 2):
            removing, adding = paths.get(diagonal - 1), paths.get(diagonal + 1)
            paths[diagonal - 1] = None
            may_add = adding is not None and 0 <= adding.at - diagonal < len(after)
            may_remove = removing is not None and removing.at + 1 < len(before)
            if (
                adding is not None
                and may_add
                and not (removing is not None and may_remove and removing.at >= adding.at)
            ):
                path = adding.moved(0, "+")
            elif removing is not None and may_remove:
                path = removing.moved(1, "-")
            else:
                paths[diagonal] = None
                continue
            at_after = path.slide(before, after, diagonal)
            if path.at + 1 >= len(before) and at_after + 1 >= len(after):
                return _steps(path)
            paths[diagonal] = path
            if path.at + 1 >= len(before):
                highest = min(highest, diagonal - 1)
            if at_after + 1 >= len(after):
                lowest = max(lowest, diagonal + 1)
    return None


def _steps(path: _Path) -> list[tuple[str, int]]:
    steps: list[tuple[str, int]] = []
    step: object = path.step
    while isinstance(step, tuple):
        steps.append((step[0], step[1]))
        step = step[2]
    return steps[::-1]


def _replaced_middle(before: Sequence[str], after: Sequence[str]) -> list[Run]:
    """Return two texts as what they begin and end with in common, and all between as replaced."""
    shorter = min(len(before), len(after))
    head = next((index for index in range(shorter) if before[index] != after[index]), shorter)
    tail = next(
        (index for index in range(shorter - head) if before[-1 - index] != after[-1 - index]), shorter - head
    )
    runs = [
        Run(" ", before[:head]),
        Run("-", before[head : len(before) - tail]),
        Run("+", after[head : len(after) - tail]),
        Run(" ", before[len(before) - tail :]),
    ]
    return [run for run in runs if run.lines]


def _patch(name: str, runs: Sequence[Run]) -> str:
    lines = [f"Index: {name}", "=" * 67, f"--- {name}", f"+++ {name}"]
    for hunk in _hunks(runs):
        lines += hunk
    return "\n".join(_without_common_indent(lines)) + "\n"


def _hunks(runs: Sequence[Run]) -> list[list[str]]:
    """Return the changes with their context; changes with little between them share a hunk."""
    hunks: list[list[str]] = []
    lines: list[str] = []
    starts = (0, 0)
    at_before = at_after = 1
    for index, run in enumerate(runs):
        if run.sign != " ":
            if not lines:
                context = list(runs[index - 1].lines[-CONTEXT:]) if index else []
                starts = (at_before - len(context), at_after - len(context))
                lines = [f" {line}" for line in context]
            lines += [f"{run.sign}{line}" for line in run.lines]
            at_before += len(run.lines) if run.sign == "-" else 0
            at_after += len(run.lines) if run.sign == "+" else 0
            if index < len(runs) - 1:
                continue
        if lines and run.sign == " " and len(run.lines) <= 2 * CONTEXT and index < len(runs) - 1:
            lines += [f" {line}" for line in run.lines]
        elif lines:
            rest = run.lines[:CONTEXT] if run.sign == " " else ()
            lines += [f" {line}" for line in rest]
            hunks.append([_head(starts, lines), *_shown(lines)])
            lines = []
        if run.sign == " ":
            at_before += len(run.lines)
            at_after += len(run.lines)
    return hunks


def _head(starts: tuple[int, int], lines: Sequence[str]) -> str:
    counts = (sum(line[0] != "+" for line in lines), sum(line[0] != "-" for line in lines))
    old, new = (start if count else start - 1 for start, count in zip(starts, counts, strict=True))
    return f"@@ -{old},{counts[0]} +{new},{counts[1]} @@"


def _shown(lines: Sequence[str]) -> list[str]:
    shown = []
    for line in lines:
        shown.append(line.removesuffix("\n"))
        if not line.endswith("\n"):
            shown.append(NO_NEWLINE)
    return shown


def _without_common_indent(lines: list[str]) -> list[str]:
    """Return a patch without the indentation that all its lines share, as opencode shows it."""
    marked = [_is_content(line) for line in lines]
    indents = [
        len(line) - 1 - len(line[1:].lstrip())
        for line, content in zip(lines, marked, strict=True)
        if content and line[1:].strip()
    ]
    width = min(indents, default=0)
    if not width:
        return lines
    return [
        f"{line[0]}{line[1 + width :]}" if content else line
        for line, content in zip(lines, marked, strict=True)
    ]


def _is_content(line: str) -> bool:
    return line.startswith(("+", "-", " ")) and not line.startswith(("---", "+++"))
