"""An MCP server's prompts: users ask for them by name, as for commands."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opencode.errors import ToolError

from .tool import sanitized

if TYPE_CHECKING:
    import mcp_types

Fill = Callable[[str, dict[str, str]], Awaitable[str]]
"""Has the server fill in a prompt by its own name: (name, arguments). Raises ToolError."""


@dataclass(frozen=True)
class McpPrompt:
    """A prompt. `name`: server:prompt; `own_name`: the server's own.

    `arguments`: their names, in order, and whether each must be given.
    """

    name: str
    own_name: str
    description: str
    arguments: dict[str, bool]
    fill: Fill

    async def text(self, values: Sequence[str]) -> str:
        """Return the prompt's text with a value for each argument, as far as they go; raises ToolError."""
        given = dict(zip(self.arguments, values, strict=False))
        missing = [name for name, needed in self.arguments.items() if needed and name not in given]
        if missing:
            raise ToolError(f"{self.name} needs {', '.join(missing)}: write it after the command's name.")
        return await self.fill(self.own_name, given)


def prompts_of(server: str, listed: "Iterable[mcp_types.Prompt]", fill: Fill) -> list[McpPrompt]:
    """Return a server's prompts under names of their own."""
    return [
        McpPrompt(
            name=f"{sanitized(server)}:{sanitized(prompt.name)}",
            own_name=prompt.name,
            description=prompt.description or prompt.title or prompt.name,
            arguments={argument.name: argument.required is True for argument in prompt.arguments or ()},
            fill=fill,
        )
        for prompt in listed
    ]
