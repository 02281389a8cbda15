"""Reading and searching beyond what was recorded: hostile patterns, large files, rules, limits."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opencode.errors import ToolError
from opencode.tool.workspace import selection
from opencode.workspace import MAX_FILE
from tests.tool.calls import Call

from .folder import Folder, folder_at


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Folder]:
    (tmp_path / "root").mkdir()
    async with folder_at(tmp_path / "root") as folder:
        yield folder


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|aa)*b$", "(.*)*x", "a{1,900}b", "((((a*)*)*)*)*b", "(?:a?){99}b"]
)
async def test_no_expression_takes_long(folder: Folder, pattern: str) -> None:
    folder.write("f.txt", ("a" * 20_000 + "!\n") * 10)
    began = time.process_time()
    result = await folder.call("grep", pattern=pattern)
    assert result.output == "No files found"
    assert time.process_time() - began < 8


@pytest.mark.parametrize(
    "pattern", ["(" * 5_000, "a{1000}{1000}", "\\", "[", "a" * 5_000, "(?P<x", "\\p{Nope}"]
)
async def test_an_expression_that_can_not_be_used_is_told(folder: Folder, pattern: str) -> None:
    folder.write("f.txt", "a\n")
    with pytest.raises(ToolError, match=r"regex parse error|longer than|too much"):
        await folder.call("grep", pattern=pattern)


@pytest.mark.parametrize("pattern", ["*a" * 500 + "b", "{a,b}" * 12, "[" * 3_000, "**/" * 300 + "x", "\\"])
@pytest.mark.parametrize("tool", ["glob", "grep", "list"])
async def test_no_glob_takes_long(folder: Folder, tool: str, pattern: str) -> None:
    folder.write("a" * 200, "x\n")
    arguments = {
        "glob": {"pattern": pattern},
        "grep": {"pattern": "x", "include": pattern},
        "list": {"ignore": [pattern]},
    }
    began = time.process_time()
    try:
        assert (await folder.call(tool, **arguments[tool])).output
    except ToolError as error:
        assert "unexpectedly" not in error.message
    assert time.process_time() - began < 5


async def test_lines_are_found_alone_whatever_the_expression_spans(folder: Folder) -> None:
    folder.write("f.txt", "one\ntwo\n\nthree one")
    assert (await folder.call("grep", pattern="[^x]+three")).metadata["matches"] == 0
    assert (await folder.call("grep", pattern="^$")).output.endswith("  Line 3: \n")
    assert (await folder.call("grep", pattern="one$")).output.endswith("  Line 1: one\n\n  Line 4: three one")
    assert (await folder.call("grep", pattern=r"\s")).metadata["matches"] == 1


async def test_binary_files_are_not_searched_and_utf_16_is(folder: Folder) -> None:
    folder.write("b.bin", b"needle\n\0\n")
    folder.write("late.txt", b"needle\n" + b"x" * 70_000 + b"\n\0needle\n")
    folder.write("wide.txt", "needle\n".encode("utf-16"))
    folder.write("latin.txt", b"caf\xe9 needle\n")
    output = (await folder.call("grep", pattern="needle")).output
    assert "b.bin" not in output and "wide.txt:\n  Line 1: needle" in output
    assert "latin.txt:\n  Line 1: caf\ufffd needle" in output
    assert "late.txt:\n  Line 1: needle" in output and "Line 3" not in output


async def test_a_search_that_takes_too_long_says_so(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "SECONDS", 0.0)
    folder.write("f.txt", "x\n")
    for tool, arguments in (("glob", {"pattern": "*"}), ("grep", {"pattern": "x"}), ("list", {})):
        result = await folder.call(tool, **arguments)
        assert "stopped after 0 seconds" in result.output and result.metadata["truncated"]


async def test_a_line_without_an_end_is_cut(folder: Folder) -> None:
    folder.write("f.txt", "x" * 3_000_000 + "\nsecond\n")
    result = await folder.call("read", filePath="f.txt")
    assert "... (line truncated to 2000 chars)\n2: second\n" in result.output
    assert len(result.output) < 3_000


async def test_a_huge_file_is_read_in_part(folder: Folder) -> None:
    with (folder.root / "f.txt").open("w") as file:
        for number in range(1, 1_500_001):
            file.write(f"line {number}\n")
    assert (folder.root / "f.txt").stat().st_size > MAX_FILE
    result = await folder.call("read", filePath="f.txt", offset=1_400_000, limit=2)
    assert "1400000: line 1400000\n1400001: line 1400001" in result.output


async def test_an_image_is_told_by_its_bytes(folder: Folder) -> None:
    folder.write("i.png", "only text\n")
    folder.write("big.jpg", b"\xff\xd8\xff" + bytes(MAX_FILE))
    result = await folder.call("read", filePath="i.png")
    assert "1: only text" in result.output and not result.attachments
    with pytest.raises(ToolError, match="10 MB"):
        await folder.call("read", filePath="big.jpg")


async def test_rules_of_folders_come_once_in_a_session(folder: Folder) -> None:
    folder.write("AGENTS.md", "of the root")
    folder.write("a/AGENTS.md", "of a")
    folder.write("a/CLAUDE.md", "not read")
    folder.write("a/b/CONTEXT.md", "of b")
    for name in ("a/b/one.txt", "a/two.txt"):
        folder.write(name, "x\n")
    first = await folder.call("read", filePath="a/b/one.txt")
    root = folder.root
    assert first.metadata["loaded"] == [str(root / "a/b/CONTEXT.md"), str(root / "a/AGENTS.md")]
    assert first.output.endswith(
        f"\n\n<system-reminder>\nInstructions from: {root}/a/b/CONTEXT.md\nof b\n\n"
        f"Instructions from: {root}/a/AGENTS.md\nof a\n</system-reminder>"
    )
    second = await folder.call("read", filePath="a/two.txt")
    assert second.metadata["loaded"] == [] and "system-reminder" not in second.output


async def test_a_model_is_told_of_the_folder_if_it_has_a_tool_for_it(folder: Folder) -> None:
    source = folder.source
    assert source.instructions(["webfetch"]) == ()
    (told,) = source.instructions(["webfetch", "read"])
    assert f"Working directory: {folder.root}\n" in told and "read and changed" in told


async def test_the_tree_leaves_out_what_tools_produce_and_what_is_asked(folder: Folder) -> None:
    for name in ("src/b.py", "src/sub/c.py", "a.py", "dist/x.js", "node_modules/m/i.js", "d.log", ".env"):
        folder.write(name, "x\n")
    result = await folder.call("list", ignore=["*.log"])
    assert result.output == f"{folder.root}/\n  src/\n    sub/\n      c.py\n    b.py\n  a.py\n"
    assert result.metadata == {"count": 3, "truncated": False}
    assert (await folder.call("list", path="src/sub")).output == f"{folder.root}/src/sub/\n  c.py\n"


async def test_files_are_cut_from_a_long_list(folder: Folder) -> None:
    for number in range(120):
        folder.write(f"f{number:03}.txt", "x\n")
    result = await folder.call("list")
    assert result.metadata == {"count": 100, "truncated": True}


async def test_searches_beside_each_other_do_not_disturb(folder: Folder) -> None:
    for number in range(50):
        folder.write(f"d{number}/f.txt", f"needle {number}\n")
    results = await asyncio.gather(
        *(folder.call("grep", Call(), pattern=f"needle {number}$") for number in range(50))
    )
    assert [result.metadata["matches"] for result in results] == [1] * 50
