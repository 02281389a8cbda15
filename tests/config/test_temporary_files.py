"""Temporary files where only the data directory is writable."""

import os
import tempfile
from pathlib import Path

import pytest

from opencode.config import ensure_temporary_directory
from opencode.errors import SettingsError


@pytest.fixture
def read_only_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Python find no directory for temporary files, as on a read-only root."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/none"])
    monkeypatch.setenv("TMPDIR", "/proc/none")


@pytest.mark.usefixtures("read_only_root")
def test_the_data_directory_holds_them_where_nothing_else_is_writable(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tempfile.gettempdir()
    ensure_temporary_directory(tmp_path / "data")
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 2_000_000)
    assert os.environ["TMPDIR"] == tempfile.gettempdir() == str(tmp_path / "data" / "tmp")
    assert list((tmp_path / "data" / "tmp").iterdir()) == []


@pytest.mark.usefixtures("read_only_root")
def test_a_data_directory_that_is_not_writable_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"OPENCODE_DATA_DIR: .* is not writable"):
        ensure_temporary_directory(tmp_path / "file")


def test_a_machine_with_a_temporary_directory_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ensure_temporary_directory(tmp_path / "data")
    assert not (tmp_path / "data").exists()
