"""A folder with the file tools for it, as a server has them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from opencode.bus import Bus
from opencode.config import Settings
from opencode.store import Store
from opencode.tool.base import ToolResult
from opencode.tool.registry import Tools
from opencode.tool.workspace import WorkspaceTools
from opencode.workspace import Changes, Workspace
from tests.agent.conversation import session
from tests.tool.calls import Call


class Folder:
    """The file tools of a folder; `call` runs one. `asked`: the permissions that calls asked for."""

    def __init__(self, root: Path, store: Store, writable: bool = True) -> None:
        self.root = root
        self.workspace = Workspace(root, writable)
        self.source = WorkspaceTools(self.workspace, Changes(self.workspace, store, Bus()))
        self.tools = Tools(
            Settings(data_dir=root.parent),
            sources=[self.source],
        )
        self.context = Call()

    @property
    def asked(self) -> list[tuple[str, list[str], dict[str, Any]]]:
        return self.context.asked

    async def call(self, tool: str, context: Call | None = None, **arguments: Any) -> ToolResult:
        """Run a call as a model makes it; raises ToolError."""
        return await self.tools.execute(tool, json.dumps(arguments), (context or self.context).context)

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file past the tools."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, name: str) -> str:
        return (self.root / name).read_bytes().decode()


@asynccontextmanager
async def folder_at(root: Path, writable: bool = True) -> AsyncIterator[Folder]:
    """Open the tools for a folder, with a database beside it."""
    store = await Store.open(root.parent / "data", None)
    folder = Folder(root, store, writable)
    unit = store.unit()
    unit.put_session(session())
    await unit.commit()
    try:
        yield folder
    finally:
        folder.workspace.close()
        await store.close()
