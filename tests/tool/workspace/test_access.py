"""Files that tools may not use, and files that others use meanwhile."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from opencode.errors import ToolError
from tests.tool.calls import Call

from .folder import Folder, folder_at

OUTSIDE = [
    "../secret",
    "a/../../secret",
    "/etc/passwd",
    "link",
    "link/passwd",
    "folder-link/secret",
    "~/secret/../../../secret",
    "C:\\secret",
    "..\\secret",
    "nul\0",
    "x" * 300,
    "x/" * 3000,
    "\ud800",
]
CALLS: dict[str, dict[str, Any]] = {
    "read": {"filePath": "PATH"},
    "glob": {"pattern": "*", "path": "PATH"},
    "grep": {"pattern": "x", "path": "PATH"},
    "list": {"path": "PATH"},
    "edit": {"filePath": "PATH", "oldString": "secret", "newString": "x"},
    "write": {"filePath": "PATH", "content": "x"},
    "apply_patch": {"patchText": "*** Begin Patch\n*** Update File: PATH\n@@\n-secret\n+x\n*** End Patch"},
}


class Pausing(Call):
    """A call whose user takes time to answer: `asking` is set when asked, `answered` lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.asking = asyncio.Event()
        self.answered = asyncio.Event()

    async def _ask(self, permission: str, patterns: list[str], metadata: dict[str, Any]) -> None:
        await super()._ask(permission, patterns, metadata)
        self.asking.set()
        with self.waits.waiting():
            await self.answered.wait()


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Folder]:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret\n")
    (root / "link").symlink_to("/etc/passwd")
    (root / "folder-link").symlink_to(tmp_path)
    async with folder_at(root) as folder:
        yield folder


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("tool", CALLS)
async def test_no_path_leads_out_of_the_folder(folder: Folder, tool: str, path: str) -> None:
    arguments = {key: value.replace("PATH", path) for key, value in CALLS[tool].items()}
    with pytest.raises(ToolError) as refused:
        await folder.call(tool, **arguments)
    assert "unexpectedly" not in refused.value.message
    assert "secret\n" not in refused.value.message and "root:" not in refused.value.message
    assert not [asked for asked in folder.asked if asked[0] not in ("glob", "grep")]
    assert (folder.root.parent / "secret").read_text() == "secret\n"
    assert sorted(each.name for each in folder.root.iterdir()) == ["a", "folder-link", "link"]


@pytest.mark.parametrize("tool", ["write", "apply_patch"])
@pytest.mark.parametrize("path", [".git/hooks/x", ".opencode/agent/x.md", "opencode.json", "."])
async def test_what_runs_programs_or_sets_rights_is_not_written(folder: Folder, tool: str, path: str) -> None:
    patch = f"*** Begin Patch\n*** Add File: {path}\n+x\n*** End Patch"
    arguments = {"patchText": patch} if tool == "apply_patch" else {"filePath": path, "content": "x"}
    with pytest.raises(ToolError):
        await folder.call(tool, **arguments)
    assert folder.asked == []


async def test_pipes_and_the_like_are_not_opened(folder: Folder) -> None:
    os.mkfifo(folder.root / "pipe")
    for tool in ("read", "edit", "write", "apply_patch"):
        arguments = {key: value.replace("PATH", "pipe") for key, value in CALLS[tool].items()}
        with pytest.raises(ToolError, match="not a regular file"):
            await folder.call(tool, **arguments)
    assert "pipe" not in (await folder.call("grep", pattern=".")).output


async def test_permission_is_asked_for_where_a_link_leads_too(folder: Folder) -> None:
    folder.write(".env", "KEY=1\n")
    (folder.root / "notes.txt").symlink_to(".env")
    await folder.call("read", filePath="notes.txt")
    await folder.call("edit", filePath="notes.txt", oldString="1", newString="2")
    assert [asked[1] for asked in folder.asked] == [["notes.txt", ".env"]] * 2
    assert (folder.root / "notes.txt").is_symlink() and folder.read(".env") == "KEY=2\n"


async def test_searches_ask_for_their_pattern(folder: Folder) -> None:
    folder.write("a/x.txt", "x\n")
    await folder.call("glob", pattern="*.txt", path="a")
    await folder.call("grep", pattern="x", include="*.txt")
    await folder.call("list", path="a")
    assert folder.asked == [
        ("glob", ["*.txt"], {"pattern": "*.txt", "path": "a"}),
        ("grep", ["x"], {"pattern": "x", "include": "*.txt"}),
        ("list", [str(folder.root / "a")], {"path": str(folder.root / "a")}),
    ]


async def test_a_folder_that_is_only_read_has_no_tools_that_write(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    async with folder_at(tmp_path / "root", writable=False) as folder:
        names = {tool.name for tool in folder.tools.list()}
    assert {"read", "glob", "grep", "list"} <= names
    assert names.isdisjoint({"edit", "write", "apply_patch"})


@pytest.mark.parametrize("tool", ["edit", "write", "apply_patch"])
async def test_a_refused_change_changes_nothing(folder: Folder, tool: str) -> None:
    folder.write("f.txt", "secret\n")
    arguments = {key: value.replace("PATH", "f.txt") for key, value in CALLS[tool].items()}
    with pytest.raises(ToolError, match="not allowed: edit"):
        await folder.call(tool, Call(refuse=True), **arguments)
    assert folder.read("f.txt") == "secret\n"


@pytest.mark.parametrize("tool", ["edit", "write", "apply_patch"])
async def test_a_file_that_changed_while_the_user_decided_is_left_alone(folder: Folder, tool: str) -> None:
    folder.write("f.txt", "secret\n")
    arguments = {key: value.replace("PATH", "f.txt") for key, value in CALLS[tool].items()}
    slow = Pausing()
    call = asyncio.create_task(folder.call(tool, slow, **arguments))
    await slow.asking.wait()
    folder.write("f.txt", "of somebody else\n")
    slow.answered.set()
    with pytest.raises(ToolError, match="Read it again"):
        await call
    assert folder.read("f.txt") == "of somebody else\n"


async def test_changes_of_one_file_wait_for_each_other(folder: Folder) -> None:
    folder.write("f.txt", "one two\n")
    first, second, third = Pausing(), Pausing(), Pausing()
    calls = [
        asyncio.create_task(folder.call("edit", first, filePath="f.txt", oldString="one", newString="1")),
        asyncio.create_task(
            folder.call("edit", second, filePath="a/../f.txt", oldString="two", newString="2")
        ),
    ]
    begun = [asyncio.create_task(each.asking.wait()) for each in (first, second)]
    await asyncio.wait(begun, return_when=asyncio.FIRST_COMPLETED)
    other = asyncio.create_task(folder.call("write", third, filePath="other.txt", content="x"))
    await third.asking.wait()  # another file is free
    assert first.asking.is_set() != second.asking.is_set()
    for call in (third, first, second):
        call.answered.set()
    await asyncio.gather(*calls, other, *begun)
    assert folder.read("f.txt") == "1 2\n"


async def test_many_edits_at_once_are_all_there(folder: Folder) -> None:
    folder.write("f.txt", "".join(f"<{number}>\n" for number in range(30)))
    await asyncio.gather(
        *(
            folder.call("edit", Call(), filePath="f.txt", oldString=f"<{number}>", newString=f"[{number}]")
            for number in range(30)
        )
    )
    assert folder.read("f.txt") == "".join(f"[{number}]\n" for number in range(30))
