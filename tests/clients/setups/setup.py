"""A set-up: the files and variables that people have for opencode, and one prompt that shows what they do."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = "project/opencode.json"
FOLDER = "project/.opencode/"
USER = "home/.config/opencode/"

VARIABLES = {"SETUP_WORD": "word", "SETUP_NUMBER": "7", "SETUP_QUOTED": '"quoted"'}
"""Variables that every set-up may refer to."""

_HOME = "home/"
_PATHS = ("OPENCODE_CONFIG", "OPENCODE_CONFIG_DIR")


@dataclass(frozen=True)
class Setup:
    """`files`: text, or what JSON is made of, by path below the set-up's directory.

    What is below `home/` is the user's, all else belongs to the set-up, whose project is `directory`.
    `variables`: of both servers, paths relative to the set-up. `agent`: whom the prompt goes to. `command`:
    the name and arguments of a command that is sent instead. `repository`: the directory that is a Git
    repository, "" without one.
    """

    files: Mapping[str, str | Mapping[str, Any]]
    variables: Mapping[str, str] = field(default_factory=dict)
    agent: str = ""
    command: tuple[str, str] = ("", "")
    repository: str = ""
    directory: str = "project"

    def write(self, folder: Path, model_url: str) -> None:
        """Write the project; MODEL_URL in a file stands for the model server's address."""
        (folder / self.directory).mkdir(parents=True, exist_ok=True)
        for place, content in self.files.items():
            if not place.startswith(_HOME):
                _write(folder / place, content, model_url)
        if self.repository:
            git = folder / self.repository / ".git"
            for name in ("objects", "refs"):
                (git / name).mkdir(parents=True)
            (git / "HEAD").write_text("ref: refs/heads/main\n")
            (git / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = false\n")

    def write_home(self, home: Path, base: Mapping[str, Any], model_url: str) -> None:
        """Write what is the user's. `base`: the configuration that counts least."""
        _write(home / ".config/opencode/config.json", base, model_url)
        for place, content in self._home.items():
            _write(home / place, content, model_url)

    def environment(self, folder: Path) -> dict[str, str]:
        """Return the variables with absolute paths."""
        return {
            name: str(folder / value) if name in _PATHS else value for name, value in self.variables.items()
        }

    @property
    def key(self) -> str:
        """A word for what opencode reads once: the home and the variables."""
        whole = json.dumps([self._home, dict(self.variables)], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()[:12]

    @property
    def _home(self) -> dict[str, Any]:
        return {
            place.removeprefix(_HOME): content
            for place, content in self.files.items()
            if place.startswith(_HOME)
        }


def _write(path: Path, content: str | Mapping[str, Any], model_url: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_bytes(text.replace("MODEL_URL", model_url).encode())
