"""The grep tool: lines of files by a regular expression, whose time grows only with the text (RE2)."""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from opencode.errors import ToolError, WorkspaceError
from opencode.schema.base import JsonObject, given
from opencode.tool.base import Tool, ToolContext, ToolResult
from opencode.workspace import MAX_FILE
from opencode.workspace.patterns import PatternError

from . import selection
from .access import Files, Target
from .expression import Expression
from .glob import NO_FILES
from .selection import Search

MAX_MATCHES = 100

MAX_LINE = 2_000
"""Characters of a line."""

_SAMPLE = 64 * 1024


class GrepArgs(msgspec.Struct, frozen=True):
    pattern: Annotated[str, Meta(description="The regular expression to search for in the content of files")]
    path: Annotated[
        str | UnsetType, Meta(description="The folder or file to search in; the whole workspace by default")
    ] = UNSET
    include: Annotated[
        str | UnsetType, Meta(description='A pattern of the files to search (such as "*.js", "*.{ts,tsx}")')
    ] = UNSET


class Match(msgspec.Struct, frozen=True):
    """A line that matches; `text` has its end."""

    path: str
    number: int
    text: str


class GrepFiles(Tool[GrepArgs]):
    name = "grep"
    description = (
        "Search the content of files, in a project of any size.\n\n"
        '- The pattern is a regular expression such as "log.*Error" or "function\\s+\\w+", looked for in '
        "each line; look-around and back references are not available.\n"
        '- `include` limits it to files, such as "*.js" or "*.{ts,tsx}".\n'
        f"- It returns paths with line numbers and lines, at most {MAX_MATCHES}. What `.gitignore` leaves "
        "out is not searched.\n"
        "- For an open search that takes several rounds of glob and grep, use the task tool."
    )
    input_type = GrepArgs
    repeatable = True
    max_output = 400_000

    def __init__(self, files: Files) -> None:
        self._files = files

    async def run(self, args: GrepArgs, context: ToolContext) -> ToolResult:
        if not args.pattern:
            raise ToolError("pattern is required")
        asked: JsonObject = {"pattern": args.pattern, "path": args.path, "include": args.include}
        metadata = {key: value for key, value in asked.items() if value}
        await context.ask("grep", [args.pattern], metadata)
        expression = Expression(args.pattern)
        target = await self._files.target(given(args.path, "") or ".")
        searching = _Searching(self._files, target, args, expression)
        try:
            return await self._files.run(target.path, searching.result)
        finally:
            searching.stop()


class _Searching:
    """One search; `stop` ends it from another thread."""

    def __init__(self, files: Files, target: Target, args: GrepArgs, expression: Expression) -> None:
        self._workspace = files.workspace
        self._target = target
        self._args = args
        self._expression = expression
        self._search: Search | None = None
        self._stopped = False
        self._end = time.monotonic() + selection.SECONDS

    def stop(self) -> None:
        self._stopped = True
        if self._search is not None:
            self._search.cancelled = True

    def result(self) -> ToolResult:
        """Return what was found; raises ToolError. Blocks."""
        matches = list(islice(self._matches(), MAX_MATCHES))
        truncated = len(matches) == MAX_MATCHES
        stopped = self._search.stopped if self._search is not None else self._late()
        metadata: JsonObject = {"matches": len(matches), "truncated": truncated or stopped is not None}
        note = f"(The search stopped after {stopped}. Use a more specific path.)" if stopped else ""
        if not matches:
            output = f"{NO_FILES}\n\n{note}" if note else NO_FILES
            return ToolResult(output, self._args.pattern, metadata)
        lines = [f"Found {len(matches)} matches{' (more matches available)' if truncated else ''}"]
        path = ""
        for match in matches:
            if match.path != path:
                lines += ([""] if path else []) + [f"{match.path}:"]
                path = match.path
            lines.append(f"  Line {match.number}: {match.text}")
        if truncated:
            note = "(Results truncated. Consider using a more specific path or pattern.)"
        lines += ["", note] if note else []
        return ToolResult("\n".join(lines), self._args.pattern, metadata)

    def _matches(self) -> Iterator[Match]:
        for path, real in self._files():
            if self._stopped:
                return
            try:
                content = self._workspace.read(real, MAX_FILE)
            except (WorkspaceError, OSError):
                continue
            for number, line in self._expression.lines(searched(content), self._goes_on):
                yield Match(path, number, _shown(line))

    def _late(self) -> str | None:
        return f"{selection.SECONDS:g} seconds" if time.monotonic() >= self._end else None

    def _goes_on(self) -> bool:
        if self._search is not None:
            return self._search.goes_on() and not self._stopped
        return not self._stopped and time.monotonic() < self._end

    def _files(self) -> Iterator[tuple[str, str]]:
        """Yield the path of each file as it is shown, and from the root."""
        entry = self._workspace.stat(self._target.path)
        if entry.kind != "directory" and not self._args.include:
            yield self._target.path, str(entry.path)
            return
        folder = entry.path if entry.kind == "directory" else entry.path.parent
        patterns = (self._args.include,) if self._args.include else ()
        try:
            self._search = Search(self._workspace, str(folder), patterns, hidden=True)
        except PatternError as error:
            raise ToolError(str(error)) from None
        for found in self._search.files():
            if entry.kind == "directory":
                shown = PurePosixPath(self._target.path) / found.path.relative_to(entry.path)
                yield str(shown), str(found.path)
            elif found.path == entry.path:
                yield self._target.path, str(found.path)


def searched(content: bytes) -> bytes:
    """Return what of a file is searched: nothing of a binary one, UTF-16 as UTF-8."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace").encode()
    content = content.removeprefix(b"\xef\xbb\xbf")
    end = content.find(b"\0")
    if end == -1:
        return content
    return b"" if end < _SAMPLE else content[: content.rfind(b"\n", 0, end) + 1]


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "replace")
    return f"{text[:MAX_LINE]}..." if len(text) > MAX_LINE else text
