"""Edits and patches beyond what was recorded: bytes that stay, hostile inputs, steps on one file."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opencode.errors import ToolError
from opencode.tool.workspace.replacement import replaced
from opencode.workspace import MAX_FILE

from .folder import Folder, folder_at


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Folder]:
    (tmp_path / "root").mkdir()
    async with folder_at(tmp_path / "root") as folder:
        yield folder


def patch(*lines: str) -> str:
    return "\n".join(("*** Begin Patch", *lines, "*** End Patch"))


UPDATE = ("*** Update File: f.txt", "@@", "-b", "+x", "+y")


@pytest.mark.parametrize(
    ("before", "edited", "patched"),
    [
        (b"a\r\nb\r\nc\r\n", b"a\r\nx\r\ny\r\nc\r\n", b"a\r\nx\r\ny\r\nc\r\n"),
        (b"\xef\xbb\xbfa\nb\n", b"\xef\xbb\xbfa\nx\ny\n", b"\xef\xbb\xbfa\nx\ny\n"),
        (b"a\nb", b"a\nx\ny", b"a\nx\ny\n"),
        (b"a\r\nb", b"a\r\nx\r\ny", b"a\r\nx\r\ny\r\n"),
        (b"\ta\n b\n", b"\ta\n x\ny\n", b"\ta\nx\ny\n"),
    ],
)
async def test_line_ends_and_marks_of_a_file_stay(
    folder: Folder, before: bytes, edited: bytes, patched: bytes
) -> None:
    path = folder.write("f.txt", before)
    path.chmod(0o755)
    await folder.call("edit", filePath="f.txt", oldString="b", newString="x\ny")
    assert path.read_bytes() == edited
    folder.write("f.txt", before)
    await folder.call("apply_patch", patchText=patch(*UPDATE))
    assert path.read_bytes() == patched
    assert path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("content", [b"caf\xe9\nb\n", b"\xff\xfea\0b\0", b"\0b\n\xff"])
async def test_a_file_that_is_not_utf_8_is_not_changed_in_part(folder: Folder, content: bytes) -> None:
    path = folder.write("f.txt", content)
    with pytest.raises(ToolError, match="not text in UTF-8"):
        await folder.call("edit", filePath="f.txt", oldString="b", newString="x")
    with pytest.raises(ToolError, match="not text in UTF-8"):
        await folder.call("apply_patch", patchText=patch(*UPDATE))
    assert path.read_bytes() == content
    await folder.call("write", filePath="f.txt", content="whole\n")
    assert folder.read("f.txt") == "whole\n"


async def test_a_file_that_is_too_large_is_neither_changed_nor_written(folder: Folder) -> None:
    with (folder.root / "f.txt").open("wb") as file:
        file.truncate(MAX_FILE + 1)
    for call in (
        folder.call("edit", filePath="f.txt", oldString="b", newString="x"),
        folder.call("write", filePath="f.txt", content="x"),
        folder.call("write", filePath="g.txt", content="x" * (MAX_FILE + 1)),
        folder.call("apply_patch", patchText=patch(*UPDATE)),
    ):
        with pytest.raises(ToolError, match="10 MB"):
            await call
    assert not (folder.root / "g.txt").exists()


@pytest.mark.parametrize(
    ("content", "old"),
    [
        ("a\n" * 100_000, "a\n b\n" * 1_000),
        ("\n" * 200_000, "x\n" + "\n" * 1_000 + "y"),
        ("{\n" + "x" * 5_000 + "\n}\n", "{\n" + "y" * 5_000 + "\n}"),
        ("begin\n" * 20_000 + "end\n", "begin\nx\ny\nend"),
        (" ".join("a" for _ in range(50_000)), "a  " * 20_000 + "b"),
        ("\\n" * 50_000, "\\n" * 20_000 + "x"),
    ],
)
def test_no_text_takes_long_to_look_for(content: str, old: str) -> None:
    began = time.process_time()
    with pytest.raises(ToolError):
        replaced(content, old, "new")
    assert time.process_time() - began < 8


def test_a_match_of_nothing_replaces_nothing() -> None:
    with pytest.raises(ToolError, match="Could not find"):
        replaced("a\n\nb\n", "   ", "x", every=True)


async def test_sections_for_one_file_build_on_each_other(folder: Folder) -> None:
    folder.write("f.txt", "a\nb\n")
    result = await folder.call(
        "apply_patch",
        patchText=patch(
            *("*** Update File: f.txt", "@@", "-a", "+1"),
            *("*** Update File: f.txt", "*** Move to: g.txt", "@@", "-b", "+2"),
            *("*** Update File: g.txt", "@@", "-1", "+one"),
        ),
    )
    assert folder.read("g.txt") == "one\n2\n" and not (folder.root / "f.txt").exists()
    assert [file["type"] for file in result.metadata["files"]] == ["update", "move", "update"]


async def test_a_patch_whose_later_section_fails_changes_nothing(folder: Folder) -> None:
    folder.write("f.txt", "a\nb\n")
    with pytest.raises(ToolError, match="Failed to find expected lines"):
        await folder.call(
            "apply_patch",
            patchText=patch("*** Add File: n.txt", "+n", "*** Update File: f.txt", "@@", "-nowhere", "+x"),
        )
    assert folder.asked == [] and not (folder.root / "n.txt").exists()


async def test_a_move_onto_itself_only_updates(folder: Folder) -> None:
    folder.write("f.txt", "b\n")
    await folder.call(
        "apply_patch", patchText=patch("*** Update File: f.txt", "*** Move to: ./f.txt", "@@", "-b", "+x")
    )
    assert folder.read("f.txt") == "x\n"


async def test_lines_that_end_the_file_are_looked_for_at_its_end(folder: Folder) -> None:
    folder.write("f.txt", "b\nc\nb\n")
    await folder.call(
        "apply_patch",
        patchText=patch("*** Update File: f.txt", "@@", "-b", "+x", "*** End of File", "@@", "+y"),
    )
    assert folder.read("f.txt") == "b\nc\nx\ny\n"


async def test_a_patch_with_line_ends_of_windows_is_read(folder: Folder) -> None:
    folder.write("f.txt", "a\nb\n")
    await folder.call("apply_patch", patchText=patch(*UPDATE).replace("\n", "\r\n"))
    assert folder.read("f.txt") == "a\nx\ny\n"


async def test_models_get_patches_or_edits_as_opencode_has_it(folder: Folder) -> None:
    def offered(model: str) -> set[str]:
        names = {"edit", "write", "apply_patch"}
        return {tool.name for tool in folder.tools.list() if tool.name in names and tool.is_for(model)}

    for model in ("claude-opus-4-1", "gpt-4.1", "gpt-4o", "gpt-oss-120b", "openai/gpt-oss-20b", "o3"):
        assert offered(model) == {"edit", "write"}, model
    for model in ("gpt-5", "gpt-5.1-codex", "openai/gpt-5-mini", "gpt-3.5-turbo"):
        assert offered(model) == {"apply_patch"}, model
