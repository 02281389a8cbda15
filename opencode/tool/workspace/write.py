"""The write tool: a file's whole content."""

from typing import Annotated

import msgspec
from msgspec import Meta

from opencode.errors import ToolError
from opencode.tool.base import Tool, ToolContext, ToolResult
from opencode.workspace.diff import line_diff

from .access import Files, FileText
from .models import uses_patches


class WriteArgs(msgspec.Struct, frozen=True):
    content: Annotated[str, Meta(description="The whole content of the file")]
    filePath: Annotated[str, Meta(description="The absolute path of the file to write")]


class WriteFile(Tool[WriteArgs]):
    name = "write"
    description = (
        "Write a file of the workspace: a new one, with the folders above it, or all of an existing one.\n\n"
        "- What the file had before is replaced. Read an existing file before you write it.\n"
        "- Prefer changing files to creating new ones, and create documentation (*.md, README) only if the "
        "user asks for it. Don't add emojis unless the user asks for them."
    )
    input_type = WriteArgs

    def __init__(self, files: Files) -> None:
        self._files = files

    def is_for(self, model_id: str) -> bool:
        return not uses_patches(model_id)

    async def run(self, args: WriteArgs, context: ToolContext) -> ToolResult:
        if not args.filePath:
            raise ToolError("filePath is required")
        target = await self._files.target(args.filePath)
        new = FileText.of(args.content)
        async with self._files.changing([target], context):
            content = await self._files.content(target)
            old = FileText.of((content or b"").decode("utf-8", "replace"))
            data = FileText(new.text, old.bom or new.bom).encoded()
            diff = await self._files.run(target.path, line_diff, target.path, old.text, new.text)
            await context.ask("edit", target.patterns, {"filepath": target.path, "diff": diff.patch})
            await self._files.write(context, target, content, data)
        return ToolResult(
            output="Wrote file successfully.",
            title=target.relative,
            metadata={
                "diagnostics": {},
                "filepath": target.path,
                "exists": content is not None,
                "diff": diff.patch,
            },
        )
