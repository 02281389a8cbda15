"""An MCP server's prompts, which users run like commands."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opencode.errors import ToolError

from .tool import sanitized

if TYPE_CHECKING:
    import mcp_types

Fill = Callable[[str, dict[str, str]], Awaitable[str]]
"""Gets a prompt from the server by the server's name for it: (name, arguments). Raises ToolError."""


@dataclass(frozen=True)
class McpPrompt:
    """A prompt. `name`: server:prompt; `own_name`: the server's name for it.

    `arguments`: their names, in order, and whether each is required.
    """

    name: str
    own_name: str
    description: str
    arguments: dict[str, bool]
    fill: Fill

    async def text(self, values: Sequence[str]) -> str:
        """Return the prompt's text; `values` are its arguments, in order. Raises ToolError."""
        given = dict(zip(self.arguments, values, strict=False))
        missing = [name for name, required in self.arguments.items() if required and name not in given]
        if missing:
            raise ToolError(f"{self.name} needs {', '.join(missing)}: write it after the command's name.")
        return await self.fill(self.own_name, given)


def prompts_of(server: str, listed: "Iterable[mcp_types.Prompt]", fill: Fill) -> list[McpPrompt]:
    """Return a server's prompts, named server:prompt."""
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
