"""The skill tool: what it gives to models, and that no path leads out of a skill's folder."""

import os
from pathlib import Path

import pytest

from opencode.agent.agents import Agents
from opencode.agent.skills import skill_listing
from opencode.config import Config, SkillFile
from opencode.errors import ToolError
from opencode.tool.base import ToolResult
from opencode.tool.skill import MAX_FILE, Skills
from tests.tool.calls import Call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "skill" / "forms"
    (folder / "scripts").mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: forms\n---\n")
    (folder / "scripts" / "fill.py").write_text("print('fill')")
    (folder / "notes.md").write_text("Notes")
    (tmp_path / "skill" / "secret.txt").write_text("secret")
    return folder


def skills(folder: Path, *others: str) -> Skills:
    named = [SkillFile(name, folder / "SKILL.md", "", f"About {name}") for name in others]
    return Skills([SkillFile("forms", folder / "SKILL.md", "\nFill in forms.\n", "Use for forms"), *named])


async def call(
    folder: Path, file: str | None = None, name: str = "forms", using: Call | None = None
) -> ToolResult:
    (tool,) = skills(folder).list()
    return await tool.run(tool.parse({"name": name, "file": file}), (using or Call()).context)


async def test_a_skill_is_given_in_opencodes_form(folder: Path) -> None:
    using = Call()
    result = await call(folder, using=using)
    assert result.title == "Loaded skill: forms"
    assert result.metadata == {"name": "forms", "dir": str(folder)}
    assert using.asked == [("skill", ["forms"], {})]
    assert result.output.splitlines() == [
        '<skill_content name="forms">',
        "# Skill: forms",
        "",
        "Fill in forms.",
        "",
        f"Base directory for this skill: {folder}",
        "Relative paths in this skill (e.g., scripts/, reference/) are relative to this base directory.",
        "Note: file list is sampled.",
        "",
        "<skill_files>",
        f"<file>{folder}/notes.md</file>",
        f"<file>{folder}/scripts/fill.py</file>",
        "</skill_files>",
        "</skill_content>",
    ]


async def test_files_of_a_skill_are_read_by_either_path(folder: Path) -> None:
    for file in ("scripts/fill.py", "./scripts/fill.py", str(folder / "scripts" / "fill.py")):
        assert (await call(folder, file)).output == "print('fill')"


async def test_a_refusal_reads_nothing(folder: Path) -> None:
    for file in (None, "notes.md"):
        with pytest.raises(ToolError, match="not allowed: skill"):
            await call(folder, file, using=Call(refuse=True))


@pytest.mark.parametrize(
    "file",
    [
        "../secret.txt",
        "scripts/../../secret.txt",
        "/etc/passwd",
        "..\\secret.txt",
        "~/x",
        ".",
        "a\0b",
        "x" * 5000,
    ],
)
async def test_no_path_leads_out(folder: Path, file: str) -> None:
    with pytest.raises(ToolError) as caught:
        await call(folder, file)
    assert "secret" not in caught.value.message.replace("secret.txt", "")
    assert "ame" in caught.value.message


async def test_no_link_pipe_or_folder_is_read(folder: Path) -> None:
    (folder / "link").symlink_to(folder.parent / "secret.txt")
    (folder / "up").symlink_to(folder.parent)
    (folder / "inside").symlink_to(folder / "notes.md")
    os.mkfifo(folder / "pipe")
    for file in ("link", "up/secret.txt", "inside", "pipe", "scripts", "nothing.md", "notes.md/x"):
        with pytest.raises(ToolError, match=r"Files of forms: notes\.md, scripts/fill\.py"):
            await call(folder, file)
    assert (await call(folder)).output.count("<file>") == 2


async def test_long_files_are_cut_and_binary_ones_refused(folder: Path) -> None:
    (folder / "long.txt").write_text("é" * MAX_FILE)
    (folder / "image.png").write_bytes(b"\x89PNG\0\xff")
    (folder / "nul.txt").write_bytes(b"a\0b")
    text = (await call(folder, "long.txt")).output
    assert text.startswith("éé")
    assert text.endswith("[The file is longer: its first 256 KB are above.]")
    for file in ("image.png", "nul.txt"):
        with pytest.raises(ToolError, match="is no text"):
            await call(folder, file)


async def test_only_some_files_are_listed(folder: Path) -> None:
    for number in range(30):
        (folder / f"{number:02}.txt").write_text("x")
    assert (await call(folder)).output.count("<file>") == 10


async def test_an_unknown_skill_is_told_with_the_nearest(folder: Path) -> None:
    with pytest.raises(ToolError, match=r"Skill 'form' not found\. .*forms"):
        await call(folder, name="form")


def test_without_skills_there_is_no_tool() -> None:
    known = Skills()
    assert known.list() == []
    assert skill_listing(known, Agents(Config()).get("build")) == ""


def test_agents_are_told_of_the_skills_that_they_may_use(folder: Path) -> None:
    known = skills(folder, "Zoo", "a-b", "a_b", "internal-x")
    agents = Agents(Config(permission={"skill": {"internal-*": "deny"}}))
    lines = skill_listing(known, agents.get("build")).splitlines()
    assert [line for line in lines if "<name>" in line] == [
        f"    <name>{name}</name>" for name in ("a_b", "a-b", "forms", "Zoo")
    ]
    assert lines[2:8] == [
        "<available_skills>",
        "  <skill>",
        "    <name>a_b</name>",
        "    <description>About a_b</description>",
        f"    <location>{folder}/SKILL.md</location>",
        "  </skill>",
    ]
    assert skill_listing(known, Agents(Config()).get("explore")) == ""
    nothing = Agents(Config(permission={"skill": {"?*": "deny"}}))
    assert skill_listing(known, nothing.get("build")).endswith("No skills are currently available.")
