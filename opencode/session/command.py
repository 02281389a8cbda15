"""Commands: prompts with a name and places for what the user types after it."""

import re
import shlex
from collections.abc import Sequence
from typing import Protocol

from msgspec import UNSET, UnsetType

from opencode.agent.agents import Agents
from opencode.config import CommandConfig
from opencode.errors import BadRequest, ToolError, nearest
from opencode.schema.agent import Command
from opencode.schema.base import given
from opencode.schema.prompt import CommandBody, PartInput, PromptBody, SubtaskPartInput, TextPartInput
from opencode.tool.mcp import McpPrompt

ALL = "$ARGUMENTS"

_NUMBERED = re.compile(r"\$(\d+)")
_PLACE = re.compile(r"\$(\d+|ARGUMENTS)")


class PromptSource(Protocol):
    """What MCP servers offer."""

    async def prompts(self) -> Sequence[McpPrompt]: ...


class Commands:
    """The commands of opencode.json, and the prompts of MCP servers whose names these leave free."""

    def __init__(self, entries: dict[str, CommandConfig], agents: Agents, source: PromptSource) -> None:
        self._entries = entries
        self._agents = agents
        self._source = source

    async def list(self) -> list[Command]:
        """Return all commands, by name, and then the prompts of MCP servers."""
        own = [
            Command(
                name=name,
                template=entry.template,
                hints=_places(entry.template),
                description=entry.description,
                agent=entry.agent,
                model=entry.model,
                subtask=entry.subtask,
                source="command",
            )
            for name, entry in sorted(self._entries.items())
        ]
        return own + [_offered(prompt) for prompt in await self._prompts()]

    async def prompt(self, body: CommandBody) -> PromptBody:
        """Return the prompt that a command stands for; raises BadRequest with the names that are near."""
        entry = self._entries.get(body.command)
        if entry is None:
            return await self._prompt_of_server(body)
        agent = entry.agent or body.agent
        text = fill_in(entry.template, body.arguments)
        said: PartInput = TextPartInput(text=text)
        if agent and self._is_subtask(entry, agent):
            said = SubtaskPartInput(
                agent=agent,
                prompt=text,
                description=given(entry.description, body.command),
                command=body.command,
            )
            agent = body.agent
        return _with(said, body, agent, entry.model or body.model)

    async def _prompts(self) -> Sequence[McpPrompt]:
        return [prompt for prompt in await self._source.prompts() if prompt.name not in self._entries]

    async def _prompt_of_server(self, body: CommandBody) -> PromptBody:
        prompts = {prompt.name: prompt for prompt in await self._prompts()}
        prompt = prompts.get(body.command)
        if prompt is None:
            hint = nearest(body.command, [*self._entries, *prompts]) or "opencode.json has none."
            raise BadRequest(f"There is no command {body.command!r}. {hint}")
        try:
            text = await prompt.text(_by_place(body.arguments, len(prompt.arguments)))
        except ToolError as error:
            raise BadRequest(error.message) from None
        return _with(TextPartInput(text=text), body, body.agent, body.model)

    def _is_subtask(self, entry: CommandConfig, agent: str) -> bool:
        """Tell whether another agent works on a command in a session of its own."""
        if entry.subtask is not UNSET:
            return entry.subtask
        return self._agents.get(agent).mode == "subagent"


def _with(said: PartInput, body: CommandBody, agent: str | UnsetType, model: str | UnsetType) -> PromptBody:
    """Return a prompt that says what a command stands for, and all else that came with it."""
    return PromptBody(
        parts=[said, *given(body.parts, [])],
        agent=agent,
        model=model,
        variant=body.variant,
        message_id=body.message_id,
    )


def fill_in(template: str, arguments: str) -> str:
    """Return a template with its places filled: `$1`, `$2`, … by one word each, `$ARGUMENTS` by all.

    The last numbered place takes all words that are left. Words may be quoted. Without any place, what was
    typed goes below the template.
    """
    values = _by_place(arguments, max(map(int, _NUMBERED.findall(template)), default=0))

    def fill(match: re.Match[str]) -> str:
        if match[0] == ALL:
            return arguments
        number = int(match[1])
        return values[number - 1] if 0 < number <= len(values) else ""

    filled = _PLACE.sub(fill, template)
    if arguments.strip() and not _PLACE.search(template):
        filled = f"{filled}\n\n{arguments}"
    return filled.strip()


def _offered(prompt: McpPrompt) -> Command:
    hints = [f"${number}" for number in range(1, len(prompt.arguments) + 1)]
    return Command(
        name=prompt.name,
        template=" ".join(hints),
        hints=hints,
        description=prompt.description,
        source="mcp",
    )


def _by_place(arguments: str, places: int) -> list[str]:
    """Return what was typed by numbered places, as far as it goes: the last one takes all that is left."""
    words = _words(arguments)
    if places == 0 or len(words) <= places:
        return words[:places]
    return [*words[: places - 1], " ".join(words[places - 1 :])]


def _words(arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError:
        return arguments.split()  # a quotation mark without its twin is an apostrophe


def _places(template: str) -> list[str]:
    numbers = sorted({int(number) for number in _NUMBERED.findall(template)})
    return [*(f"${number}" for number in numbers), *([ALL] if ALL in template else [])]
