"""The list tool: the files below a folder as a tree, without what builds and tools produce."""

from itertools import islice
from pathlib import PurePosixPath
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from opencode.errors import ToolError
from opencode.schema.base import given
from opencode.tool.base import Tool, ToolContext, ToolResult
from opencode.workspace.patterns import PatternError

from .access import Files, Target
from .selection import Search

MAX_FILES = 100

PRODUCED = (
    *("node_modules", "__pycache__", ".git", "dist", "build", "target", "vendor", "bin", "obj", ".idea"),
    *(".vscode", ".zig-cache", "zig-out", ".coverage", "coverage", "tmp", "temp", "cache", "logs", ".venv"),
    *("venv", "env"),
)
"""Folders that are left out, as opencode's list leaves them out."""


Patterns = Annotated[list[str], Meta(max_length=100)]


class ListArgs(msgspec.Struct, frozen=True):
    path: Annotated[
        str | UnsetType, Meta(description="The absolute path of the folder; the whole workspace by default")
    ] = UNSET
    ignore: Annotated[Patterns | UnsetType, Meta(description="Glob patterns of what to leave out")] = UNSET


class ListFiles(Tool[ListArgs]):
    name = "list"
    description = (
        f"List the files below a folder as a tree, at most {MAX_FILES}. Leave `path` out for the whole "
        "workspace; `ignore` takes glob patterns of what to leave out. Where you know what to look for, glob "
        "and grep are better."
    )
    input_type = ListArgs
    repeatable = True
    max_output = 200_000

    def __init__(self, files: Files) -> None:
        self._files = files

    async def run(self, args: ListArgs, context: ToolContext) -> ToolResult:
        target = await self._files.target(given(args.path, "") or ".")
        await context.ask("list", [target.path], {"path": target.path})
        return await self._files.run(target.path, self._listed, target, args)

    def _listed(self, target: Target, args: ListArgs) -> ToolResult:
        entry = self._files.workspace.stat(target.path)
        if entry.kind != "directory":
            raise ToolError(f"list path must be a directory: {target.path}")
        patterns = [f"!{name}" for name in (*PRODUCED, *given(args.ignore, []))]
        try:
            search = Search(self._files.workspace, target.path, patterns, hidden=False)
        except PatternError as error:
            raise ToolError(str(error)) from None
        paths = [each.path.relative_to(entry.path) for each in islice(search.files(), MAX_FILES)]
        lines = [f"{target.path}/", *_tree(paths)]
        if search.stopped is not None:
            lines += ["", f"(The list stopped after {search.stopped}. Use a more specific path.)"]
        truncated = len(paths) == MAX_FILES or search.stopped is not None
        return ToolResult(
            output="\n".join(lines) + "\n",
            title=target.relative,
            metadata={"count": len(paths), "truncated": truncated},
        )


def _tree(paths: list[PurePosixPath]) -> list[str]:
    """Return the lines of a tree: of each folder its folders first, then its files."""
    folders: dict[PurePosixPath, set[str]] = {}
    files: dict[PurePosixPath, list[str]] = {}
    for path in paths:
        files.setdefault(path.parent, []).append(path.name)
        for folder in path.parents[:-1]:
            folders.setdefault(folder.parent, set()).add(folder.name)
    lines: list[str] = []

    def add(folder: PurePosixPath, depth: int) -> None:
        for name in sorted(folders.get(folder, ())):
            lines.append(f"{'  ' * depth}{name}/")
            add(folder / name, depth + 1)
        lines.extend(f"{'  ' * depth}{name}" for name in sorted(files.get(folder, ())))

    add(PurePosixPath(), 1)
    return lines
