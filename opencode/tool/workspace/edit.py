"""The edit tool: replace a text in a file."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from opencode.errors import ToolError
from opencode.tool.base import Tool, ToolContext, ToolResult
from opencode.workspace.diff import line_diff

from .access import Files, FileText, Target
from .models import uses_patches
from .replacement import replaced

EMPTY_OLD = (
    "oldString cannot be empty when editing an existing file. Provide the exact text to replace, or use "
    "write for an intentional full-file replacement."
)


class EditArgs(msgspec.Struct, frozen=True):
    filePath: Annotated[str, Meta(description="The absolute path of the file to change")]
    oldString: Annotated[str, Meta(description="The text to replace")]
    newString: Annotated[str, Meta(description="What to replace it with; it must differ from oldString")]
    replaceAll: Annotated[
        bool | UnsetType, Meta(description="Replace every occurrence of oldString (default false)")
    ] = UNSET


class EditFile(Tool[EditArgs]):
    name = "edit"
    description = (
        "Replace a text in a file of the workspace by another one.\n\n"
        "- Read the file before you change it.\n"
        "- oldString is the text as the file has it, with its exact indentation, without the line numbers "
        "that read puts before each line (`1: `).\n"
        "- If oldString is not in the file, the call fails. If it is there more than once, it fails too: "
        "add lines around it until it is unique, or set replaceAll to change every occurrence, for instance "
        "to rename something.\n"
        "- An empty oldString creates a file that does not exist yet.\n"
        "- Prefer changing files to creating new ones. Don't add emojis unless the user asks for them."
    )
    input_type = EditArgs

    def __init__(self, files: Files) -> None:
        self._files = files

    def is_for(self, model_id: str) -> bool:
        return not uses_patches(model_id)

    async def run(self, args: EditArgs, context: ToolContext) -> ToolResult:
        if not args.filePath:
            raise ToolError("filePath is required")
        if args.oldString == args.newString:
            raise ToolError("No changes to apply: oldString and newString are identical.")
        target = await self._files.target(args.filePath)
        async with self._files.changing([target], context):
            content = await self._files.content(target)
            if args.oldString:
                before, after = await self._files.run(target.path, _replaced, target, content, args)
            elif content is not None:
                raise ToolError(EMPTY_OLD)
            else:
                before, after = FileText(""), FileText.of(args.newString)
            diff = await self._files.run(
                target.path, line_diff, target.path, _lf(before.text), _lf(after.text)
            )
            await context.ask("edit", target.patterns, {"filepath": target.path, "diff": diff.patch})
            await self._files.write(context, target, content, after.encoded())
        return ToolResult(
            output="Edit applied successfully.",
            title=target.relative,
            metadata={
                "diagnostics": {},
                "diff": diff.patch,
                "filediff": {
                    "file": target.path,
                    "patch": diff.patch,
                    "additions": diff.additions,
                    "deletions": diff.deletions,
                },
            },
        )


def _replaced(target: Target, content: bytes | None, args: EditArgs) -> tuple[FileText, FileText]:
    if content is None:
        raise ToolError(f"File {target.path} not found")
    before = FileText.decoded(content, target.path)
    end = "\r\n" if "\r\n" in before.text else "\n"
    old, new = (_lf(text).replace("\n", end) for text in (args.oldString, args.newString))
    after = FileText.of(replaced(before.text, old, new, args.replaceAll is True))
    return before, FileText(after.text, before.bom or after.bom)


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n")
