"""Files of the workspace in prompts and commands: read from it, and from nowhere else."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from opencode.errors import BadRequest
from opencode.schema.part import FilePart, TextPart
from opencode.schema.prompt import CommandBody, CreateSessionBody, FilePartInput, PromptBody, TextPartInput
from opencode.session.services import Services

from .conftest import running_services


def config() -> dict[str, Any]:
    return {
        "command": {
            "look": {"template": "Look at @notes.md, @src, @none.txt and @../secret.txt : $ARGUMENTS"}
        }
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src/app.py").write_text("1\n2\n3\n")
    (root / "notes.md").write_text("# Notes\n")
    (root / "pic.png").write_bytes(b"\x89PNG\0")
    (tmp_path / "secret.txt").write_text("secret")
    (root / "out.md").symlink_to("../secret.txt")
    return root


@pytest.fixture
async def services(tmp_path: Path, root: Path) -> AsyncIterator[Services]:
    env = {"OPENCODE_WORKSPACE": "read", "OPENCODE_DIRECTORY": str(root)}
    async with running_services(tmp_path / "data", config(), **env) as services:
        yield services


async def sent(services: Services, *parts: Any) -> list[Any]:
    session = await services.sessions.create(CreateSessionBody())
    body = PromptBody(parts=[TextPartInput(text="see"), *parts], no_reply=True)
    return (await services.prompts.send(session.id, body)).message.parts[1:]


def content(part: Any) -> tuple[str, bytes]:
    assert isinstance(part, FilePart)
    return part.mime, base64.b64decode(part.url.partition(",")[2])


@pytest.mark.parametrize(
    ("path", "mime", "read"),
    [
        ("notes.md", "text/plain", b"# Notes\n"),
        ("src", "text/plain", b"app.py"),
        ("pic.png", "image/png", b"\x89PNG\0"),
        ("src/app.py?start=2&end=3", "text/plain", b"2\n3\n"),
        ("src/app.py?start=2", "text/plain", b"2\n3\n"),
        ("src/%61pp.py?start=x", "text/plain", b"1\n2\n3\n"),
    ],
)
async def test_a_file_url_is_read(services: Services, root: Path, path: str, mime: str, read: bytes) -> None:
    (part,) = await sent(services, FilePartInput(mime="text/plain", url=f"file://{root}/{path}"))
    assert content(part) == (mime, read)
    assert part.filename == path.partition("?")[0].replace("%61", "a").rpartition("/")[2]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "file://{root}/../secret.txt",
        "file://{root}/%2e%2e/secret.txt",
        "file://{root}/out.md",
        "file://{root}/none.txt",
        "file://other.example/notes.md",
        "file://{root}/a%00b",
        "file:",
    ],
)
async def test_a_file_url_that_leads_elsewhere_is_refused(services: Services, root: Path, url: str) -> None:
    if url == "file:":
        url = "file:///"
    with pytest.raises(BadRequest):
        await sent(services, FilePartInput(mime="text/plain", url=url.replace("{root}", str(root))))


async def test_a_command_reads_the_files_that_it_refers_to(services: Services, root: Path) -> None:
    session = await services.sessions.create(CreateSessionBody())
    body = await services.prompts.commands.prompt(CommandBody(command="look", arguments="@src/app.py"))
    prompted = await services.prompts.send(session.id, PromptBody(parts=body.parts, no_reply=True))
    text, *files = prompted.message.parts
    assert isinstance(text, TextPart)
    assert text.text.endswith("[Left out: none.txt, ../secret.txt. There is no such file in the workspace.]")
    assert [(part.filename, content(part)[1]) for part in files if isinstance(part, FilePart)] == [
        ("notes.md", b"# Notes\n"),
        ("src", b"app.py"),
        ("src/app.py", b"1\n2\n3\n"),
    ]


async def test_without_a_workspace_nothing_is_read(tmp_path: Path, root: Path) -> None:
    async with running_services(tmp_path / "data", config()) as services:
        with pytest.raises(BadRequest):
            await sent(services, FilePartInput(mime="text/plain", url=f"file://{root}/notes.md"))
        body = await services.prompts.commands.prompt(CommandBody(command="look", arguments=""))
        assert body.parts and len(body.parts) == 1
