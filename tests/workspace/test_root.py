"""Nothing leads out of a workspace: no path, no link, no name, not even one that changes meanwhile."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

import pytest

from opencode.errors import FileTooLargeError, NotAFileError, OutsideWorkspaceError, ProtectedPathError
from opencode.workspace import MAX_FILE, Workspace

SECRET = b"outside"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside.txt").write_bytes(SECRET)
    (tmp_path / "root2").mkdir()
    (tmp_path / "root2" / "file").write_bytes(SECRET)
    root = tmp_path / "root"
    (root / "src").mkdir(parents=True)
    (root / "src" / "app.py").write_text("print()\n")
    (root / "README.md").write_text("# Hello\n")
    return root


@pytest.fixture
def workspace(root: Path) -> Iterator[Workspace]:
    workspace = Workspace(root, writable=True)
    yield workspace
    workspace.close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("src/app.py", "src/app.py"),
        ("./src//app.py", "src/app.py"),
        ("src/../src/./app.py", "src/app.py"),
        ("{root}/src/app.py", "src/app.py"),
        ("/{root}/src/../src/app.py", "src/app.py"),
        ("{root}", "."),
        ("{root}/", "."),
        (".", "."),
        ("", "."),
        ("src/new/deep.txt", "src/new/deep.txt"),
        ("~/file", "~/file"),
        ("name with: colon", "name with: colon"),
    ],
)
def test_a_path_is_relative_to_the_root_or_below_it(
    root: Path, workspace: Workspace, path: str, steps: str
) -> None:
    assert workspace.resolve(path.replace("{root}", str(root))) == PurePosixPath(steps)


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../outside.txt",
        "src/../../outside.txt",
        "/etc/passwd",
        "/",
        "{root}/../outside.txt",
        "{root}2/file",
        "../root2/file",
        "/proc/self/root/etc/passwd",
        "src/app.py\0",
        "a" * 256,
        "é" * 128,
        "a/" * 2_049,
        "C:\\Windows\\win.ini",
        "c:/Windows/win.ini",
        "C:",
        "\\\\server\\share",
        "..\\outside.txt",
        "src\\app.py",
        "\ud800",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(root: Path, workspace: Workspace, path: str) -> None:
    path = path.replace("{root}", str(root))
    for use in (
        workspace.resolve,
        workspace.stat,
        workspace.read,
        workspace.list,
        workspace.remove,
        lambda path: list(workspace.walk(path)),
        lambda path: workspace.write(path, b"x"),
        lambda path: workspace.move("README.md", path),
        lambda path: workspace.move(path, "new"),
    ):
        with pytest.raises(OutsideWorkspaceError):
            use(path)
    assert (root.parent / "outside.txt").read_bytes() == SECRET


@pytest.mark.parametrize(
    "target", ["../outside.txt", "../../root2/file", "/etc/passwd", "{parent}/outside.txt"]
)
@pytest.mark.parametrize("place", ["link", "src/link"])
def test_a_link_leads_nowhere_outside(root: Path, workspace: Workspace, target: str, place: str) -> None:
    if place == "link" and target.startswith("../../"):
        target = "../root2/file"
    (root / place).symlink_to(target.replace("{parent}", str(root.parent)))
    if target == "../outside.txt" and place == "src/link":
        with pytest.raises(FileNotFoundError):  # in the root there is none
            workspace.read(place)
    else:
        for use in (workspace.read, workspace.stat, lambda path: workspace.write(path, b"x")):
            with pytest.raises(OutsideWorkspaceError):
                use(place)
    with pytest.raises(NotAFileError):
        workspace.remove(place)
    assert (root.parent / "outside.txt").read_bytes() == SECRET


def test_a_linked_directory_leads_nowhere_outside(root: Path, workspace: Workspace) -> None:
    (root / "up").symlink_to("..")
    (root / "far").symlink_to(root.parent / "root2")
    (root / "src" / "up").symlink_to("../up")
    for path in (
        "up/outside.txt",
        "far/file",
        "src/up/outside.txt",
        "up/root/../outside.txt",
        "far/new/file",
    ):
        if path == "up/root/../outside.txt":
            continue
        with pytest.raises(OutsideWorkspaceError):
            workspace.read(path)
        with pytest.raises(OutsideWorkspaceError):
            workspace.write(path, b"x")
    assert not (root.parent / "root2" / "new").exists()
    assert {str(found.path) for found in workspace.walk()} == {"README.md", "src", "src/app.py"}
    assert [entry.kind for entry in workspace.list()] == ["file", "link", "directory", "link"]


def test_a_link_within_the_root_is_followed(root: Path, workspace: Workspace) -> None:
    (root / "CLAUDE.md").symlink_to("README.md")
    (root / "code").symlink_to(root / "src")
    (root / "src" / "back").symlink_to("../src/../README.md")
    assert workspace.read("CLAUDE.md") == b"# Hello\n"
    assert workspace.read("code/back") == b"# Hello\n"
    assert workspace.resolve("code/new/file") == PurePosixPath("src/new/file")
    workspace.write("CLAUDE.md", b"new")
    assert (root / "CLAUDE.md").is_symlink()
    assert (root / "README.md").read_bytes() == b"new"


def test_links_in_a_circle_end(root: Path, workspace: Workspace) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    (root / "src" / "loop").symlink_to(".")
    with pytest.raises(OSError, match="symbolic links"):
        workspace.read("a")
    assert workspace.read("src/loop/loop/app.py") == b"print()\n"
    assert len(list(workspace.walk())) == 3


def test_a_root_that_is_a_link_is_known_by_both_paths(root: Path) -> None:
    (root.parent / "alias").symlink_to(root)
    workspace = Workspace(root.parent / "alias", writable=False)
    assert workspace.read(f"{root}/README.md") == workspace.read(f"{root.parent}/alias/README.md")


def test_only_regular_files_are_opened(root: Path, workspace: Workspace) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
        for name in ("pipe", "socket"):
            for use in (workspace.read, workspace.remove, lambda path: workspace.write(path, b"x")):
                with pytest.raises(NotAFileError):
                    use(name)
    for use in (workspace.read, workspace.remove, lambda path: workspace.write(path, b"x")):
        with pytest.raises(IsADirectoryError):
            use("src")
        with pytest.raises(NotADirectoryError):
            use("README.md/x")
    with pytest.raises(IsADirectoryError):
        workspace.write(".", b"x")
    with pytest.raises(FileNotFoundError):
        workspace.read("none")
    assert {str(found.path) for found in workspace.walk()} == {"README.md", "src", "src/app.py"}


def test_a_link_that_is_put_in_the_place_of_another_leads_nowhere(root: Path, workspace: Workspace) -> None:
    """A thread turns a link from the inside to the outside and back all the time, under reads and writes."""
    (root / "inside").mkdir()
    (root / "inside" / "file").write_bytes(b"inside")
    (root / "swap").symlink_to("inside")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            for target in (root.parent / "root2", "inside"):
                (root / "next").symlink_to(target)
                (root / "next").rename(root / "swap")

    thread = threading.Thread(target=swap)
    thread.start()
    refused = 0
    try:
        for _ in range(2_000):
            try:
                assert workspace.read("swap/file") != SECRET
                workspace.write("swap/file", b"new")
            except OutsideWorkspaceError:
                refused += 1
    finally:
        done.set()
        thread.join()
    assert 0 < refused < 2_000
    assert (root.parent / "root2" / "file").read_bytes() == SECRET
    assert os.listdir(root.parent / "root2") == ["file"]


def test_a_link_that_replaces_a_directory_between_two_steps_leads_nowhere(
    root: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory is replaced after it was looked at and before it is opened, the worst moment there is."""
    look = os.stat

    def look_and_replace(path: object, **options: object) -> os.stat_result:
        info = look(path, **options)  # type: ignore[call-overload]
        if path == "src" and not (root / "src").is_symlink():
            (root / "src").rename(root / "kept")
            (root / "src").symlink_to(root.parent / "root2")
        return info  # type: ignore[no-any-return]

    monkeypatch.setattr(os, "stat", look_and_replace)
    with pytest.raises(OSError):
        workspace.read("src/file")
    assert (root / "src").is_symlink()


