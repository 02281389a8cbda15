"""OPENCODE_WORKSPACE: what the start says, and what it refuses."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from opencode.config import Settings
from opencode.errors import ProtectedPathError, SettingsError
from opencode.resources import PACKAGE
from opencode.workspace import Workspace
from opencode.workspace.setup import described, open_workspace

Load = Callable[..., Workspace | None]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return the workspace of an environment, with a project and a data directory."""
    (tmp_path / "project").mkdir()
    (tmp_path / "data").mkdir()

    def load(**env: str) -> Workspace | None:
        usual = {
            "HOME": str(tmp_path),
            "OPENCODE_DATA_DIR": str(tmp_path / "data"),
            "OPENCODE_DIRECTORY": str(tmp_path / "project"),
            "OPENCODE_SERVER_PASSWORD": "secret",
        }
        return open_workspace(Settings.load({**usual, **env}))

    return load


def test_it_is_off_by_default(load: Load) -> None:
    assert load() is None
    assert load(OPENCODE_WORKSPACE="off") is None
    assert load(OPENCODE_WORKSPACE="") is None


@pytest.mark.parametrize(("value", "may"), [("read", "read"), ("WRITE", "read and change")])
def test_the_start_says_what_models_may_do(load: Load, tmp_path: Path, value: str, may: str) -> None:
    workspace = load(OPENCODE_WORKSPACE=value)
    assert workspace is not None
    assert described(workspace).startswith(f"workspace {tmp_path}/project: models may {may} its files")


def test_without_a_directory_it_is_the_working_directory(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "project")
    (tmp_path / "opencode.json").write_text("{}")
    workspace = load(
        OPENCODE_WORKSPACE="read", OPENCODE_DIRECTORY="", OPENCODE_CONFIG=str(tmp_path / "opencode.json")
    )
    assert workspace is not None
    assert workspace.root == tmp_path / "project"


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"OPENCODE_WORKSPACE": "yes"}, "OPENCODE_WORKSPACE must be off, read or write, not 'yes'"),
        ({"OPENCODE_WORKSPACE": "read", "OPENCODE_DIRECTORY": "/none"}, "there is no directory /none"),
        ({"OPENCODE_WORKSPACE": "read", "OPENCODE_DIRECTORY": "/"}, "/ is the whole machine"),
        ({"OPENCODE_WORKSPACE": "read", "OPENCODE_DIRECTORY": "{data}"}, "holds this server's own data"),
        ({"OPENCODE_WORKSPACE": "write", "OPENCODE_DIRECTORY": str(PACKAGE)}, "change this server itself"),
        ({"OPENCODE_WORKSPACE": "write", "OPENCODE_DIRECTORY": str(PACKAGE.parent)}, "this server itself"),
        ({"OPENCODE_WORKSPACE": "write", "OPENCODE_DIRECTORY": sys.prefix}, "change this server itself"),
        ({"OPENCODE_WORKSPACE": "write", "OPENCODE_SERVER_PASSWORD": "-"}, "set OPENCODE_SERVER_PASSWORD"),
        (
            {"OPENCODE_WORKSPACE": "write", "OPENCODE_SERVER_PASSWORD": "-", "HOST": "192.0.2.1"},
            "everyone who reaches 192.0.2.1",
        ),
    ],
)
def test_a_wrong_value_stops_the_start(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], line: str
) -> None:
    env = {key: value.replace("{data}", str(tmp_path / "data")) for key, value in env.items()}
    with pytest.raises(SettingsError, match=line):
        if env.get("OPENCODE_SERVER_PASSWORD") == "-":
            settings = Settings(
                data_dir=tmp_path / "data",
                host=env.get("HOST", "0.0.0.0"),
                workspace="write",
                directory=tmp_path / "project",
            )
            open_workspace(settings)
        else:
            load(**env)


def test_writing_without_a_password_is_for_this_machine_alone(load: Load, tmp_path: Path) -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        settings = Settings(
            data_dir=tmp_path / "data", host=host, workspace="write", directory=tmp_path / "project"
        )
        assert open_workspace(settings) is not None
    settings = Settings(data_dir=tmp_path / "data", workspace="read", directory=tmp_path / "project")
    assert open_workspace(settings) is not None


def test_the_set_up_and_the_servers_data_are_out_of_reach(load: Load, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "data").mkdir()
    (project / "data/auth.json").write_text("key")
    (project / ".local/share/opencode").mkdir(parents=True)
    (project / ".local/share/opencode/auth.json").write_text("key")
    (project / "setup/mine").mkdir(parents=True)
    (project / "own.json").write_text("{}")
    workspace = load(
        OPENCODE_WORKSPACE="write",
        HOME=str(project),
        OPENCODE_DATA_DIR=str(project / "data"),
        OPENCODE_CONFIG=str(project / "own.json"),
        OPENCODE_CONFIG_DIR=str(project / "setup"),
    )
    assert workspace is not None
    for path in ("data/auth.json", ".local/share/opencode/auth.json"):
        with pytest.raises(ProtectedPathError):
            workspace.read(path)
    for path in ("own.json", "setup/mine/x.md", "setup/new", ".opencode/x", "opencode.json", "OWN.json"):
        with pytest.raises(ProtectedPathError):
            workspace.write(path, b"x")
    os.replace(project / "own.json", project / "kept.json")
    with pytest.raises(ProtectedPathError):
        workspace.write("own.json", b"x")
    workspace.write("locales/auth.json", b"x")
