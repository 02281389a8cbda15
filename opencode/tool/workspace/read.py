"""The read tool: a file's lines with their numbers, a folder's entries, or an image or PDF as attachment."""

import base64
import codecs
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Annotated, BinaryIO

import msgspec
from msgspec import UNSET, Meta, UnsetType

from opencode.errors import ToolError, WorkspaceError
from opencode.schema.base import JsonObject, given
from opencode.tool.base import Tool, ToolAttachment, ToolContext, ToolResult
from opencode.tool.content_type import sniff
from opencode.workspace import MAX_FILE, Entry

from .access import Files, Target
from .nested_rules import NestedRules

MAX_LINES = 2_000
MAX_LINE = 2_000
"""Characters of a line."""

MAX_BYTES = 50 * 1024
"""Bytes of the lines that one call returns."""

PREVIEW = 20
"""Lines of a preview."""

SAMPLE = 4_096
"""Bytes that tell text from other content."""

SIMILAR_NAMES = 3

_CHUNK = 64 * 1024
_BINARY = frozenset(
    {
        *(".zip", ".tar", ".gz", ".exe", ".dll", ".so", ".class", ".jar", ".war", ".7z", ".doc", ".docx"),
        *(".xls", ".xlsx", ".ppt", ".pptx", ".odt", ".ods", ".odp", ".bin", ".dat", ".obj", ".o", ".a"),
        *(".lib", ".wasm", ".pyc", ".pyo"),
    }
)
_LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")
_COLLATION = {mark: index for index, mark in enumerate("_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789")}
"""The order of marks and digits on the web, before letters."""

PositiveInt = Annotated[int, Meta(ge=0)]


class ReadArgs(msgspec.Struct, frozen=True):
    filePath: Annotated[str, Meta(description="The absolute path of the file or folder")]
    offset: Annotated[
        PositiveInt | UnsetType, Meta(description="The number of the first line to return, counted from 1")
    ] = UNSET
    limit: Annotated[
        PositiveInt | UnsetType, Meta(description="How many lines to return at most (default 2000)")
    ] = UNSET


class Lines(msgspec.Struct):
    """Lines of a file from `first` on. `count`: the lines that were counted, all unless it was `cut`.

    `more`: there are further ones. `cut`: they were left out because of their size.
    """

    first: int
    texts: list[str] = []
    count: int = 0
    more: bool = False
    cut: bool = False
    size: int = 0


class ReadFile(Tool[ReadArgs]):
    name = "read"
    description = (
        "Read a file or a folder of the workspace; a path that does not exist is an error.\n\n"
        "- filePath should be absolute.\n"
        f"- Up to {MAX_LINES} lines are returned, from line `offset` on (the first line is 1). For what "
        "comes after, call it again with a larger offset; prefer large pieces to many small ones.\n"
        "- Each line has its number before it: `<number>: <content>`. A file with `foo\\n` gives `1: foo`. A "
        "folder gives one entry per line, those that are folders with a `/` at the end.\n"
        f"- Lines are cut after {MAX_LINE} characters. To find something in a large file or in long lines, "
        "use grep; to find a file's path, use glob.\n"
        "- Images and PDFs come as attachments.\n"
        "- Read several files by several calls in one message."
    )
    input_type = ReadArgs
    repeatable = True
    max_output = 400_000

    def __init__(self, files: Files, rules: NestedRules) -> None:
        self._files = files
        self._rules = rules

    async def run(self, args: ReadArgs, context: ToolContext) -> ToolResult:
        target = await self._files.target(args.filePath)
        await context.ask("read", target.patterns, {})
        workspace = self._files.workspace
        try:
            entry = await workspace.run(workspace.stat, target.path)
        except FileNotFoundError:
            raise await self._files.run(target.path, self._missing, target) from None
        except OSError:
            entry = await self._files.run(target.path, workspace.stat, target.path)
        if entry.kind == "directory":
            return await self._files.run(target.path, self._folder, target, args)
        result = await self._files.run(target.path, self._file, target, args, entry.size)
        if result.attachments or not result.metadata.get("display"):
            return result
        rules = await self._files.run(target.path, self._rules.new_for, target.real, context)
        return _with_rules(result, rules)

    def _missing(self, target: Target) -> ToolError:
        path = PurePosixPath(target.path)
        name = path.name.lower()
        try:
            names = [entry.name for entry in self._files.workspace.list(str(path.parent))]
        except (WorkspaceError, OSError):
            names = []
        similar = [each for each in names if name in each.lower() or each.lower() in name][:SIMILAR_NAMES]
        if not similar:
            return ToolError(f"File not found: {target.path}")
        listed = "\n".join(str(path.parent / each) for each in similar)
        return ToolError(f"File not found: {target.path}\n\nDid you mean one of these?\n{listed}")

    def _folder(self, target: Target, args: ReadArgs) -> ToolResult:
        names = sorted(map(self._entry_name, self._files.workspace.list(target.path)), key=_collated)
        first, limit = given(args.offset, 0) or 1, given(args.limit, MAX_LINES)
        shown = names[first - 1 : first - 1 + limit]
        truncated = first - 1 + len(shown) < len(names)
        note = (
            f"\n(Showing {len(shown)} of {len(names)} entries. Use 'offset' parameter to read beyond entry "
            f"{first + len(shown)})"
            if truncated
            else f"\n({len(names)} entries)"
        )
        display: JsonObject = {
            "type": "directory",
            "path": target.path,
            "entries": shown,
            "offset": first,
            "totalEntries": len(names),
            "truncated": truncated,
        }
        head = (f"<path>{target.path}</path>", "<type>directory</type>", "<entries>")
        return ToolResult(
            output="\n".join((*head, "\n".join(shown), note, "</entries>")),
            title=target.relative,
            metadata={
                "preview": "\n".join(shown[:PREVIEW]),
                "truncated": truncated,
                "loaded": [],
                "display": display,
            },
        )

    def _entry_name(self, entry: Entry) -> str:
        if entry.kind == "link":
            try:
                entry = self._files.workspace.stat(str(entry.path))
            except (WorkspaceError, OSError):
                return entry.name
        return f"{entry.name}/" if entry.kind == "directory" else entry.name

    def _file(self, target: Target, args: ReadArgs, size: int) -> ToolResult:
        with self._files.workspace.open(target.path) as file:
            sample = file.read(SAMPLE)
            mime = sniff(sample)
            if mime is not None:
                return _attachment(target, mime, sample + file.read(MAX_FILE + 1 - len(sample)))
            if _is_binary(target.path, sample):
                raise ToolError(f"Cannot read binary file: {target.path}")
            file.seek(0)
            lines = _read_lines(file, given(args.offset, 0) or 1, given(args.limit, MAX_LINES))
        if lines.count < lines.first and not (lines.count == 0 and lines.first == 1):
            raise ToolError(f"Offset {lines.first} is out of range for this file ({lines.count} lines)")
        return _text(target, lines)


