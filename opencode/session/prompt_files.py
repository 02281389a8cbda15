"""Files of the workspace in prompts: `file://` URLs, and what commands refer to as @file."""

import base64
import mimetypes
from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import parse_qs, quote, unquote, urlsplit

from msgspec import UNSET, structs

from opencode.errors import BadRequest, WorkspaceError
from opencode.schema.base import given
from opencode.schema.prompt import FilePartInput, PartInput
from opencode.workspace import Workspace

TEXT = "text/plain"
FOLDER = "application/x-directory"

_SHOWN = 200


async def with_workspace_files(inputs: Sequence[PartInput], workspace: Workspace | None) -> list[PartInput]:
    """Return a prompt's parts with the content of files in the place of `file://` URLs.

    Without a workspace they stay as they are. Raises BadRequest for what is not in the workspace.
    """
    return [
        await _with_content(item, workspace)
        if workspace is not None and isinstance(item, FilePartInput) and item.url.startswith("file:")
        else item
        for item in inputs
    ]


async def referred_files(names: Sequence[str], workspace: Workspace | None) -> dict[str, FilePartInput]:
    """Return a part for each name that is a file or directory of the workspace."""
    parts: dict[str, FilePartInput] = {}
    for name in names if workspace is not None else ():
        assert workspace is not None
        try:
            entry = await workspace.run(workspace.stat, name)
        except (WorkspaceError, OSError):
            continue
        parts[name] = FilePartInput(
            url=f"file://{quote(str(workspace.root / entry.path))}",
            filename=name,
            mime=FOLDER if entry.kind == "directory" else TEXT,
        )
    return parts


async def _with_content(item: FilePartInput, workspace: Workspace) -> FilePartInput:
    address = urlsplit(item.url)
    path = unquote(address.path)
    if address.netloc not in ("", "localhost"):
        raise BadRequest(
            f"The file {path[:_SHOWN]!r} is on another machine: send its content as a data: URL."
        )
    lines = {key: values[-1] for key, values in parse_qs(address.query).items()}
    try:
        mime, content = await workspace.run(_read, workspace, path, item.mime)
    except WorkspaceError as error:
        raise BadRequest(error.message) from None
    except OSError as error:
        raise BadRequest(
            f"The file {path[:_SHOWN]!r} can't be read: {error.strerror}. Name another one."
        ) from None
    if mime == TEXT:
        content = _between(content, lines.get("start", ""), lines.get("end", ""))
    return structs.replace(
        item,
        mime=mime,
        url=f"data:{mime};base64,{base64.b64encode(content).decode()}",
        filename=given(item.filename, PurePosixPath(path).name) or UNSET,
    )


def _read(workspace: Workspace, path: str, mime: str) -> tuple[str, bytes]:
    """Return what a file is and its content; of a directory, the names in it."""
    if workspace.stat(path).kind == "directory":
        names = [
            f"{entry.name}/" if entry.kind == "directory" else entry.name for entry in workspace.list(path)
        ]
        return TEXT, "\n".join(names).encode()
    content = workspace.read(path)
    try:
        if "\0" not in content.decode():
            return TEXT, content
    except UnicodeDecodeError:
        pass
    guessed = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return guessed if mime in (TEXT, FOLDER) else mime, content


def _between(content: bytes, start: str, end: str) -> bytes:
    """Return the lines from number `start` to `end`, all where these are no numbers."""
    if not start.isdecimal() or len(start) > 9:
        return content
    first = max(int(start), 1)
    last = int(end) if end.isdecimal() and len(end) <= 9 else None
    return b"".join(content.splitlines(keepends=True)[first - 1 : last])