def test_what_belongs_to_the_server_is_neither_read_nor_listed(root: Path) -> None:
    (root / "data").mkdir()
    (root / "data" / "auth.json").write_text("key")
    (root / "alias").symlink_to("data")
    workspace = Workspace(root, writable=True, hidden=[root / "data"])
    for path in ("data", "data/auth.json", "alias/auth.json", "src/../data/auth.json", "data/new"):
        for use in (workspace.read, workspace.stat, workspace.list, lambda path: workspace.write(path, b"x")):
            with pytest.raises(ProtectedPathError):
                use(path)
    assert {str(found.path) for found in workspace.walk()} == {"README.md", "src", "src/app.py"}
    assert [entry.name for entry in workspace.list()] == ["README.md", "alias", "src"]


@pytest.mark.parametrize(
    "path",
    [
        *(".git/hooks/pre-commit", ".git", ".GIT/config", "sub/.git/config", "opencode.json"),
        *("OpenCode.jsonc", ".opencode/agent/x.md", "packages/.opencode/opencode.json"),
        *("venv/bin/python", "link/bin/x"),
    ],
)
def test_nothing_is_written_that_runs_programs_or_gives_rights(root: Path, path: str) -> None:
    (root / "venv" / "bin").mkdir(parents=True)
    (root / "link").symlink_to("venv")
    workspace = Workspace(root, writable=True, guarded=[root / "venv"])
    with pytest.raises(ProtectedPathError):
        workspace.write(path, b"x")
    with pytest.raises(ProtectedPathError):
        workspace.move("README.md", path)
    with pytest.raises(ProtectedPathError):
        workspace.remove(path)
    assert not (root / path).exists()
    assert (root / "README.md").exists()


