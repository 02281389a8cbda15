"""The skill tool: the instructions of a skill, and the files beside its SKILL.md, for the model to read."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

import msgspec
from msgspec import Meta

from opencode.config import SkillFile
from opencode.errors import LONGEST_NAME, ToolError, nearest
from opencode.threads import in_thread

from .base import AnyTool, Tool, ToolContext, ToolResult

SKILL = "skill"
SHOWN_FILES = 10
"""Files beside a skill that its text lists, as many as opencode lists."""

MAX_FILE = 256 * 1024
"""Bytes of a file that are read."""

_MAX_ENTRIES = 1_000
_MAX_DEPTH = 8


class SkillArgs(msgspec.Struct, frozen=True):
    name: Annotated[str, Meta(description="The name of the skill from available_skills")]
    file: Annotated[
        str | None,
        Meta(description="Only to read a file of the skill: its path in the skill's directory."),
    ] = None


class ReadSkill(Tool[SkillArgs]):
    name = SKILL
    description = (
        "Load a specialized skill when the task at hand matches one of the skills listed in the system "
        "prompt.\n\nUse this tool to inject the skill's instructions and resources into current "
        "conversation. The output may contain detailed workflow guidance as well as references to scripts, "
        "files, etc in the same directory as the skill: call it again with `file` to read one of them.\n\n"
        "The skill name must match one of the skills listed in your system prompt."
    )
    input_type = SkillArgs
    repeatable = True

    def __init__(self, skills: "Skills") -> None:
        self._skills = skills

    async def run(self, args: SkillArgs, context: ToolContext) -> ToolResult:
        skill = self._skills.get(args.name)
        await context.ask(SKILL, [skill.name], {})
        if args.file:
            text = await in_thread(_read_beside, skill, args.file)
            return ToolResult(output=text, title=f"{skill.name}: {args.file}", metadata=_metadata(skill))
        return ToolResult(
            output=await in_thread(_text, skill),
            title=f"Loaded skill: {skill.name}",
            metadata=_metadata(skill),
        )


class Skills:
    """The skills by name, and the tool that reads them; without a skill there is no tool."""

    def __init__(self, skills: Iterable[SkillFile] = ()) -> None:
        self._tool = ReadSkill(self)
        self.replace(skills)

    def replace(self, skills: Iterable[SkillFile]) -> None:
        """Offer these skills from now on."""
        self._skills = {skill.name: skill for skill in skills}

    def all(self) -> list[SkillFile]:
        """Return all skills by name, as opencode sorts them: without regard to case at first."""
        return sorted(self._skills.values(), key=lambda skill: (_order(skill.name), skill.name.swapcase()))

    def find(self, name: str) -> SkillFile | None:
        return self._skills.get(name)

    def get(self, name: str) -> SkillFile:
        """Return a skill by name; raises ToolError, which names similar ones."""
        skill = self.find(name)
        if skill is None:
            hint = nearest(name[:LONGEST_NAME], self._skills)
            raise ToolError(f"Skill {name[:LONGEST_NAME]!r} not found. {hint}".rstrip())
        return skill

    def list(self) -> Sequence[AnyTool]:
        """Return the tool, as a source of tools."""
        return [self._tool] if self._skills else []

    def prefixes(self) -> Sequence[str]:
        return ()

    async def ready(self) -> None:
        """Skills are always ready."""

    def instructions(self, offered: Iterable[str]) -> Sequence[str]:
        """Skills are listed by agent, see `agent/skills`."""
        return ()


def _order(name: str) -> str:
    return name.casefold().replace("_", "\x1f")  # before every other mark, as the web's collation has it


def _metadata(skill: SkillFile) -> dict[str, str]:
    return {"name": skill.name, "dir": str(skill.location.parent)}


def _text(skill: SkillFile) -> str:
    """Return a skill in the form in which opencode gives it to models."""
    folder = skill.location.parent
    return "\n".join(
        (
            f'<skill_content name="{skill.name}">',
            f"# Skill: {skill.name}",
            "",
            skill.content.strip(),
            "",
            f"Base directory for this skill: {folder}",
            "Relative paths in this skill (e.g., scripts/, reference/) are relative to this base directory.",
            "Note: file list is sampled.",
            "",
            "<skill_files>",
            *(f"<file>{path}</file>" for path in _files(folder)),
            "</skill_files>",
            "</skill_content>",
        )
    )


def _files(folder: Path) -> list[Path]:
    """Return some of the files that are really in a folder: symbolic links are not followed."""
    found: list[Path] = []
    entries = 0
    pending = [(folder, 0)]
    while pending and len(found) < SHOWN_FILES:
        directory, depth = pending.pop(0)
        for entry in _entries(directory):
            entries += 1
            if entries > _MAX_ENTRIES:
                return found
            if entry.is_dir(follow_symlinks=False):
                if depth < _MAX_DEPTH and entry.name != ".git":
                    pending.append((Path(entry.path), depth + 1))
            elif entry.name != "SKILL.md" and entry.is_file(follow_symlinks=False):
                found.append(Path(entry.path))
    return found[:SHOWN_FILES]


def _entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as scan:
            entries = [entry for entry, _ in zip(scan, range(_MAX_ENTRIES), strict=False)]
    except OSError:
        return
    yield from sorted(entries, key=lambda entry: entry.name)


def _read_beside(skill: SkillFile, name: str) -> str:
    """Return the text of a file in a skill's folder; raises ToolError.

    Each step of the path is opened below the one before it without following links, so that no name and no
    link, even one that is put there meanwhile, leads out of the folder.
    """
    steps = _steps(skill.location.parent, name)
    if not hasattr(os, "O_NOFOLLOW"):
        raise ToolError("This system can't read files beside a skill. Do without it.")
    try:
        content = _content(skill.location.parent, steps)
    except OSError as error:
        why = "is a link, a directory or not there" if error.strerror else "can't be read"
        hint = ", ".join(
            str(path.relative_to(skill.location.parent)) for path in _files(skill.location.parent)
        )
        raise ToolError(f"{name[:LONGEST_NAME]!r} {why}. Files of {skill.name}: {hint or 'none'}.") from None
    try:
        text = content[:MAX_FILE].decode("utf-8", errors="strict" if len(content) <= MAX_FILE else "ignore")
    except UnicodeDecodeError:
        raise ToolError(f"{name[:LONGEST_NAME]!r} is no text in UTF-8. Do without it.") from None
    if "\0" in text:
        raise ToolError(f"{name[:LONGEST_NAME]!r} is no text. Do without it.")
    return (
        text if len(content) <= MAX_FILE else f"{text}\n\n[The file is longer: its first 256 KB are above.]"
    )


def _steps(folder: Path, name: str) -> Sequence[str]:
    """Return the steps of a path in the folder; raises ToolError for one that leads elsewhere."""
    if "\0" in name or len(name) > 4096:
        raise ToolError("That is no path. Name a file of the skill.")
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() and path.is_relative_to(folder.as_posix()):
        path = path.relative_to(folder.as_posix())
    if path.is_absolute() or ".." in path.parts or not path.parts or path.parts[0] == "~":
        raise ToolError("Only files in the skill's directory can be read. Name one by its path in it.")
    return path.parts


def _content(folder: Path, steps: Sequence[str]) -> bytes:
    """Return at most MAX_FILE bytes and one more of a file; raises OSError."""
    held = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY)]
    try:
        for step in steps[:-1]:
            held.append(os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=held[-1]))
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with os.fdopen(os.open(steps[-1], flags, dir_fd=held[-1]), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError("no file")
            return file.read(MAX_FILE + 1)
    finally:
        for descriptor in held:
            os.close(descriptor)
