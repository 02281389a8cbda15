"""Files of the workspace, as opencode's clients list, read and search them."""

from typing import Literal

from msgspec import UNSET, UnsetType

from .base import Wire
from .part import Range


class FileNode(Wire):
    """An entry of a directory. `path`: from the root, with a slash after a directory. `ignored`: by Git."""

    name: str
    path: str
    absolute: str
    type: Literal["file", "directory"]
    ignored: bool


class FileContent(Wire):
    """The content of a file: text without the space around it, or base64."""

    type: Literal["text", "binary"]
    content: str
    encoding: Literal["base64"] | UnsetType = UNSET
    mime_type: str | UnsetType = UNSET


class FileStatus(Wire):
    """A file that differs from the repository's."""

    path: str
    added: int
    removed: int
    status: Literal["added", "deleted", "modified"]


class SymbolLocation(Wire):
    uri: str
    range: Range


class Symbol(Wire):
    """A symbol of the source code."""

    name: str
    kind: int
    location: SymbolLocation


class Text(Wire):
    text: str


class Submatch(Wire):
    """A match in a line; `start`, `end`: in bytes."""

    match: Text
    start: int
    end: int


class TextMatch(Wire, rename=None):
    """A line of a file that matches. `absolute_offset`: in bytes, of the line."""

    path: Text
    lines: Text
    line_number: int
    absolute_offset: int
    submatches: list[Submatch]
