"""The apply_patch tool: one patch that adds, updates, moves and deletes files."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from opencode.errors import ToolError
from opencode.schema.base import JsonObject
from opencode.tool.base import Tool, ToolContext, ToolResult
from opencode.workspace.diff import LineDiff, line_diff

from .access import Files, FileText, Target
from .models import uses_patches
from .patch_text import FilePatch, parse_patch, updated

MAX_FILES = 200
"""Files of one patch."""

FAILED = "apply_patch verification failed"


class ApplyPatchArgs(msgspec.Struct, frozen=True):
    patchText: Annotated[str, Meta(description="The whole patch, with every change that is to be made")]


class Step(msgspec.Struct, frozen=True):
    """What a patch does with one file. `before`, `after`: its content; None where there is no file.

    `overwritten`: the content of a file that is already where this one is moved to.
    """

    kind: Literal["add", "update", "move", "delete"]
    target: Target
    diff: LineDiff
    before: bytes | None
    after: bytes | None
    moved_to: Target | None = None
    overwritten: bytes | None = None

    @property
    def place(self) -> Target:
        return self.moved_to or self.target

    def described(self) -> JsonObject:
        """Return the step as clients show it."""
        return {
            "filePath": self.target.path,
            "relativePath": self.place.relative,
            "type": self.kind,
            "patch": self.diff.patch,
            "additions": self.diff.additions,
            "deletions": self.diff.deletions,
            **({"movePath": self.moved_to.path} if self.moved_to is not None else {}),
        }


class ApplyPatch(Tool[ApplyPatchArgs]):
    name = "apply_patch"
    description = (
        "Change files of the workspace by a patch, in a short form of diffs: an envelope with a section for "
        "each file.\n\n"
        "*** Begin Patch\n[ sections ]\n*** End Patch\n\n"
        "Each section begins with one of three headers:\n\n"
        "*** Add File: <path> - a new file; each line after it begins with + and is a line of the file.\n"
        "*** Delete File: <path> - the file is removed; nothing follows.\n"
        "*** Update File: <path> - the file is changed; `*** Move to: <path>` after it renames it. Then come "
        "chunks, each begun by @@, or by @@ and a line of the file above the change. In a chunk lines that "
        "stay begin with a space, lines to remove with -, lines to add with +.\n\n"
        "For example:\n\n"
        "*** Begin Patch\n*** Add File: notes.txt\n+First line\n*** Update File: src/shop.py\n"
        "*** Move to: src/store.py\n@@ def price():\n-    return 1\n+    return 2\n*** Delete File: old.txt\n"
        "*** End Patch\n\n"
        "A header is needed for every file, and a + before every new line, in new files too."
    )
    input_type = ApplyPatchArgs

    def __init__(self, files: Files) -> None:
        self._files = files

    def is_for(self, model_id: str) -> bool:
        return uses_patches(model_id)

    async def run(self, args: ApplyPatchArgs, context: ToolContext) -> ToolResult:
        patches = _parsed(args.patchText)
        targets: dict[str, Target] = {}
        for patch in patches:
            for path in filter(None, (patch.path, patch.move_path)):
                targets[path] = await self._files.target(path)
        async with self._files.changing(targets.values(), context):
            contents = {target.real: await self._files.content(target) for target in targets.values()}
            steps = await self._files.run("The patch", _steps, patches, targets, contents)
            relative = list(dict.fromkeys(step.target.relative for step in steps))
            files = [step.described() for step in steps]
            diff = "".join(f"{step.diff.patch}\n" for step in steps)
            await context.ask(
                "edit",
                list(dict.fromkeys(each for step in steps for each in _patterns(step))),
                {"filepath": ", ".join(relative), "diff": diff, "files": files},
            )
            await self._apply(context, steps)
        said = "\n".join(("Success. Updated the following files:", *map(_line, steps)))
        return ToolResult(said, said, {"diff": diff, "files": files, "diagnostics": {}})

    async def _apply(self, context: ToolContext, steps: list[Step]) -> None:
        done: list[Step] = []
        try:
            for step in steps:
                if step.after is not None:
                    before = step.overwritten if step.moved_to is not None else step.before
                    await self._files.write(context, step.place, before, step.after)
                if step.before is not None and step.kind in ("move", "delete"):
                    await self._files.remove(context, step.target, step.before)
                done.append(step)
        except ToolError as error:
            if not done:
                raise
            listed = "\n".join(map(_line, done))
            raise ToolError(
                f"{error.message} The patch was applied up to there. These files are changed:\n{listed}"
            ) from None


def _parsed(text: str) -> list[FilePatch]:
    if not text:
        raise ToolError("patchText is required")
    patches = parse_patch(text)
    if not patches:
        plain = text.replace("\r\n", "\n").replace("\r", "\n").strip()
        if plain == "*** Begin Patch\n*** End Patch":
            raise ToolError("patch rejected: empty patch")
        raise ToolError(f"{FAILED}: no hunks found")
    if len(patches) > MAX_FILES:
        raise ToolError(f"The patch has {len(patches)} sections; at most {MAX_FILES} are applied at once.")
    return patches


def _steps(
    patches: list[FilePatch], targets: Mapping[str, Target], contents: dict[str, bytes | None]
) -> list[Step]:
    """Return what a patch does, each step on the outcome of those before it; raises ToolError. Blocks."""
    steps = []
    for patch in patches:
        target = targets[patch.path]
        before = contents[target.real]
        if patch.kind == "add":
            step = _added(patch, target, before)
        elif before is None:
            what = "delete" if patch.kind == "delete" else "update"
            raise ToolError(f"{FAILED}: Failed to read file to {what}: {target.path}")
        elif patch.kind == "delete":
            step = _deleted(target, before)
        else:
            moved_to = targets[patch.move_path] if patch.move_path else None
            if moved_to is not None and moved_to.real == target.real:
                moved_to = None
            overwritten = contents[moved_to.real] if moved_to is not None else None
            step = _updated(patch, target, before, moved_to, overwritten)
        contents[target.real] = None if step.kind in ("move", "delete") else step.after
        if step.moved_to is not None:
            contents[step.moved_to.real] = step.after
        steps.append(step)
    return steps


def _added(patch: FilePatch, target: Target, before: bytes | None) -> Step:
    text = patch.contents
    if text and not text.endswith("\n"):
        text += "\n"
    new = FileText.of(text)
    return Step("add", target, line_diff(target.path, "", new.text), before, new.encoded())


def _deleted(target: Target, before: bytes) -> Step:
    text = FileText.of(before.decode("utf-8", "replace")).text
    diff = line_diff(target.path, text, "")
    return Step("delete", target, LineDiff(diff.patch, 0, text.count("\n") + 1), before, None)


def _updated(
    patch: FilePatch, target: Target, before: bytes, moved_to: Target | None, overwritten: bytes | None
) -> Step:
    old = FileText.decoded(before, target.path)
    new = FileText.of(updated(old.text, patch, target.path))
    after = FileText(new.text, old.bom or new.bom).encoded()
    diff = line_diff(target.path, old.text, new.text)
    kind: Literal["move", "update"] = "update" if moved_to is None else "move"
    return Step(kind, target, diff, before, after, moved_to, overwritten)


def _patterns(step: Step) -> list[str]:
    return [*step.target.patterns, *(step.moved_to.patterns if step.moved_to is not None else ())]


def _line(step: Step) -> str:
    letter = {"add": "A", "delete": "D"}.get(step.kind, "M")
    return f"{letter} {step.place.relative}"
