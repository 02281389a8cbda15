"""The files of the workspace: list, read and find. Served only if OPENCODE_WORKSPACE is set."""

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import msgspec
from quart import Blueprint

from opencode.errors import (
    BadRequest,
    BodyTooLarge,
    FileTooLargeError,
    Forbidden,
    NotFound,
    ToolError,
    WorkspaceError,
)
from opencode.schema.file import FileContent, FileNode, FileStatus, Symbol, TextMatch
from opencode.tool.workspace import text_search
from opencode.tool.workspace.expression import Expression
from opencode.workspace.browse import MOST_FOUND, find_names, list_directory, read_content

from ..app_state import services
from ..endpoint import endpoint

blueprint = Blueprint("file", __name__)

T = TypeVar("T")


class PathQuery(msgspec.Struct):
    """A path, absolute or from the workspace's root."""

    path: Annotated[str, msgspec.Meta(description="Path from the workspace's root, or absolute in it.")]


class PatternQuery(msgspec.Struct):
    """What to find in files."""

    pattern: Annotated[str, msgspec.Meta(description="A regular expression, looked for in each line.")]


class NameQuery(msgspec.Struct):
    """Which names to find."""

    query: Annotated[str, msgspec.Meta(description="Letters of the path, in their order.")]
    dirs: Annotated[Literal["true", "false"], msgspec.Meta(description="Find directories too.")] = "true"
    type: Annotated[Literal["file", "directory"], msgspec.Meta(description="Find only these.")] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_FOUND, description="Maximum number.")] = 10


class SymbolQuery(msgspec.Struct):
    """Which symbols to find."""

    query: Annotated[str, msgspec.Meta(description="A part of the symbol's name.")]


@blueprint.get("/file")
@endpoint(list[FileNode], query=PathQuery, errors=(400, 403, 404))
async def list_files(query: PathQuery) -> list[FileNode]:
    """List a directory of the workspace."""
    return await _run(list_directory, query.path or ".")


@blueprint.get("/file/content")
@endpoint(FileContent, query=PathQuery, errors=(400, 403, 413))
async def read_file(query: PathQuery) -> FileContent:
    """Get the content of a file of the workspace: empty if there is none."""
    return await _run(read_content, query.path)


@blueprint.get("/file/status")
@endpoint(list[FileStatus])
async def list_status() -> list[FileStatus]:
    """List the files that differ from the repository's: none, as in opencode. See a session's `diff`."""
    return []


@blueprint.get("/find")
@endpoint(list[TextMatch], query=PatternQuery, errors=(400,))
async def find_text(query: PatternQuery) -> list[TextMatch]:
    """Find lines in the files of the workspace by a regular expression (RE2), ten at most in a file."""
    if not query.pattern:
        raise BadRequest("pattern is empty. Send a regular expression, such as needle.", "Query")
    try:
        expression = Expression(query.pattern)
    except ToolError as error:
        raise BadRequest(error.message, "Query") from None
    return await _run(text_search.find_text, expression)


@blueprint.get("/find/file")
@endpoint(list[str], query=NameQuery, errors=(400,))
async def find_files(query: NameQuery) -> list[str]:
    """Find files and directories of the workspace by letters of their paths."""
    kind = query.type or ("file" if query.dirs == "false" else None)
    return await _run(find_names, query.query, kind, query.limit)


@blueprint.get("/find/symbol")
@endpoint(list[Symbol], query=SymbolQuery, errors=(400,))
async def find_symbols(query: SymbolQuery) -> list[Symbol]:
    """Find symbols: none, because this server runs no language servers."""
    return []


async def _run(work: Callable[..., T], *arguments: object) -> T:
    """Run `work` on the workspace in a thread; its refusals become those of a request."""
    workspace = services().workspace
    assert workspace is not None, "the routes are registered only with a workspace"
    try:
        return await workspace.run(lambda: work(workspace, *arguments))
    except FileNotFoundError:
        raise NotFound("There is no such directory in the workspace.") from None
    except FileTooLargeError as error:
        raise BodyTooLarge(error.message) from None
    except WorkspaceError as error:
        raise Forbidden(error.message) from None
    except OSError as error:
        raise BadRequest(f"That can't be read: {error.strerror}. Name another path.", "Query") from None
