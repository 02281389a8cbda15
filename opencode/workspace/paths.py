"""Paths as models and clients write them, as steps below the root; what is no such path is refused."""

import posixpath
import re
from collections.abc import Iterable

from opencode.errors import OutsideWorkspaceError

LONGEST_PATH = 4_096
"""Bytes of a path; more than any system opens."""

LONGEST_STEP = 255
"""Bytes of one name in a path."""

_SHOWN = 200
_DRIVE = re.compile(r"[A-Za-z]:(?:[\\/]|$)")


def steps(path: str, roots: Iterable[str]) -> tuple[str, ...]:
    """Return the names that lead from the root to a path, none for the root itself; `..` is resolved by name.

    `path`: absolute, or relative to the root. `roots`: the absolute paths by which the root is known. Raises
    OutsideWorkspaceError.
    """
    _check(path)
    if not path.startswith("/"):
        return inner_steps(path, path)
    clean = posixpath.normpath("/" + path.lstrip("/"))
    for root in roots:
        if clean == root:
            return ()
        if clean.startswith(root.rstrip("/") + "/"):
            return inner_steps(clean[len(root.rstrip("/")) + 1 :], path)
    raise outside(path)


def inner_steps(relative: str, shown: str) -> tuple[str, ...]:
    """Return the steps of a relative path; raises OutsideWorkspaceError, which shows the path `shown`."""
    clean = posixpath.normpath(relative or ".")
    if clean == "..":
        raise outside(shown)
    names = tuple(name for name in clean.split("/") if name != ".")
    if ".." in names:
        raise outside(shown)
    return names


def outside(path: str) -> OutsideWorkspaceError:
    return OutsideWorkspaceError(
        f"{short(path)} is outside the workspace. Only files in the workspace's directory can be used."
    )


def short(path: str) -> str:
    """Return a path as an error shows it."""
    return repr(path if len(path) <= _SHOWN else f"{path[:_SHOWN]}…")


def _check(path: str) -> None:
    try:
        size = len(path.encode())
        too_long = size > LONGEST_PATH or any(len(step.encode()) > LONGEST_STEP for step in path.split("/"))
    except UnicodeEncodeError:
        raise OutsideWorkspaceError(f"{short(path)} is no path: it holds half a surrogate pair.") from None
    if too_long:
        raise OutsideWorkspaceError(
            f"{short(path)} is longer than a path can be: {LONGEST_PATH:,} bytes, {LONGEST_STEP} for a name."
        )
    if "\0" in path:
        raise OutsideWorkspaceError(f"{short(path)} is no path: it holds a NUL.")
    if "\\" in path or _DRIVE.match(path):
        raise OutsideWorkspaceError(
            f"{short(path)} is a path for Windows. Write it with / between its names, below the workspace."
        )
