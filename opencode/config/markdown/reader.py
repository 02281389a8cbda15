"""Reads a folder's agents, commands and modes as the entries of opencode.json that they stand for."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import field

from opencode.schema.base import JsonObject
from opencode.schema.explain import explain

from ..schema import AgentConfig, CommandConfig
from .files import Files, parsed
from .front_matter import Document
from .skills import SkillFile, read_skills

AGENTS = ("agent", "agents")
COMMANDS = ("command", "commands")
MODES = ("mode", "modes")
SKILLS = ("skill", "skills")

COMMAND_KEYS = frozenset({"description", "agent", "model", "variant", "subtask"})
"""What a command's front matter sets; agents pass further keys on to the provider as options."""


class MarkdownSetup(msgspec.Struct, frozen=True):
    """What folders hold. `agents`, `commands`, `modes`: entries of opencode.json, as they were written.

    `skills`: by name. `warnings`: a sentence for each file that was left out.
    """

    agents: dict[str, JsonObject] = field(default_factory=dict)
    commands: dict[str, JsonObject] = field(default_factory=dict)
    modes: dict[str, JsonObject] = field(default_factory=dict)
    skills: dict[str, SkillFile] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def config(self) -> JsonObject:
        """The entries as an opencode.json; a mode is a primary agent, and counts before an agent's file."""
        agents = {**self.agents}
        for name, mode in self.modes.items():
            agents[name] = {**agents.get(name, {}), **mode}
        return {
            **({"agent": agents} if agents else {}),
            **({"command": self.commands} if self.commands else {}),
        }


def read(
    folders: Sequence[Path], skill_folders: Sequence[Path] = (), files: Files | None = None
) -> MarkdownSetup:
    """Return what folders such as `.opencode` hold; where two say something, the later one counts.

    `skill_folders`: further ones that hold nothing but skills, which count before `folders`. `files`: of the
    whole set-up: it reads at most 32 MB, and has the warnings of what can't be used.
    """
    files = files or Files()
    before = len(files.warnings)
    agents: dict[str, JsonObject] = {}
    commands: dict[str, JsonObject] = {}
    modes: dict[str, JsonObject] = {}
    for folder in folders:
        commands |= _read(folder, COMMANDS, files)
        agents |= _read(folder, AGENTS, files)
        modes |= _read(folder, MODES, files)
    skills = read_skills((*skill_folders, *_existing(folders, SKILLS)), files)
    return MarkdownSetup(agents, commands, modes, skills, tuple(files.warnings[before:]))


def _existing(folders: Sequence[Path], names: tuple[str, ...]) -> Iterator[Path]:
    for folder in folders:
        yield from (folder / name for name in names if os.path.isdir(folder / name))


def _read(folder: Path, names: tuple[str, ...], files: Files) -> dict[str, JsonObject]:
    """Return the entries of a folder's files by name: the path below the folder, or what the file says."""
    entries: dict[str, JsonObject] = {}
    depth = 0 if names == MODES else None
    for directory in _existing([folder], names):
        below = (directory, is_markdown) if depth is None else (directory, is_markdown, depth)
        for path in files.below(*below):
            if (document := _document(path, files)) is None:
                continue
            data = {"name": path.relative_to(directory).with_suffix("").as_posix(), **_set(document.data)}
            name = data["name"]
            entry = _command(data, document) if names == COMMANDS else _agent(data, document, names == MODES)
            if why := _fault(name, entry, CommandConfig if names == COMMANDS else AgentConfig):
                files.left_out(path, why)
            else:
                entries[name] = entry
    return entries


def is_markdown(name: str) -> bool:
    """Return whether a file of this name holds an agent, a command or a mode."""
    return name.endswith(".md")


def _document(path: Path, files: Files) -> Document | None:
    document = parsed(path, files)
    if document is None:
        return None
    if document.as_text:
        files.warnings.append(
            f"{path}: its front matter is no YAML and counts as text, as in opencode: {document.as_text}."
        )
    return document


def _command(data: JsonObject, document: Document) -> JsonObject:
    known = {key: value for key, value in data.items() if key in COMMAND_KEYS}
    return {**known, "template": document.content.strip()}


def _agent(data: JsonObject, document: Document, primary: bool) -> JsonObject:
    return {**data, "prompt": document.content.strip(), **({"mode": "primary"} if primary else {})}


def _set(data: JsonObject) -> JsonObject:
    """Return the settings that have a value: `model:` with nothing after it sets none."""
    return {key: value for key, value in data.items() if value is not None}


def _fault(name: Any, entry: JsonObject, kind: type[msgspec.Struct]) -> str:
    """Return why an entry can't be used, "" if it can."""
    if not isinstance(name, str) or not name:
        return "`name` must be text"
    try:
        msgspec.convert(entry, kind)
    except msgspec.ValidationError as error:
        return explain(error, kind, entry, whole="the front matter", show=False)
    return ""
