"""The workspace that the settings ask for, or the line that says why there can't be one."""

import sys
from pathlib import Path

from opencode.config import Settings
from opencode.errors import SettingsError
from opencode.resources import PACKAGE, STATIC, TEMPLATES

from .descent import IS_SUPPORTED
from .root import Workspace

_NAME = "OPENCODE_WORKSPACE"


def open_workspace(settings: Settings) -> Workspace | None:
    """Return the workspace, None if it is off; raises SettingsError. The data directory must exist."""
    if settings.workspace == "off":
        return None
    writable = settings.workspace == "write"
    root = settings.directory.resolve()
    set_to = f"{_NAME}={settings.workspace}"
    if not IS_SUPPORTED:
        raise SettingsError(f"{set_to}: this system can't open files safely. Unset it.")
    if writable and settings.open_to_network:
        raise SettingsError(
            f"{set_to} would let everyone who reaches {settings.host} change files: set "
            "OPENCODE_SERVER_PASSWORD, or HOST=127.0.0.1."
        )
    if root == Path(root.anchor):
        raise SettingsError(f"{set_to}: {root} is the whole machine. Name a project with OPENCODE_DIRECTORY.")
    hidden = [settings.data_dir, *_of_opencode(settings)]
    if _is_in(root, hidden):
        raise SettingsError(
            f"{set_to}: {root} holds this server's own data. Name a project with OPENCODE_DIRECTORY."
        )
    guarded = [*_of_server(), *_of_set_up(settings)]
    if writable and _is_in(root, guarded):
        raise SettingsError(
            f"{set_to} would let models change this server itself, whose program or set-up is in {root}. "
            "Name a project with OPENCODE_DIRECTORY."
        )
    return Workspace(root, writable, hidden=hidden, guarded=guarded)


def described(workspace: Workspace) -> str:
    """Return a line for the log that says what models may do."""
    may = "read and change" if workspace.writable else "read"
    return f"workspace {workspace.root}: models may {may} its files, as far as permissions allow"


def _of_server() -> list[Path]:
    """Return where the program is: the package and what it runs in, or the checkout."""
    checkout = PACKAGE.parent
    return [
        PACKAGE,
        TEMPLATES,
        STATIC,
        Path(sys.prefix),
        *([checkout] if (checkout / "app.py").exists() else []),
    ]


def _of_opencode(settings: Settings) -> list[Path]:
    """Return where opencode keeps the user's keys."""
    home, data = settings.environ.get("HOME"), settings.environ.get("XDG_DATA_HOME")
    base = Path(data) if data else Path(home) / ".local/share" if home else None
    return [base / "opencode"] if base else []


def _of_set_up(settings: Settings) -> list[Path]:
    """Return the folders of a set-up whose names alone do not say so."""
    places = settings.places
    if places is None:
        return []
    folders = [folder.path for folder in places.folders]
    named = [places.named] if places.named else []
    return [*folders, *named, *([places.user_folder] if places.user_folder else [])]


def _is_in(path: Path, folders: list[Path]) -> bool:
    return any(path.is_relative_to(folder.resolve()) for folder in folders)
