"""Rules of the folders that a read file is in: the first file of each (`AGENTS.md`…), once in a session."""

from collections import OrderedDict
from pathlib import PurePosixPath

from opencode.errors import WorkspaceError
from opencode.tool.base import ToolContext
from opencode.workspace import Workspace

RULE_FILES = ("AGENTS.md", "CLAUDE.md", "CONTEXT.md")
MAX_RULES = 64 * 1024
"""Bytes of one file of rules."""

MAX_SESSIONS = 1_000
"""Sessions of which is known what they have read; of an older one it is read again."""


class NestedRules:
    """The rules below a workspace's root; those in the root are in every system prompt."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._read: OrderedDict[str, set[str]] = OrderedDict()

    def new_for(self, file: str, context: ToolContext) -> list[tuple[str, str]]:
        """Return the path and text of rules for a file, named from the root, that are new to the session.

        The nearest ones come first. Blocks.
        """
        rules = []
        for folder in PurePosixPath(file).parents[:-1]:
            path = self._first(folder)
            if path is None or str(path) == file or not self._claim(context.session_id, str(path)):
                continue
            try:
                text = self._workspace.read(str(path), MAX_RULES).decode("utf-8", "replace")
            except (WorkspaceError, OSError):
                continue
            if text:
                rules.append((str(self._workspace.root / path), text))
        return rules

    def _first(self, folder: PurePosixPath) -> PurePosixPath | None:
        for name in RULE_FILES:
            try:
                if self._workspace.stat(str(folder / name)).kind == "file":
                    return folder / name
            except (WorkspaceError, OSError):
                continue
        return None

    def _claim(self, session_id: str, path: str) -> bool:
        """Note that a session has read rules; return whether it had not."""
        known = self._read.setdefault(session_id, set())
        self._read.move_to_end(session_id)
        if len(self._read) > MAX_SESSIONS:
            self._read.popitem(last=False)
        if path in known:
            return False
        known.add(path)
        return True
