"""Where a set-up is looked for: the files and folders that opencode reads, in their order."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from opencode.errors import SettingsError

from . import variables
from .saved import SAVED, data_directory

FOLDER = ".opencode"
RULES = ("AGENTS.md", "CLAUDE.md", "CONTEXT.md")
_FILES = ("opencode.json", "opencode.jsonc")


class Folder(msgspec.Struct, frozen=True):
    """A folder with agents, commands, modes and skills in Markdown. `files`: its configuration files."""

    path: Path
    files: tuple[Path, ...] = ()


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of a set-up. Of two values the later place's counts: `user`, `named`, `files`, `folders`.

    `project`: the directory that the set-up is for. `root`: of its repository, where looking upwards ends;
    without a repository the project itself. `user_folder`: of the set-up for all projects, whether it exists
    or not; None without a home. `user`, `files`: configuration files of the user and of the project; `named`:
    of OPENCODE_CONFIG. `rules`: names of the project's rules, of which the files of the first that there is
    count; `user_rules`: the user's, the first that there is counts. `saved`: the file of
    what clients have changed, whether it exists or not; it counts more than all others.
    """

    project: Path
    root: Path | None = None
    home: Path | None = None
    user_folder: Path | None = None
    user: tuple[Path, ...] = ()
    named: Path | None = None
    files: tuple[Path, ...] = ()
    folders: tuple[Folder, ...] = ()
    rules: tuple[str, ...] = RULES
    user_rules: tuple[Path, ...] = ()
    saved: Path | None = None

    def upwards(self) -> Iterator[Path]:
        """Yield the project's directory and those above it, up to the root of its repository."""
        yield from _upwards(self.project, self.root or self.project)


def find_places(env: Mapping[str, str]) -> Places:
    """Look for a set-up; raises SettingsError where the environment names a file or folder that is none.

    The home is that of `env`: without HOME, nothing of the user is read. A project that OPENCODE_CONFIG alone
    names has no other configuration file, as the one that is named was written to be the whole of it.
    """
    home = Path(env["HOME"]).absolute() if env.get("HOME") else None
    named = _named_file(env)
    directory = _named_folder(variables.DIRECTORY, env)
    project = directory or (named.parent if named else Path().absolute())
    root = next((path for path in (project, *project.parents) if os.path.exists(path / ".git")), project)
    upwards = list(_upwards(project, root))
    config_home = Path(env["XDG_CONFIG_HOME"]) if env.get("XDG_CONFIG_HOME") else home and home / ".config"
    user_folder = config_home.absolute() / "opencode" if config_home else None
    claude = not variables.is_set(env, "OPENCODE_DISABLE_CLAUDE_CODE", "OPENCODE_DISABLE_CLAUDE_CODE_PROMPT")
    further = _named_folder(variables.CONFIG_DIR, env)
    whole = not variables.is_set(env, "OPENCODE_DISABLE_PROJECT_CONFIG")
    folders = [path / FOLDER for path in upwards] if whole else []
    if home:
        folders.append(home / FOLDER)
    if further:
        folders.append(further)
    known = [Folder(user_folder)] if user_folder and os.path.isdir(user_folder) else []
    known += [Folder(path, _configurations(path)) for path in dict.fromkeys(folders) if os.path.isdir(path)]
    return Places(
        project=project,
        root=root,
        home=home,
        user_folder=further or user_folder,
        user=_configurations(user_folder, "config.json") if user_folder else (),
        named=named,
        files=()
        if not whole or (named and not directory)
        else tuple(file for path in reversed(upwards) for file in _configurations(path)),
        folders=tuple(known),
        rules=_rules(whole, claude),
        user_rules=tuple(_user_rules(further or user_folder, home if claude else None)),
        saved=data_directory(env) / SAVED,
    )


def skill_folders(places: Places, env: Mapping[str, str]) -> Iterator[Path]:
    """Yield the folders in which other programs keep skills: those of the user, then of the project."""
    if variables.is_set(env, "OPENCODE_DISABLE_EXTERNAL_SKILLS"):
        return
    claude = not variables.is_set(env, "OPENCODE_DISABLE_CLAUDE_CODE", "OPENCODE_DISABLE_CLAUDE_CODE_SKILLS")
    for folder in (*([places.home] if places.home else []), *places.upwards()):
        for name in (".claude", ".agents") if claude else (".agents",):
            if os.path.isdir(folder / name / "skills"):
                yield folder / name / "skills"


def _rules(whole: bool, claude: bool) -> tuple[str, ...]:
    return tuple(name for name in RULES if claude or name != "CLAUDE.md") if whole else ()


def _user_rules(folder: Path | None, home: Path | None) -> Iterator[Path]:
    if folder:
        yield folder / "AGENTS.md"
    if home:
        yield home / ".claude" / "CLAUDE.md"


def _named_file(env: Mapping[str, str]) -> Path | None:
    if not (name := variables.CONFIG.read(env)):
        return None
    path = Path(name).expanduser()
    if not path.is_file():
        raise SettingsError(f"{variables.CONFIG.name}: there is no file {name}.")
    return path.absolute()


def _named_folder(variable: variables.Variable[str], env: Mapping[str, str]) -> Path | None:
    if not (name := variable.read(env)):
        return None
    path = Path(name).expanduser()
    if not path.is_dir():
        raise SettingsError(f"{variable.name}: there is no directory {name}.")
    return path.absolute()


def _configurations(folder: Path, *further: str) -> tuple[Path, ...]:
    # os.path: a folder that this user may not enter has no files, where Path.is_file raises
    return tuple(folder / name for name in (*further, *_FILES) if os.path.isfile(folder / name))


def _upwards(project: Path, root: Path) -> Iterator[Path]:
    for path in (project, *project.parents):
        yield path
        if path == root:
            return
