"""The agents by name: the built-in ones and those of opencode.json."""

from collections.abc import Collection
from functools import cache
from pathlib import Path

from msgspec import UNSET, UnsetType, structs

from opencode.config import DEFAULT_AGENT, AgentConfig, Config, PermissionConfig, model_names
from opencode.errors import BadRequest, SettingsError, nearest
from opencode.schema.agent import Agent, AgentMode, AgentModel
from opencode.schema.base import given
from opencode.schema.message import ModelChoice
from opencode.schema.session import PermissionRule

from .permission import DOOM_LOOP, rules

DEFAULT_STEPS = 50
"""The maximum number of model requests for one prompt, unless the agent sets its own."""

DENY_TASK = PermissionRule(permission="task", pattern="*", action="deny")

DEFAULTS = rules(
    {
        "*": "allow",
        DOOM_LOOP: "ask",
        "external_directory": {"*": "ask"},
        "question": "deny",
        "plan_enter": "deny",
        "plan_exit": "deny",
        "read": {"*": "allow", "*.env": "ask", "*.env.*": "ask", "*.env.example": "allow"},
    }
)
"""The rules that come before all others: opencode's, without the directories of its machine."""

_RESEARCH: PermissionConfig = {
    "*": "deny",
    **dict.fromkeys(("grep", "glob", "list", "bash", "webfetch", "websearch", "read"), "allow"),
    "external_directory": {"*": "ask"},
}


def _native(
    name: str,
    mode: AgentMode,
    description: str | UnsetType,
    permission: PermissionConfig,
    hidden: bool | UnsetType = UNSET,
    temperature: float | UnsetType = UNSET,
) -> Agent:
    return Agent(
        name=name,
        mode=mode,
        description=description,
        permission=[*DEFAULTS, *rules(permission)],
        options={},
        native=True,
        hidden=hidden,
        temperature=temperature,
        prompt=_prompt(name),
    )


@cache
def _prompt(name: str) -> str:
    return (Path(__file__).parent / "prompts" / f"{name}.txt").read_text(encoding="utf-8").strip()


def default_prompt() -> str:
    """Return the prompt of agents that have none of their own."""
    return _prompt(DEFAULT_AGENT)


def _built_in() -> list[Agent]:
    return [
        _native(
            "build",
            "primary",
            "The default agent: answers questions and completes tasks.",
            {"question": "allow", "plan_enter": "allow"},
        ),
        _native(
            "plan",
            "primary",
            "Makes a plan without carrying it out.",
            {
                "question": "allow",
                "plan_exit": "allow",
                "task": {"general": "deny"},
                "edit": {"*": "deny", ".opencode/plans/*.md": "allow"},
            },
        ),
        _native(
            "general", "subagent", "Completes a task of several steps on its own.", {"todowrite": "deny"}
        ),
        _native("explore", "subagent", "Researches a question quickly and broadly.", _RESEARCH),
        _native("title", "primary", UNSET, "deny", hidden=True, temperature=0.5),
        _native("summary", "primary", UNSET, "deny", hidden=True),
        _native("compaction", "primary", UNSET, "deny", hidden=True),
    ]


class Agents:
    """All agents that a prompt can use. `warnings`: sentences about probable mistakes, for the log.

    `home`: the user's, for which `~` in a pattern stands.
    """

    def __init__(self, config: Config, home: Path | None = None) -> None:
        general = _rules(config.permission, home)
        self._agents: dict[str, Agent] = {}
        self._models: dict[str, tuple[ModelChoice, ...]] = {
            name: tuple(map(_choice, model_names(entry.model))) for name, entry in config.agent.items()
        }
        for agent in _built_in():
            self._agents[agent.name] = structs.replace(agent, permission=[*agent.permission, *general])
        for name, entry in config.agent.items():
            if entry.disable:
                self._agents.pop(name, None)
            else:
                base = self._agents.get(name) or Agent(
                    name=name, mode="all", permission=[*DEFAULTS, *general], options={}, native=False
                )
                self._agents[name] = _configured(base, entry, home)
        wanted = config.default_agent or DEFAULT_AGENT
        primary = [agent.name for agent in self._agents.values() if _can_be_default(agent)]
        self._first = wanted
        self.default = wanted if wanted in primary else next(iter(primary), DEFAULT_AGENT)
        self.warnings: tuple[str, ...] = ()
        if config.default_agent and wanted not in primary:
            self.warnings = (
                f"default_agent: {wanted!r} is not a primary agent; {self.default!r} is used instead. "
                f"Known: {', '.join(primary)}.",
            )

    def list(self) -> list[Agent]:
        """Return all agents, the default one first, then by name."""
        return sorted(self._agents.values(), key=lambda agent: (agent.name != self._first, agent.name))

    def names(self) -> Collection[str]:
        """Return the names of all agents."""
        return self._agents.keys()

    def get(self, name: str) -> Agent:
        """Return an agent by name; raises BadRequest, which suggests similar names."""
        agent = self._agents.get(name) or self._shown_as(name)
        if agent is None:
            visible = [agent.name for agent in self._agents.values() if agent.hidden is not True]
            raise BadRequest(f"There is no agent {name!r}. {nearest(name, visible)}".rstrip())
        return agent

    def _shown_as(self, name: str) -> Agent | None:
        return next((agent for agent in self._agents.values() if agent.name == name), None)

    def models(self, name: str) -> tuple[ModelChoice, ...]:
        """Return the models of an agent in order: each answers while those before it are unavailable."""
        return self._models.get(name, ())


def _can_be_default(agent: Agent) -> bool:
    return agent.mode != "subagent" and agent.hidden is not True


def _choice(name: str) -> ModelChoice:
    provider_id, _, model_id = name.partition("/")
    return ModelChoice(provider_id=provider_id, model_id=model_id)


def _rules(config: PermissionConfig, home: Path | None) -> list[PermissionRule]:
    """Return the rules of a `permission` entry; `~` and `$HOME` that a pattern begins with are the home."""
    return [structs.replace(rule, pattern=_at_home(rule.pattern, home)) for rule in rules(config)]


def _at_home(pattern: str, home: Path | None) -> str:
    if home is None or not (pattern == "~" or pattern.startswith(("~/", "$HOME"))):
        return pattern
    return str(home) + pattern.removeprefix("~").removeprefix("$HOME")


def _configured(base: Agent, entry: AgentConfig, home: Path | None) -> Agent:
    """Return `base` with the settings of its configuration entry."""
    model: AgentModel | UnsetType = base.model
    for name in model_names(entry.model)[:1]:
        first = _choice(name)
        model = AgentModel(provider_id=first.provider_id, model_id=first.model_id)
    steps = given(entry.steps, given(entry.max_steps, given(base.steps, 0)))
    if steps < 0:
        raise SettingsError(f"agent.{base.name}.steps must be at least 1, not {steps}.")
    permission = [*base.permission, *_rules(given(entry.permission, {}), home)]
    return structs.replace(
        base,
        name=given(entry.name, base.name),
        mode=given(entry.mode, base.mode),
        permission=permission,
        options={**base.options, **entry.options},
        description=base.description if entry.description is UNSET else entry.description,
        hidden=base.hidden if entry.hidden is UNSET else entry.hidden,
        temperature=base.temperature if entry.temperature is UNSET else entry.temperature,
        top_p=base.top_p if entry.top_p is UNSET else entry.top_p,
        color=base.color if entry.color is UNSET else entry.color,
        model=model,
        variant=base.variant if entry.variant is UNSET else entry.variant,
        prompt=base.prompt if entry.prompt is UNSET else entry.prompt,
        steps=steps or UNSET,
    )
