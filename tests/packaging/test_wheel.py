"""The wheel, installed into an environment of its own: `opencode-api` serves from any folder."""

import asyncio
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from tests.harness import Server
from tests.program import ROOT, free_port, said


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the source distribution, so that both are known to be complete."""
    pytest.importorskip("hatchling")
    directory = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(directory), cwd=ROOT)
    (archive,) = directory.glob("*.tar.gz")
    _run("tar", "xzf", archive.name, cwd=directory)
    (source,) = (path for path in directory.iterdir() if path.is_dir())
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory), cwd=source)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel alone; its dependencies are those of the environment that runs the tests."""
    directory = tmp_path_factory.mktemp("environment")
    _run(sys.executable, "-m", "venv", "--without-pip", str(directory))
    python = directory / "bin" / "python"
    target = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (Path(target) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "-q",
        "--disable-pip-version-check",
    )
    _run(*pip, "--no-deps", "--no-index", str(wheel))
    return directory


def _run(*command: str, cwd: Path | None = None) -> None:
    finished = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


@asynccontextmanager
async def _serving(command: list[str], cwd: Path) -> AsyncIterator[Server]:
    port = free_port()
    environ = {"PATH": os.environ["PATH"], "HOME": str(cwd), "HOST": "127.0.0.1", "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=environ | {"OPENCODE_DATA_DIR": str(cwd / "data"), "OPENCODE_DEMO_PACE": "0"},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) as client:
            while True:
                assert process.returncode is None, await said(process)
                try:
                    await client.get("/global/health")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
            yield Server(url, client, asyncio.Event())
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def test_the_wheel_holds_every_file_that_the_server_reads(wheel: Path) -> None:
    held = set(ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "opencode", "templates", "static"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    files = [name for name in tracked.stdout.splitlines() if (ROOT / name).is_file()]
    expected = {name if name.startswith("opencode/") else f"opencode/{name}" for name in files}
    assert expected <= held
    assert {name for name in held if ".dist-info/" not in name} <= expected | {
        name for name in held if name.endswith(".py")
    }


async def test_the_console_script_serves_from_any_folder(environment: Path, tmp_path: Path) -> None:
    async with _serving([str(environment / "bin" / "opencode-api")], tmp_path) as server:
        page = await server.client.get("/")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        assert assets
        for path in assets:
            assert (await server.client.get(path)).status_code == 200, path
        for path in ("/docs", "/redoc", "/openapi.json", "/manifest.webmanifest"):
            assert (await server.client.get(path)).status_code == 200, path
        events = await server.stream(await server.new_session(), "todo: buy milk")
        assert events[-1]["type"] == "session.idle"
        agents = (await server.client.get("/agent")).json()
        assert next(agent for agent in agents if agent["name"] == "build")["prompt"]


async def test_the_module_serves_as_the_script_does(environment: Path, tmp_path: Path) -> None:
    async with _serving([str(environment / "bin" / "python"), "-m", "opencode"], tmp_path) as server:
        assert (await server.client.get("/")).status_code == 200


def test_help_lists_the_variables_and_a_wrong_argument_is_refused(tmp_path: Path) -> None:
    def program(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "app.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )

    shown = program("--help")
    assert shown.returncode == 0
    assert "OPENCODE_SERVER_PASSWORD" in shown.stdout
    assert program("--version").stdout.startswith("OpenCode API ")
    refused = program("--prot", "80")
    assert refused.returncode == 2
    assert "unrecognized arguments" in refused.stderr


def test_missing_dependencies_are_one_line(tmp_path: Path) -> None:
    _run(sys.executable, "-m", "venv", "--without-pip", str(tmp_path))
    bare = subprocess.run(
        [tmp_path / "bin" / "python", "app.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert bare.returncode == 1
    assert re.fullmatch(
        r"The Python package \w+ is missing: run `pip install -r requirements.txt` first.\n", bare.stderr
    )