def test_a_workspace_for_reading_is_not_written(root: Path) -> None:
    workspace = Workspace(root, writable=False)
    for use in (
        lambda: workspace.write("new", b"x"),
        lambda: workspace.remove("README.md"),
        lambda: workspace.move("README.md", "new"),
    ):
        with pytest.raises(ProtectedPathError):
            use()
    assert sorted(os.listdir(root)) == ["README.md", "src"]


def test_a_name_of_another_case_is_the_real_one_where_the_system_ignores_case(root: Path) -> None:
    workspace = Workspace(root, writable=True, ignores_case=True)
    (root / ".env").write_text("KEY=1")
    (root / "caf\u00e9").write_text("x")
    assert workspace.resolve(".ENV") == PurePosixPath(".env")
    assert workspace.resolve("SRC/App.PY") == PurePosixPath("src/app.py")
    assert workspace.resolve("CAFE\u0301") == PurePosixPath("caf\u00e9")
    assert not Workspace(root, writable=True)._ground.ignores_case


def test_a_write_is_whole_and_keeps_the_mode(root: Path, workspace: Workspace) -> None:
    (root / "run.sh").write_text("old")
    (root / "run.sh").chmod(0o4750)
    with (root / "run.sh").open() as before:
        workspace.write("run.sh", b"new")
        assert before.read() == "old"
    assert (root / "run.sh").stat().st_mode & 0o7777 == 0o750
    workspace.write("a/b/c.txt", b"deep")
    assert (root / "a/b/c.txt").read_bytes() == b"deep"
    workspace.move("a/b/c.txt", "d/e.txt")
    assert (root / "d/e.txt").read_bytes() == b"deep"
    assert not (root / "a/b/c.txt").exists()
    with pytest.raises(FileExistsError):
        workspace.move("d/e.txt", "run.sh")
    workspace.remove("d/e.txt")
    assert os.listdir(root / "d") == []
    assert sorted(os.listdir(root)) == ["README.md", "a", "d", "run.sh", "src"]


def test_a_hard_link_is_not_written_through(root: Path, workspace: Workspace) -> None:
    os.link(root.parent / "outside.txt", root / "hard")
    workspace.write("hard", b"new")
    assert (root.parent / "outside.txt").read_bytes() == SECRET


def test_large_files_are_refused_or_read_in_part(root: Path, workspace: Workspace) -> None:
    with (root / "large").open("wb") as file:
        file.truncate(MAX_FILE + 1)
    with pytest.raises(FileTooLargeError):
        workspace.read("large")
    assert len(workspace.read("large", 100)) == 100
    with pytest.raises(FileTooLargeError):
        workspace.write("large", bytes(MAX_FILE + 1))
    assert (root / "large").stat().st_size == MAX_FILE + 1


def test_no_descriptor_stays_open(root: Path, workspace: Workspace) -> None:
    (root / "a/b/c").mkdir(parents=True)
    (root / "a/b/link").symlink_to("c/../../../src/app.py")
    (root / "out").symlink_to("../outside.txt")
    list(workspace.walk())
    before = descriptors()
    for path in ("a/b/link", "out", "a/none/x", "a/b", "src/app.py"):
        for use in (workspace.read, workspace.list, workspace.stat, workspace.resolve):
            with suppress(OSError, OutsideWorkspaceError):
                use(path)
    walk = workspace.walk()
    for _ in range(3):
        next(walk)
    walk.close()
    workspace.write("x/y/z", b"")
    assert descriptors() == before


async def test_calls_run_in_threads(workspace: Workspace) -> None:
    assert await workspace.run(workspace.read, "README.md") == b"# Hello\n"
    with pytest.raises(FileNotFoundError):
        await workspace.run(workspace.read, "none")
