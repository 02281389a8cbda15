"""An MCP server's prompts, which users run like commands."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from opencode.errors import ToolError

from .tool import sanitized

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


def prompts_of(server: str, listed: Iterable[Any], fill: Fill) -> list[McpPrompt]:
    """Return a server's prompts, named server:prompt; those without a name are left out."""
    return [
        McpPrompt(
            name=f"{sanitized(server)}:{sanitized(name)}",
            own_name=name,
            description=next((text for text in _texts(prompt, "description", "title") if text), name),
            arguments=_arguments(prompt.get("arguments")),
            fill=fill,
        )
        for prompt in listed
        if isinstance(prompt, dict)
        for name in _texts(prompt, "name")
        if name
    ]


def _arguments(listed: Any) -> dict[str, bool]:
    arguments = (each for each in listed if isinstance(each, dict)) if isinstance(listed, list) else ()
    return {name: each.get("required") is True for each in arguments for name in _texts(each, "name")}


def _texts(given: dict[str, Any], *keys: str) -> list[str]:
    return [text for key in keys if isinstance(text := given.get(key), str)]
