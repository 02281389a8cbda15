"""Text in the files of a workspace, for clients: `GET /find`."""

from collections.abc import Iterator

from opencode.errors import WorkspaceError
from opencode.schema.file import Submatch, Text, TextMatch
from opencode.workspace import MAX_FILE, Workspace

from .expression import Expression
from .grep import searched
from .selection import Search

MOST_LINES = 10
"""Lines of one file that are returned, as opencode does."""

MOST_FOUND = 500
"""Lines of all files."""

LONGEST_LINE = 2_000
"""Characters of a line that are returned."""


def find_text(workspace: Workspace, expression: Expression) -> list[TextMatch]:
    """Return the lines that match, by file; raises what Workspace raises. Blocks, 15 s at most."""
    search = Search(workspace, ".", (), hidden=True)
    found: list[TextMatch] = []
    for file in search.files():
        try:
            content = searched(workspace.read(str(file.path), MAX_FILE))
        except (WorkspaceError, OSError):
            continue
        for match in _lines(str(file.path), content, expression, search):
            found.append(match)
            if len(found) == MOST_FOUND:
                return found
    return found


def _lines(path: str, content: bytes, expression: Expression, search: Search) -> Iterator[TextMatch]:
    offset, number = 0, 1
    for count, (line_number, line) in enumerate(expression.lines(content, search.goes_on)):
        if count == MOST_LINES:
            return
        for _ in range(line_number - number):
            offset = content.index(b"\n", offset) + 1
        number = line_number
        yield TextMatch(
            path=Text(text=path),
            lines=Text(text=_shown(line)),
            line_number=line_number,
            absolute_offset=offset,
            submatches=[
                Submatch(match=Text(text=_shown(line[start:end])), start=start, end=end)
                for start, end in expression.places(line)
            ],
        )


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "replace")[:LONGEST_LINE]
