"""The glob tool: files by patterns of their paths."""

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

NO_FILES = "No files found"


class GlobArgs(msgspec.Struct, frozen=True):
    pattern: Annotated[str, Meta(description="The glob pattern that paths must match")]
    path: Annotated[
        str | UnsetType,
        Meta(
            description="The folder to search in. Leave it out for the whole workspace; don't write "
            '"undefined" or "null".'
        ),
    ] = UNSET


class GlobFiles(Tool[GlobArgs]):
    name = "glob"
    description = (
        "Find files by the pattern of their path, in a project of any size.\n\n"
        '- Patterns are globs such as "**/*.js" or "src/**/*.ts".\n'
        f"- It returns the paths that match, at most {MAX_FILES}.\n"
        "- Use it when you know something of a file's name. For an open search that takes several rounds of "
        "glob and grep, use the task tool.\n"
        "- Make several searches that may help in one message."
    )
    input_type = GlobArgs
    repeatable = True
    max_output = 200_000

    def __init__(self, files: Files) -> None:
        self._files = files

    async def run(self, args: GlobArgs, context: ToolContext) -> ToolResult:
        metadata = {"pattern": args.pattern, **({"path": args.path} if args.path else {})}
        await context.ask("glob", [args.pattern], metadata)
        target = await self._files.target(given(args.path, "") or ".")
        return await self._files.run(target.path, self._found, target, args)

    def _found(self, target: Target, args: GlobArgs) -> ToolResult:
        workspace = self._files.workspace
        entry = workspace.stat(target.path)
        if entry.kind == "file":
            raise ToolError(f"glob path must be a directory: {target.path}")
        try:
            search = Search(workspace, target.path, (args.pattern,), hidden=False)
        except PatternError as error:
            raise ToolError(str(error)) from None
        found = [
            str(PurePosixPath(target.path) / each.path.relative_to(entry.path))
            for each in islice(search.files(), MAX_FILES)
        ]
        truncated = len(found) == MAX_FILES or search.stopped is not None
        lines = list(found) or [NO_FILES]
        if len(found) == MAX_FILES:
            lines += [
                "",
                f"(Results are truncated: showing first {MAX_FILES} results. Consider using a more specific "
                "path or pattern.)",
            ]
        elif search.stopped is not None:
            lines += ["", f"(The search stopped after {search.stopped}. Use a more specific path.)"]
        return ToolResult(
            output="\n".join(lines),
            title=target.relative,
            metadata={"count": len(found), "truncated": truncated},
        )
