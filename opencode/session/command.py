"""Commands: prompts with a name and places for what the user types after it."""

import re
import shlex

from msgspec import UNSET

from opencode.agent.agents import Agents
from opencode.config import CommandConfig
from opencode.errors import BadRequest, nearest
from opencode.schema.agent import Command
from opencode.schema.base import given
from opencode.schema.prompt import CommandBody, PartInput, PromptBody, SubtaskPartInput, TextPartInput

ALL = "$ARGUMENTS"

_NUMBERED = re.compile(r"\$(\d+)")
_PLACE = re.compile(r"\$(\d+|ARGUMENTS)")


class Commands:
    """The commands of opencode.json."""

    def __init__(self, entries: dict[str, CommandConfig], agents: Agents) -> None:
        self._entries = entries
        self._agents = agents

    def list(self) -> list[Command]:
        """Return all commands, by name."""
        return [
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

    def prompt(self, body: CommandBody) -> PromptBody:
        """Return the prompt that a command stands for; raises BadRequest with the names that are near."""
        entry = self._entries.get(body.command)
        if entry is None:
            hint = nearest(body.command, self._entries) or "opencode.json has none."
            raise BadRequest(f"There is no command {body.command!r}. {hint}")
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
        return PromptBody(
            parts=[said, *given(body.parts, [])],
            agent=agent,
            model=entry.model or body.model,
            variant=body.variant,
            message_id=body.message_id,
        )

    def _is_subtask(self, entry: CommandConfig, agent: str) -> bool:
        """Tell whether another agent works on a command in a session of its own."""
        if entry.subtask is not UNSET:
            return entry.subtask
        return self._agents.get(agent).mode == "subagent"


def fill_in(template: str, arguments: str) -> str:
    """Return a template with its places filled: `$1`, `$2`, … by one word each, `$ARGUMENTS` by all.

    The last numbered place takes all words that are left. Words may be quoted. Without any place, what was
    typed goes below the template.
    """
    words = _words(arguments)
    last = max(map(int, _NUMBERED.findall(template)), default=0)

    def fill(match: re.Match[str]) -> str:
        if match[0] == ALL:
            return arguments
        number = int(match[1])
        if number == last:
            return " ".join(words[number - 1 :])
        return words[number - 1] if 0 < number <= len(words) else ""

    filled = _PLACE.sub(fill, template)
    if arguments.strip() and not _PLACE.search(template):
        filled = f"{filled}\n\n{arguments}"
    return filled.strip()


def _words(arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError:
        return arguments.split()  # a quotation mark without its twin is an apostrophe


def _places(template: str) -> list[str]:
    numbers = sorted({int(number) for number in _NUMBERED.findall(template)})
    return [*(f"${number}" for number in numbers), *([ALL] if ALL in template else [])]
