"""What may differ between the two servers: each difference is stated in docs/compatibility.md, too."""

import re
from pathlib import Path
from typing import Any

from opencode.config.file import substituted, without_secrets

from .servers import Side

BUILT_IN_COMMANDS = frozenset({"init", "review"})
BUILT_IN_SKILL = "customize-opencode"

FILE_TOOLS = frozenset({"apply_patch", "bash", "edit", "glob", "grep", "list", "lsp", "read", "write"})
"""opencode's tools that work on files, which this server has with OPENCODE_WORKSPACE only."""

OWN_TOOLS = frozenset({"todoread", "websearch"})
"""This server's tools; opencode has `websearch` with some providers only."""

SAME_TOOLS = frozenset({"question", "skill", "task", "todowrite", "webfetch"})
"""Tools of both: the same names and inputs, in each server's own words."""

OWN_INPUTS = frozenset({"command", "file"})
"""Inputs that one server has: `command` of opencode's `task`, `file` of this server's `skill`."""

NO_LIMIT = 32_000
"""What opencode asks for where a model has no limit of its own; this server leaves it to the provider."""

_RENAMED = {"promptCacheKey": "prompt_cache_key"}
_LAST_STEP = "CRITICAL - MAXIMUM STEPS REACHED"
_OUR_LAST_STEP = re.compile(r"This is your last step, and tools are no longer available\.[^\n]*")
_ENVIRONMENT = re.compile(r"You are powered by the model named .*?</env>\n?", re.DOTALL)
_SKILL = r"  <skill>\n    <name>{}</name>\n.*?  </skill>\n"
_NO_SKILLS = re.compile(
    r"\nSkills provide specialized [^\n]*\nUse the skill tool [^\n]*\n"
    r"(<available_skills>\n</available_skills>|No skills are currently available\.)"
)
_TODAY = re.compile(r"Today is [^\n]*\(UTC\)\.")
_OWN_DIRECTORIES = (".local/share/opencode/", "/tmp/opencode/")


class Words:
    """A server's own words: the descriptions and prompts of its built-in agents, without a set-up."""

    def __init__(self, side: Side) -> None:
        self._agents = {agent["name"]: agent for agent in side.answers["agent"]}
        self.prompt = self._agents["build"].get("prompt", "")

    def without(self, agent: dict[str, Any]) -> dict[str, Any]:
        """Return an agent without what its server says of it in its own words."""
        own = self._agents.get(agent["name"], {}) if agent.get("native") else {}
        return {
            key: value
            for key, value in _without_null(agent).items()
            if key not in ("description", "prompt") or value != own.get(key)
        }


def theirs_compared(side: Side, words: Words, agent: str) -> dict[str, Any]:
    """Return opencode's side without what this server does not have."""
    answers = side.answers
    config = without_secrets(answers["config"])
    agents = [words.without(_without_own_directories(item)) for item in answers["agent"]]
    prompt = next((item.get("prompt", "") for item in agents if item["name"] == agent), "")
    system = _system(side.request)
    before, environment, after = _split(system, _ENVIRONMENT)
    assert environment, system
    after = re.sub(_SKILL.format(BUILT_IN_SKILL), "", after, flags=re.DOTALL)
    after = _NO_SKILLS.sub("", f"\n{after}")
    system = f"{prompt and before}\n{after}"
    tools = _tools(side.request, FILE_TOOLS)
    if len(answers["skill"]) == 1:
        tools.pop("skill", None)
    return {
        "config": _filled(config),
        "agent": agents,
        "command": _by_name(answers["command"], BUILT_IN_COMMANDS | {BUILT_IN_SKILL}),
        "skill": _by_name(answers["skill"], {BUILT_IN_SKILL}),
        "mcp": _statuses(answers["mcp"]),
        "system": _lines(system),
        "tools": tools,
        **_rest(side.request),
    }


