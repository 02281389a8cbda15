"""What changes have made of files, as opencode's clients show it: a patch of each file with all its lines."""

from collections.abc import Sequence
from typing import Literal

from opencode.schema.message import FileDiff

from .diff import Run, line_diff, line_runs, split_lines

MOST_PATCH = 256 * 1024
"""Characters of a patch; a longer one has the changed lines alone, or is left out."""

_NO_NEWLINE = "\\ No newline at end of file"


def file_diff(path: str, before: bytes | None, after: bytes | None) -> FileDiff:
    """Return the difference of two contents of a file, None where there is no file; it takes up to a second.

    Content that is not text in UTF-8 has no patch and no lines.
    """
    status = _status(before is None, after is None)
    texts = _text(before), _text(after)
    if texts[0] is None or texts[1] is None:
        return FileDiff(file=path, patch="", additions=0, deletions=0, status=status)
    runs = line_runs(split_lines(texts[0]), split_lines(texts[1]))
    counts = {sign: sum(len(run.lines) for run in runs if run.sign == sign) for sign in "+-"}
    patch = _whole_patch(path, runs)
    if len(patch) > MOST_PATCH:
        patch = line_diff(path, texts[0], texts[1]).patch
    return FileDiff(
        file=path,
        patch=patch if len(patch) <= MOST_PATCH else "",
        additions=counts["+"],
        deletions=counts["-"],
        status=status,
    )


def unknown_diff(path: str, before: str | None, after: str | None) -> FileDiff:
    """Return the difference of contents that were not kept; None of one where there was no file."""
    status = _status(before is None, after is None)
    return FileDiff(file=path, patch="", additions=0, deletions=0, status=status)


def _status(is_new: bool, is_gone: bool) -> Literal["added", "deleted", "modified"]:
    return "added" if is_new else "deleted" if is_gone else "modified"


def _text(content: bytes | None) -> str | None:
    try:
        text = (content or b"").decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _whole_patch(path: str, runs: Sequence[Run]) -> str:
    lines = [f"{run.sign}{line}" for run in runs for line in run.lines]
    removed = sum(line[0] != "+" for line in lines)
    added = sum(line[0] != "-" for line in lines)
    head = f"@@ -{int(removed > 0)},{removed} +{int(added > 0)},{added} @@"
    shown = []
    for line in lines:
        shown.append(line.removesuffix("\n"))
        if not line.endswith("\n"):
            shown.append(_NO_NEWLINE)
    name = [f"Index: {path}", "=" * 67, f"--- {path}\t", f"+++ {path}\t"]
    return "\n".join([*name, head, *shown] if lines else name) + "\n"
