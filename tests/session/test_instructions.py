"""What every prompt begins with: rules and `instructions`, of files and addresses, as they are by now."""

import asyncio
import ipaddress
from pathlib import Path

import pytest

from opencode.config import Config, Places, Settings
from opencode.session import instructions as module
from opencode.session.instructions import Instructions
from opencode.tool.egress import Egress

LOOPBACK = ipaddress.ip_network("127.0.0.1/32")


def instructions(places: Places, *entries: str) -> Instructions:
    settings = Settings(data_dir=places.project, config=Config(instructions=list(entries)), places=places)
    return Instructions(settings, Egress((LOOPBACK,)))


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return f"Instructions from: {path}\n{text}"


async def test_entries_are_read_from_the_project_and_those_that_match_nothing_are_told(
    tmp_path: Path,
) -> None:
    a = write(tmp_path / "rules" / "a.md", "A")
    b = write(tmp_path / "[b].md", "B")
    c = write(tmp_path / ".hidden" / "deep" / "c.txt", "C")
    write(tmp_path / "empty.md", "")
    absent = str(tmp_path / "absent.md")
    entries = ["rules/*.md", "[b].md", str(tmp_path / "rules" / "*.md"), "**/*.{txt,rst}", "empty.md"]
    read = instructions(Places(project=tmp_path), *entries, absent, "none/*.md", "rules", "")
    assert await read.texts() == (a, b, c)
    assert await read.warnings() == tuple(
        f"instructions: {entry!r} matches no file in {tmp_path}."
        for entry in (absent, "none/*.md", "rules", "")
    )


async def test_a_relative_entry_counts_in_each_folder_up_to_the_root(tmp_path: Path) -> None:
    write(tmp_path / "r.md", "outside")
    outer = write(tmp_path / "root" / "r.md", "outer")
    inner = write(tmp_path / "root" / "sub" / "r.md", "inner")
    places = Places(project=tmp_path / "root" / "sub", root=tmp_path / "root", home=tmp_path)
    assert await instructions(places, "r.md").texts() == (inner, outer)
    of_home = f"Instructions from: {tmp_path / 'r.md'}\noutside"
    assert await instructions(places, "~/r.md").texts() == (of_home,)


async def test_rules_are_of_the_user_and_of_the_project_by_the_first_name_that_there_is(
    tmp_path: Path,
) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    users = (home / "conf" / "AGENTS.md", home / ".claude" / "CLAUDE.md")
    places = Places(project=project, home=home, user_rules=users)
    claude_of_user = write(home / ".claude" / "CLAUDE.md", "1")
    claude = write(project / "CLAUDE.md", "2")
    write(project / "CONTEXT.md", "3")
    assert await instructions(places).texts() == (claude_of_user, claude)
    of_user = write(home / "conf" / "AGENTS.md", "4")
    agents = write(project / "AGENTS.md", "5")
    assert await instructions(places, "AGENTS.md").texts() == (of_user, agents)


async def test_what_can_not_be_read_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 5)
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe\xfaA")
    write(tmp_path / "large.md", "123456")
    read = instructions(Places(project=tmp_path), "binary.md", "large.md")
    assert len(await read.texts()) == 1
    assert await read.warnings() == (
        f"instructions: {tmp_path / 'large.md'} is left out: it is larger than 1 MB.",
    )


async def test_a_changed_file_counts_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.0)
    read = instructions(Places(project=tmp_path))
    assert await read.texts() == ()
    first = write(tmp_path / "AGENTS.md", "first")
    assert await read.texts() == (first,)
    second = write(tmp_path / "AGENTS.md", "second")
    assert await read.texts() == (second,)


async def test_a_web_address_is_fetched_once_and_what_fails_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "URL_RETRY_SECONDS", 0.0)
    requests: list[str] = []
    statuses = {"/good": ["200 OK"], "/late": ["500 No", "200 OK"]}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        requests.append(path)
        writer.write(f"HTTP/1.1 {statuses[path].pop(0)}\r\nContent-Length: 4\r\n\r\nrule".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        read = instructions(Places(project=tmp_path), f"{url}/good", f"{url}/late", "http://10.0.0.1/x")
        assert await read.texts() == (f"Instructions from: {url}/good\nrule",)
        assert len(await read.texts()) == 2
        (private,) = await read.warnings()
        assert "'10.0.0.1' has a private, local or reserved address" in private
    assert sorted(requests) == ["/good", "/late", "/late"]


async def test_an_address_that_does_not_answer_is_left_when_the_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "URL_SECONDS", 0.05)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/rules"
    async with server:
        assert await instructions(Places(project=tmp_path), url).warnings() == (
            f"instructions: {url}: no answer within 0.05 seconds. Save it as a file.",
        )
