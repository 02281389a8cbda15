"""Skills: folders with a SKILL.md, which says what the skill is for and how to do it."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from .files import Files, parsed

FILE = "SKILL.md"
MAX_NAME = 256


class SkillFile(msgspec.Struct, frozen=True):
    """A skill. `location`: its SKILL.md. `description`: when to use it; None: models are not told of it."""

    name: str
    location: Path
    content: str
    description: str | None = None


def read_skills(folders: Iterable[Path], files: Files) -> dict[str, SkillFile]:
    """Return the skills below folders by name; of two with one name, the later one counts."""
    skills: dict[str, SkillFile] = {}
    read: set[str] = set()
    for folder in folders:
        for path in files.below(folder, is_skill):
            if (real := os.path.realpath(path)) in read:
                continue  # a folder that is linked into another one
            read.add(real)
            skill = _skill(path, files)
            if skill is None:
                continue
            if before := skills.pop(skill.name, None):
                files.left_out(before.location, f"{path} has the name {skill.name!r} too")
            skills[skill.name] = skill
    return skills


def is_skill(name: str) -> bool:
    """Return whether a file of this name holds a skill."""
    return name == FILE


def _skill(path: Path, files: Files) -> SkillFile | None:
    document = parsed(path, files)
    if document is None:
        return None
    name, description = document.data.get("name"), document.data.get("description")
    why = ""
    if document.as_text:
        why = f"its front matter is no YAML: {document.as_text}"
    elif not isinstance(name, str) or not name.strip():
        why = "a skill's front matter needs a `name`"
    elif len(name) > MAX_NAME:
        why = f"its name has more than {MAX_NAME} characters"
    elif description is not None and not isinstance(description, str):
        why = "its `description` must be text"
    if why or not isinstance(name, str):
        files.left_out(path, why)
        return None
    return SkillFile(name, path, document.content, description)