def _read_lines(file: BinaryIO, first: int, limit: int) -> Lines:
    lines = Lines(first=first)
    for line in _lines_of(file):
        lines.count += 1
        if lines.count < first:
            continue
        if len(lines.texts) >= limit:
            lines.more = True
            continue
        shown = f"{line[:MAX_LINE]}... (line truncated to {MAX_LINE} chars)" if len(line) > MAX_LINE else line
        size = len(shown.encode(errors="surrogatepass")) + bool(lines.texts)
        if lines.size + size > MAX_BYTES:
            lines.cut = lines.more = True
            break
        lines.texts.append(shown)
        lines.size += size
    return lines


def _lines_of(file: BinaryIO) -> Iterator[str]:
    """Yield the lines of a file; a line that never ends is kept only as long as it is shown."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest, began, read = "", False, 0
    while read <= MAX_FILE * 10 and (chunk := file.read(_CHUNK)):
        read += len(chunk)
        text = decoder.decode(chunk)
        if not began and text:
            began, text = True, text.removeprefix("\ufeff")
        *whole, rest = _LINE_END.split(rest + text)
        yield from whole
        if len(rest) > 4 * _CHUNK:
            rest = rest[: MAX_LINE + 1] + rest[-1:]
    rest += decoder.decode(b"", final=True)
    if rest:
        yield from _LINE_END.split(rest.removesuffix("\r"))


def _attachment(target: Target, mime: str, content: bytes) -> ToolResult:
    if len(content) > MAX_FILE:
        raise ToolError(f"{target.path} is larger than the {MAX_FILE // 2**20} MB that can be attached.")
    said = "PDF read successfully" if mime == "application/pdf" else "Image read successfully"
    url = f"data:{mime};base64,{base64.b64encode(content).decode()}"
    metadata: JsonObject = {"preview": said, "truncated": False, "loaded": []}
    return ToolResult(said, target.relative, metadata, (ToolAttachment(mime, url),))


def _text(target: Target, lines: Lines) -> ToolResult:
    last = lines.first + len(lines.texts) - 1
    if lines.cut:
        note = (
            f"(Output capped at {MAX_BYTES // 1024} KB. Showing lines {lines.first}-{last}. "
            f"Use offset={last + 1} to continue.)"
        )
    elif lines.more:
        note = f"(Showing lines {lines.first}-{last} of {lines.count}. Use offset={last + 1} to continue.)"
    else:
        note = f"(End of file - total {lines.count} lines)"
    numbered = "\n".join(f"{number}: {line}" for number, line in enumerate(lines.texts, start=lines.first))
    display: JsonObject = {
        "type": "file",
        "path": target.path,
        "text": "\n".join(lines.texts),
        "lineStart": lines.first,
        "lineEnd": last,
        "totalLines": lines.count,
        "truncated": lines.more,
    }
    head = f"<path>{target.path}</path>\n<type>file</type>\n<content>\n"
    return ToolResult(
        output=f"{head}{numbered}\n\n{note}\n</content>",
        title=target.relative,
        metadata={
            "preview": "\n".join(lines.texts[:PREVIEW]),
            "truncated": lines.more,
            "loaded": [],
            "display": display,
        },
    )


def _with_rules(result: ToolResult, rules: Sequence[tuple[str, str]]) -> ToolResult:
    if not rules:
        return result
    texts = "\n\n".join(f"Instructions from: {path}\n{text}" for path, text in rules)
    return msgspec.structs.replace(
        result,
        output=f"{result.output}\n\n<system-reminder>\n{texts}\n</system-reminder>",
        metadata={**result.metadata, "loaded": [path for path, _ in rules]},
    )


def _is_binary(path: str, sample: bytes) -> bool:
    if PurePosixPath(path).suffix.lower() in _BINARY:
        return True
    control = sum(byte < 9 or 13 < byte < 32 for byte in sample)
    return 0 in sample or control > 0.3 * len(sample)


def _collated(name: str) -> tuple[list[tuple[int, str]], str]:
    """Return the key by which the web sorts names: marks, digits, then letters without regard to case."""
    return [(_COLLATION.get(char, len(_COLLATION)), char) for char in name.casefold()], name.swapcase()
