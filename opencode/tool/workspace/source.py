"""The file tools of a workspace as a source of tools, and what models are told of the folder."""

from collections.abc import Iterable, Sequence

from opencode.tool.base import AnyTool
from opencode.workspace import Changes, Workspace

from .access import Files
from .apply_patch import ApplyPatch
from .edit import EditFile
from .glob import GlobFiles
from .grep import GrepFiles
from .listing import ListFiles
from .nested_rules import NestedRules
from .read import ReadFile
from .write import WriteFile


class WorkspaceTools:
    """The tools for a workspace; those that change files only if it is writable."""

    def __init__(self, workspace: Workspace, changes: Changes) -> None:
        files = Files(workspace, changes)
        self._workspace = workspace
        self._tools: list[AnyTool] = [
            ReadFile(files, NestedRules(workspace)),
            GlobFiles(files),
            GrepFiles(files),
            ListFiles(files),
        ]
        if workspace.writable:
            self._tools += [EditFile(files), WriteFile(files), ApplyPatch(files)]

    def list(self) -> Sequence[AnyTool]:
        return self._tools

    def prefixes(self) -> Sequence[str]:
        return ()

    async def ready(self) -> None:
        """They always are."""

    def instructions(self, offered: Iterable[str]) -> Sequence[str]:
        """Return what a model must know of the folder to name its files, if it has one of the tools."""
        if {tool.name for tool in self._tools}.isdisjoint(offered):
            return ()
        may = "read and changed" if self._workspace.writable else "read"
        return (
            f"<env>\n  Working directory: {self._workspace.root}\n</env>\n"
            f"The files in this directory can be {may} with your tools; nothing outside it can be used.",
        )
