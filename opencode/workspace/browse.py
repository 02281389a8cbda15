"""What clients see of a workspace's files: a directory, a file, and names that match a few letters."""

import base64
import mimetypes
from collections.abc import Iterator

from opencode.schema.file import FileContent, FileNode

from .root import Workspace

MOST_FOUND = 200
"""Paths that a search for names returns."""

_HIDDEN = (".DS_Store",)


def list_directory(workspace: Workspace, path: str) -> list[FileNode]:
    """Return the entries of a directory, directories first; raises what Workspace raises."""
    known = {found.path for found in workspace.walk(path, skip=frozenset(), deepest=1)}
    nodes = []
    for entry in workspace.list(path):
        if entry.kind not in ("file", "directory") or entry.name in _HIDDEN:
            continue
        is_directory = entry.kind == "directory"
        nodes.append(
            FileNode(
                name=entry.name,
                path=f"{entry.path}/" if is_directory else str(entry.path),
                absolute=str(workspace.root / entry.path),
                type="directory" if is_directory else "file",
                ignored=entry.name != ".git" and entry.path not in known,
            )
        )
    return sorted(nodes, key=lambda node: (node.type != "directory", node.name.casefold()))


def read_content(workspace: Workspace, path: str) -> FileContent:
    """Return a file's content, empty if there is no file; raises what Workspace raises."""
    try:
        content = workspace.read(path)
    except FileNotFoundError:
        return FileContent(type="text", content="")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" not in text:
        return FileContent(type="text", content=text.strip())
    mime, _ = mimetypes.guess_type(path)
    return FileContent(
        type="binary",
        content=base64.b64encode(content).decode(),
        encoding="base64",
        mime_type=mime or "application/octet-stream",
    )


def find_names(workspace: Workspace, query: str, kind: str | None, limit: int) -> list[str]:
    """Return paths with the letters of `query` in this order, the best first; directories end in a slash.

    `kind`: `file` or `directory`, None for both.
    """
    wanted = query.strip().casefold()
    ranked = []
    for path in _paths(workspace, kind):
        rank = _rank(wanted, path.casefold())
        if rank is not None:
            ranked.append((rank, len(path), path))
    return [path for _, _, path in sorted(ranked)[: min(limit, MOST_FOUND)]]


def _paths(workspace: Workspace, kind: str | None) -> Iterator[str]:
    for found in workspace.walk():
        if kind in (None, "directory" if found.is_directory else "file"):
            yield f"{found.path}/" if found.is_directory else str(found.path)


def _rank(wanted: str, path: str) -> int | None:
    """Return how well a path fits: 0 best, None not at all."""
    name = path.rstrip("/").rpartition("/")[2]
    if name.startswith(wanted):
        return 0 if name == wanted or not wanted else 1
    if wanted in name:
        return 2
    if wanted in path:
        return 3
    letters = iter(path)
    return 4 if all(letter in letters for letter in wanted) else None
