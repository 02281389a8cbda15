"""A disk that is full, read-only, locked or damaged, and a clock that goes back."""

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness import Server, running_server, text_of
from tests.llm.server import LLM, Answer
from tests.program import free_port, program, said, start
from tests.requirements import NO_MOUNT
from tests.server.conftest import provider_config

from .mirror import Mirror


class FileSizeLimit:
    """No file of the process may grow any more."""

    def fill(self, pid: int, data: Path) -> None:
        largest = max(file.stat().st_size for file in data.iterdir())
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))

    def free(self, pid: int, data: Path) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class FullDisk:
    """Nothing is left of a small file system."""

    def fill(self, pid: int, data: Path) -> None:
        with (data / "ballast").open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096) == 4096:
                    pass
            except OSError:
                pass

    def free(self, pid: int, data: Path) -> None:
        (data / "ballast").unlink()


@contextmanager
def small_file_system(place: Path) -> Iterator[None]:
    """Mount 8 MB in memory at a place, where that can be done."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip(NO_MOUNT)
    yield
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture(params=[FileSizeLimit, FullDisk])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileSizeLimit | FullDisk]:
    """A way to leave no room for the data."""
    if request.param is FileSizeLimit:
        yield FileSizeLimit()
        return
    with small_file_system(tmp_path / "data"):
        yield FullDisk()


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[bool], None]]:
    """Makes the data directory read-only and writable again: root is only kept from writing by a mount."""
    data = tmp_path / "data"
    if os.geteuid():
        data.mkdir()

        def change(read_only: bool) -> None:
            for place in (data, *data.iterdir()):
                place.chmod((0o555 if place.is_dir() else 0o444) if read_only else 0o755)

        yield change
        return
    with small_file_system(data):
        yield lambda read_only: subprocess.run(
            ["mount", "-o", "remount,ro" if read_only else "remount,rw", data], check=True
        )


async def _until_refused(server: Server, told: list[str]) -> None:
    """Create sessions until there is no room for another, large or small."""
    for filler in ("x" * 5000, "x"):
        body = {"metadata": {"filler": filler}}
        while (response := await server.client.post("/session", json=body)).is_success:
            told.append(response.json()["id"])
        assert response.status_code == 503
        assert response.json()["name"] == "UnavailableError"
        assert "can't be written" in response.json()["data"]["message"]


async def _listed(server: Server) -> set[str]:
    response = await server.client.get("/session?limit=1000")
    assert response.status_code == 200, response.text
    return {each["id"] for each in response.json()}


async def test_without_room_everything_is_refused_that_can_not_be_kept_and_works_again_with_it(
    tmp_path: Path, llm: LLM, env: dict[str, str], disk: FileSizeLimit | FullDisk
) -> None:
    gate = asyncio.Event()
    llm.on("two", Answer(text=("So", " far."), gate=gate))
    data = tmp_path / "data"
    async with program(tmp_path, **env) as (process, server):
        quiet, busy = await server.new_session(title="Quiet"), await server.new_session(title="Busy")
        told = [quiet, busy]
        llm.on("one", Answer(text="Kept."))
        await server.ask(quiet, "first")
        before = await server.messages(quiet)
        mirror = Mirror()
        async with server.listen() as events:
            body = {"content": "go", "model": "compatible/two"}
            await server.client.post(f"/session/{busy}/prompt_async", json=body)
            async for event_id, event in events:
                mirror.take(event_id, event)
                if event["type"] == "message.part.delta":
                    break
            disk.fill(process.pid, data)
            await _until_refused(server, told)

            gate.set()
            async for event_id, event in events:
                mirror.take(event_id, event)
                if event["type"] == "session.idle":
                    break
        assert "can't be written" in mirror.errors[0]["data"]["message"]
        assert "can't be written" in mirror.of(busy)[-1]["info"]["error"]["data"]["message"]

        prompt = {"parts": [{"type": "text", "text": "second"}]}
        for refused in (
            await server.client.post(f"/session/{quiet}/message", json=prompt),
            await server.client.post(f"/session/{quiet}/message", json={"content": "second"}),
            await server.client.patch(f"/session/{quiet}", json={"metadata": {"filler": "x" * 5000}}),
            await server.client.delete(f"/session/{quiet}"),
            await server.client.post(f"/session/{quiet}/fork", json={}),
            await server.client.put("/auth/openai", json={"type": "api", "key": "k" * 1_000_000}),
        ):
            assert refused.status_code == 503, refused.text
            assert refused.headers["Retry-After"]
        assert await server.messages(quiet) == before
        assert await _listed(server) == set(told)

        disk.free(process.pid, data)
        assert text_of(await server.ask(quiet, "third")) == "Kept."
        assert len(await server.messages(quiet)) == len(before) + 2
        stored = (await server.messages(busy))[-1]
        assert stored["info"]["error"] == mirror.of(busy)[-1]["info"]["error"]
        assert text_of(stored) == "So far."
        process.terminate()
        assert "Traceback" not in await said(process)
    with sqlite3.connect(data / "opencode.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    async with program(tmp_path, **env) as (_, server):
        assert await _listed(server) == set(told)
        assert (await server.messages(busy))[-1] == stored


async def test_a_database_that_another_process_locks_is_waited_for_and_then_refused(
    tmp_path: Path, llm: LLM, env: dict[str, str]
) -> None:
    async with program(tmp_path, **env) as (_, server):
        session_id = await server.new_session(title="Named")
        other = sqlite3.connect(tmp_path / "data" / "opencode.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        creating = asyncio.create_task(server.client.post("/session"))
        assert (await server.client.get(f"/session/{session_id}")).status_code == 200
        assert [each["id"] for each in (await server.client.get("/session")).json()] == [session_id]
        refused = await creating
        assert refused.status_code == 503
        assert "try again" in refused.json()["data"]["message"]
        waiting = asyncio.create_task(server.new_session())
        await asyncio.sleep(0.5)
        other.execute("ROLLBACK")
        created = await waiting
        listed = {each["id"] for each in (await server.client.get("/session")).json()}
        assert listed == {session_id, created}


async def _refused_start(tmp_path: Path, **env: str) -> str:
    process = await start(tmp_path, free_port(), **env)
    log = await said(process)
    assert process.returncode == 1
    assert "Traceback" not in log
    return log.strip().splitlines()[-1]


def _scribble(file: Path, start_at: int) -> None:
    size = file.stat().st_size
    with file.open("r+b") as database:
        database.seek(start_at)
        database.write(os.urandom(size - start_at))


async def test_a_database_that_is_none_stops_the_start_and_says_what_to_do(
    tmp_path: Path, env: dict[str, str]
) -> None:
    async with program(tmp_path, **env) as (process, server):
        await server.new_session(title="Kept")
        process.terminate()
        await process.wait()
    file = tmp_path / "data" / "opencode.db"
    whole = file.read_bytes()
    _scribble(file, 0)
    line = await _refused_start(tmp_path, **env)
    assert "opencode.db" in line
    assert "backup" in line
    file.write_bytes(whole)
    async with program(tmp_path, **env) as (_, server):
        assert [each["title"] for each in (await server.client.get("/session")).json()] == ["Kept"]


async def test_a_database_that_is_damaged_inside_is_an_error_and_never_a_wrong_answer(
    tmp_path: Path, env: dict[str, str]
) -> None:
    async with program(tmp_path, **env) as (process, server):
        for number in range(30):
            session_id = await server.new_session(title=f"{number}", metadata={"filler": "x" * 3000})
            await server.ask(session_id, "Kept", noReply=True)
        process.terminate()
        await process.wait()
    file = tmp_path / "data" / "opencode.db"
    whole = file.read_bytes()
    _scribble(file, 16 * 4096)
    async with program(tmp_path, **env) as (process, server):
        if process.returncode is None:
            for path in ("/session", f"/session/{session_id}", f"/session/{session_id}/message"):
                response = await server.client.get(path)
                assert response.status_code in (200, 404, 503), response.text
            response = await server.client.post("/session")
            assert response.status_code in (200, 503)
    for leftover in ("opencode.db-wal", "opencode.db-shm"):
        (tmp_path / "data" / leftover).unlink(missing_ok=True)
    file.write_bytes(whole)
    async with program(tmp_path, **env) as (_, server):
        assert len((await server.client.get("/session")).json()) == 30
        assert text_of((await server.messages(session_id))[0]) == "Kept"


async def test_a_data_directory_that_can_not_be_written_stops_the_start(
    tmp_path: Path, env: dict[str, str], read_only: Callable[[bool], None]
) -> None:
    async with program(tmp_path, **env) as (process, server):
        await server.new_session(title="Kept")
        process.terminate()
        await process.wait()
    read_only(True)
    line = await _refused_start(tmp_path, **env)
    assert str(tmp_path / "data") in line
    assert "OPENCODE_DATA_DIR" in line
    read_only(False)
    async with program(tmp_path, **env) as (_, server):
        assert [each["title"] for each in (await server.client.get("/session")).json()] == ["Kept"]


async def test_a_clock_that_is_set_back_changes_no_order(
    tmp_path: Path, llm: LLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[[], int] = time.time_ns
    hours = 2

    def shifted() -> int:
        return real() + hours * 3_600_000_000_000

    monkeypatch.setattr(time, "time_ns", shifted)
    config = provider_config(llm)
    for _ in range(2):
        async with running_server(tmp_path, config) as server:
            sessions = (await server.client.get("/session")).json()
            session_id = sessions[0]["id"] if sessions else await server.new_session(title="Named")
            for _ in range(2):
                number = len(await server.messages(session_id)) // 2
                llm.script(Answer(text=f"answer {number}"))
                await server.ask(session_id, f"prompt {number}")
                hours -= 1
    async with running_server(tmp_path, config) as server:
        messages = await server.messages(session_id)
        said_in_order = [text_of(message) for message in messages]
        assert said_in_order == [f"{who} {number}" for number in range(4) for who in ("prompt", "answer")]
        for message in messages:
            assert message["info"]["time"].get("completed", 2**60) >= message["info"]["time"]["created"]
        sent = llm.requests[-1].body["messages"]
        assert [each["content"] for each in sent if each["role"] == "user"][-1] == "prompt 3"
