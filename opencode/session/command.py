"""Commands: named prompt templates with placeholders for arguments."""

import re
from collections.abc import Sequence
from typing import Protocol

from msgspec import UNSET, UnsetType

from opencode.agent.agents import Agents
from opencode.config import CommandConfig, SkillFile
from opencode.errors import BadRequest, ToolError, nearest
from opencode.schema.agent import Command
from opencode.schema.base import given
from opencode.schema.prompt import (
    AgentPartInput,
    CommandBody,
    PartInput,
    PromptBody,
    SubtaskPartInput,
    TextPartInput,
)
from opencode.tool.mcp import McpPrompt
from opencode.tool.skill import Skills
from opencode.workspace import Workspace

from .command_references import NOT_FOUND, NOT_READ, mentions, references, without_programs
from .prompt_files import referred_files

ALL = "$ARGUMENTS"

_NUMBERED = re.compile(r"\$(\d+)")
_WORD = re.compile(r"\[Image\s+\d+\]|\"[^\"]*\"|'[^']*'|[^\s\"']+", re.IGNORECASE)
"""An argument, as opencode splits them; a quotation mark without its other one is left out."""

_PLACEHOLDER = re.compile(r"\$(\d+|ARGUMENTS)")


class PromptSource(Protocol):
    """Lists the prompts of MCP servers."""

    async def prompts(self) -> Sequence[McpPrompt]: ...


class Commands:
    """The configured commands, the prompts of MCP servers, and skills. On equal names the former wins."""

    def __init__(
        self,
        entries: dict[str, CommandConfig],
        agents: Agents,
        source: PromptSource,
        skills: Skills,
        workspace: Workspace | None,
    ) -> None:
        self._workspace = workspace
        self._entries = entries
        self._agents = agents
        self._source = source
        self._skills = skills

    async def list(self) -> list[Command]:
        """Return the configured commands by name, then the prompts of MCP servers, then skills."""
        configured = [
            Command(
                name=name,
                template=entry.template,
                hints=_placeholders(entry.template),
                description=entry.description,
                agent=entry.agent,
                model=entry.model,
                subtask=entry.subtask,
                source="command",
            )
            for name, entry in sorted(self._entries.items())
        ]
        listed = configured + [_mcp_command(prompt) for prompt in await self._prompts()]
        names = {command.name for command in listed}
        return listed + [_skill_command(skill) for skill in self._skills.all() if skill.name not in names]

    async def prompt(self, body: CommandBody) -> PromptBody:
        """Return the prompt for a command; raises BadRequest, which suggests similar names."""
        entry = self._entries.get(body.command)
        if entry is None:
            return await self._mcp_prompt(body)
        agent = entry.agent or body.agent
        text, parts = await self._parts(fill_in(entry.template, body.arguments))
        if agent and self._is_subtask(entry, agent):
            part = SubtaskPartInput(
                agent=agent,
                prompt=text,
                description=given(entry.description, body.command),
                command=body.command,
            )
            parts = [part]
            agent = body.agent
        return _prompt_body(parts, body, agent, entry.model or body.model)

    async def _parts(self, text: str) -> tuple[str, Sequence[PartInput]]:
        """Return a command's text, and its parts: the text, the files and the agents that it refers to."""
        agents = self._agents.names()
        files = await referred_files(references(text, agents), self._workspace)
        text, mentioned = mentions(text, agents, files, NOT_FOUND if self._workspace else NOT_READ)
        return text, [TextPartInput(text=text), *files.values(), *map(_mention, mentioned)]

    async def _prompts(self) -> Sequence[McpPrompt]:
        return [prompt for prompt in await self._source.prompts() if prompt.name not in self._entries]

    async def _mcp_prompt(self, body: CommandBody) -> PromptBody:
        prompts = {prompt.name: prompt for prompt in await self._prompts()}
        prompt = prompts.get(body.command)
        skill = self._skills.find(body.command)
        if prompt is None and skill is not None:
            _, parts = await self._parts(fill_in(_skill_command(skill).template, body.arguments))
            return _prompt_body(parts, body, body.agent, body.model)
        if prompt is None:
            skills = [skill.name for skill in self._skills.all()]
            hint = nearest(body.command, [*self._entries, *prompts, *skills]) or "opencode.json has none."
            raise BadRequest(f"There is no command {body.command!r}. {hint}")
        try:
            text = await prompt.text(_positional(body.arguments, len(prompt.arguments)))
        except ToolError as error:
            raise BadRequest(error.message) from None
        return _prompt_body([TextPartInput(text=text)], body, body.agent, body.model)

    def _is_subtask(self, entry: CommandConfig, agent: str) -> bool:
        """Return whether the command runs as a task in a child session."""
        if entry.subtask is not UNSET:
            return entry.subtask
        return self._agents.get(agent).mode == "subagent"


def _prompt_body(
    parts: Sequence[PartInput], body: CommandBody, agent: str | UnsetType, model: str | UnsetType
) -> PromptBody:
    """Return a prompt of the command's `parts` and the parts and settings that were sent with the command."""
    return PromptBody(
        parts=[*parts, *given(body.parts, [])],
        agent=agent,
        model=model,
        variant=body.variant,
        message_id=body.message_id,
    )


def fill_in(template: str, arguments: str) -> str:
    """Return a template with its placeholders filled: `$1`, `$2`, … with a word each, `$ARGUMENTS` with all.

    The last numbered placeholder gets all remaining words. Words may be quoted. Without any placeholder, the
    arguments are appended to the template. A line stands for each program that the template would run.
    """
    template = without_programs(template)
    values = _positional(arguments, max(map(int, _NUMBERED.findall(template)), default=0))

    def fill(match: re.Match[str]) -> str:
        if match[0] == ALL:
            return arguments
        number = int(match[1])
        return values[number - 1] if 0 < number <= len(values) else ""

    filled = _PLACEHOLDER.sub(fill, template)
    if arguments.strip() and not _PLACEHOLDER.search(template):
        filled = f"{filled}\n\n{arguments}"
    return filled.strip()


def _mcp_command(prompt: McpPrompt) -> Command:
    hints = [f"${number}" for number in range(1, len(prompt.arguments) + 1)]
    return Command(
        name=prompt.name,
        template=" ".join(hints),
        hints=hints,
        description=prompt.description,
        source="mcp",
    )


def _positional(arguments: str, count: int) -> list[str]:
    """Return at most `count` arguments; the last one holds all remaining words."""
    words = _words(arguments)
    if count == 0 or len(words) <= count:
        return words[:count]
    return [*words[: count - 1], " ".join(words[count - 1 :])]


def _words(arguments: str) -> list[str]:
    return [re.sub(r"^[\"']|[\"']$", "", word) for word in _WORD.findall(arguments)]


def _placeholders(template: str) -> list[str]:
    numbers = sorted({f"${number}" for number in _NUMBERED.findall(template)})
    return [*numbers, *([ALL] if ALL in template else [])]


def _mention(agent: str) -> AgentPartInput:
    return AgentPartInput(name=agent)


def _skill_command(skill: SkillFile) -> Command:
    template = (
        f"{skill.content}\n\nBase directory for this skill: {skill.location.parent}\n"
        "Relative paths in this skill (e.g., scripts/, references/) are relative to this base directory."
    )
    return Command(
        name=skill.name,
        template=template,
        hints=[],
        description=UNSET if skill.description is None else skill.description,
        source="skill",
    )