def ours_compared(side: Side, words: Words, agent: str, env: dict[str, str], folder: Path) -> dict[str, Any]:
    """Return this server's side without what opencode does not have."""
    answers = side.answers
    config = substituted(answers["config"], folder / "opencode.json", env)
    agents = [words.without(item) for item in answers["agent"]]
    prompt = next((item.get("prompt", "") for item in agents if item["name"] == agent), "")
    own = next((item.get("prompt", "") for item in answers["agent"] if item["name"] == agent), "")
    own = own or words.prompt
    system = _OUR_LAST_STEP.sub("", _TODAY.sub("", _system(side.request)))
    if not prompt and own:
        assert system.startswith(own)
        system = system[len(own) :]
    return {
        "config": _filled(config),
        "agent": agents,
        "command": _by_name(answers["command"]),
        "skill": _by_name(answers["skill"]),
        "mcp": _statuses(answers["mcp"]),
        "system": _lines(system),
        "tools": _tools(side.request, OWN_TOOLS),
        **_rest(side.request),
    }


def without_unusable(ours: dict[str, str], theirs: dict[str, str]) -> dict[str, str]:
    """Return the statuses without entries that are no server: only this server has them, as failed."""
    return {name: status for name, status in ours.items() if name in theirs or status != "failed"}


def _filled(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration without what is the same if it is not set; this server always has `share`."""
    return {
        key: value
        for key, value in config.items()
        if key != "$schema" and value not in ({}, []) and (key, value) != ("share", "manual")
    }


def _by_name(items: list[dict[str, Any]], without: frozenset[str] | set[str] = frozenset()) -> dict[str, Any]:
    return {item["name"]: _without_null(item) for item in items if item["name"] not in without}


def _without_null(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item without fields that have no value: opencode has null, and {} as template of a prompt."""
    if item.get("source") == "mcp":
        item = {key: value for key, value in item.items() if key != "template"}
    no_model = "model" in item and isinstance(item["model"], dict) and not item["model"]["modelID"]
    return {
        key: value for key, value in item.items() if value is not None and not (key == "model" and no_model)
    }


def _statuses(answer: dict[str, Any]) -> dict[str, str]:
    return {name: status["status"] for name, status in answer.items()}


def _without_own_directories(agent: dict[str, Any]) -> dict[str, Any]:
    def is_own(rule: dict[str, str]) -> bool:
        if any(directory in rule["pattern"] for directory in _OWN_DIRECTORIES):
            return True
        beside_skill = Path(rule["pattern"].removesuffix("*")) / "SKILL.md"
        return rule["permission"] == "external_directory" and beside_skill.is_file()

    return {**agent, "permission": [rule for rule in agent["permission"] if not is_own(rule)]}


def _system(body: dict[str, Any]) -> str:
    first = body["messages"][0]
    return str(first["content"]) if first["role"] == "system" else ""


def _split(text: str, pattern: re.Pattern[str]) -> tuple[str, str, str]:
    match = pattern.search(text)
    return (text[: match.start()], match[0], text[match.end() :]) if match else (text, "", "")


def _lines(text: str) -> list[str]:
    """Return the lines with content: blank lines only part what stands there."""
    return [line for line in text.splitlines() if line.strip()]


def _tools(body: dict[str, Any], without: frozenset[str]) -> dict[str, Any]:
    tools = {tool["function"]["name"]: tool["function"] for tool in body.get("tools", [])}
    return {
        name: sorted(set(tool["parameters"]["properties"]) - OWN_INPUTS)
        if name in SAME_TOOLS
        else {**tool, "parameters": _without_closing(tool["parameters"])}
        for name, tool in tools.items()
        if name not in without
    }


def _without_closing(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a tool's schema without `"additionalProperties": false`, which opencode adds."""
    return {key: value for key, value in schema.items() if (key, value) != ("additionalProperties", False)}


def _rest(body: dict[str, Any]) -> dict[str, Any]:
    """Return the conversation without reminders, and the options but for the limit that is opencode's own."""
    messages = [
        {**message, "content": _without_reminders(message["content"])}
        for message in body["messages"]
        if message["role"] != "system" and not str(message["content"]).startswith(_LAST_STEP)
    ]
    options = {
        _RENAMED.get(key, key): value
        for key, value in body.items()
        if key not in ("messages", "tools", "tool_choice") and (key, value) != ("max_tokens", NO_LIMIT)
    }
    if "prompt_cache_key" in options:
        options["prompt_cache_key"] = "of the session"
    return {"messages": messages, "options": options}


def _without_reminders(content: Any) -> Any:
    if isinstance(content, str):
        return content
    texts = [part["text"] for part in content if not part["text"].startswith("<system-reminder>")]
    return texts[0] if len(texts) == 1 else texts
