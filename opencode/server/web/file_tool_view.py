"""Calls of the file tools as the page shows them: the path, the difference, the lines that were read."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import msgspec

from opencode.schema.base import JsonObject
from opencode.schema.event import PermissionAsked

PATH = 300
"""Characters of a path or a pattern."""

LINE = 500
"""Characters of a line."""

LINES = 400
"""Lines of a difference or a text."""

FILES = 100
"""Files of a patch."""

T = TypeVar("T", bound=msgspec.Struct)


class DiffLine(msgspec.Struct, frozen=True):
    """A line of a difference. `kind`: added, removed, kept, or hunk for where lines are left out."""

    kind: str
    text: str


class DiffFile(msgspec.Struct, frozen=True):
    """What a call changed in one file. `omitted`: the lines that are not shown."""

    path: str
    lines: list[DiffLine]
    note: str = ""
    omitted: int = 0


class FileCall(msgspec.Struct):
    """A call of a file tool. `text`: lines that were read or found, "" to show the output as it is."""

    verb: str
    subject: str = ""
    note: str = ""
    diffs: list[DiffFile] = []
    text: str = ""


class _Path(msgspec.Struct, frozen=True):
    file_path: str = msgspec.field(default="", name="filePath")
    path: str = ""
    pattern: str = ""


class _Shown(msgspec.Struct, frozen=True):
    """What the metadata of read has of a file."""

    text: str
    first: int = msgspec.field(name="lineStart")
    last: int = msgspec.field(name="lineEnd")
    total: int = msgspec.field(name="totalLines")


class _Display(msgspec.Struct, frozen=True):
    display: _Shown


class _Counted(msgspec.Struct, frozen=True):
    count: int = 0
    matches: int = 0


class _Diff(msgspec.Struct, frozen=True):
    diff: str


class _PatchedFile(msgspec.Struct, frozen=True):
    path: str = msgspec.field(name="relativePath")
    kind: str = msgspec.field(name="type")
    patch: str
    additions: int = 0
    deletions: int = 0


class _Patched(msgspec.Struct, frozen=True):
    files: list[_PatchedFile]


def file_call(tool: str, arguments: JsonObject, title: str, metadata: JsonObject) -> FileCall | None:
    """Return a call of a file tool as it is shown; None for other tools and inputs of another form.

    `title`, `metadata`: "" and {} while it runs.
    """
    verbs = {
        "read": "Read",
        "glob": "Find files",
        "grep": "Search files",
        "list": "List",
        "edit": "Edit",
        "write": "Write",
        "apply_patch": "Patch",
    }
    named = _typed(arguments, _Path)
    if tool not in verbs or named is None:
        return None
    call = FileCall(verbs[tool], _cut(named.pattern or title or named.file_path or named.path, PATH))
    if tool == "read":
        _add_text(call, metadata)
    elif tool in ("glob", "grep"):
        _add_count(call, tool, metadata)
    elif tool in ("edit", "write"):
        _add_diff(call, metadata)
    elif tool == "apply_patch":
        _add_files(call, metadata)
    return call


def _add_text(call: FileCall, metadata: JsonObject) -> None:
    display = _typed(metadata, _Display)
    if display is None:
        return
    shown = display.display
    lines = shown.text.split("\n")
    width = len(str(shown.first + len(lines)))
    numbered = [
        f"{number:>{width}}  {_cut(line, LINE)}"
        for number, line in enumerate(lines[:LINES], start=shown.first)
    ]
    if len(lines) > LINES:
        numbered.append(f"… {len(lines) - LINES} more lines")
    call.text = "\n".join(numbered)
    call.note = f"lines {shown.first}–{shown.last} of {shown.total}"


def _add_count(call: FileCall, tool: str, metadata: JsonObject) -> None:
    counted = _typed(metadata, _Counted)
    if counted is not None and metadata:
        count, what = (counted.count, "file") if tool == "glob" else (counted.matches, "match")
        plural = what if count == 1 else {"file": "files", "match": "matches"}[what]
        call.note = f"{count} {plural}"


def _add_diff(call: FileCall, metadata: JsonObject) -> None:
    diff = _typed(metadata, _Diff)
    if diff is not None:
        file = diff_file("", diff.diff)
        call.diffs, call.note = [file], file.note


def _add_files(call: FileCall, metadata: JsonObject) -> None:
    patched = _typed(metadata, _Patched)
    if patched is None:
        return
    marks = {"add": "new", "delete": "deleted", "move": "moved"}
    for file in patched.files[:FILES]:
        shown = diff_file(_cut(file.path, PATH), file.patch)
        note = " · ".join(filter(None, (marks.get(file.kind, ""), shown.note)))
        call.diffs.append(DiffFile(shown.path, shown.lines, note, shown.omitted))
    count = len(patched.files)
    call.subject = call.diffs[0].path if count == 1 else f"{count} files"


def diff_file(path: str, patch: str) -> DiffFile:
    """Return a unified patch of one file as lines to show, and how many it adds and removes."""
    lines = list(_diff_lines(patch.split("\n")))
    added = sum(line.kind == "added" for line in lines)
    removed = sum(line.kind == "removed" for line in lines)
    note = f"+{added} −{removed}" if added or removed else ""
    return DiffFile(path, lines[:LINES], note, max(0, len(lines) - LINES))


def asked_diff(request: PermissionAsked) -> DiffFile | None:
    """Return the change that permission is asked for, None if it is for something else."""
    diff = request.metadata.get("diff")
    file = diff_file("", diff) if isinstance(diff, str) else None
    return file if file is not None and file.lines else None


def _diff_lines(lines: Iterable[str]) -> Iterator[DiffLine]:
    kinds = {"+": "added", "-": "removed", " ": "kept", "@": "hunk", "\\": "hunk"}
    within = False
    for line in islice(lines, 200_000):
        within = within or line.startswith("@@")
        if within and line[:1] in kinds:
            text = "⋯" if line.startswith("@@") else _cut(line, LINE)
            yield DiffLine(kinds[line[0]], text)


def _typed(value: Any, kind: type[T]) -> T | None:
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError):
        return None


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
