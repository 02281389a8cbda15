"""The built-in agents, and what a configuration makes of them."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from opencode.agent.agents import Agents
from opencode.agent.permission import decide, is_hidden
from opencode.config import Config
from opencode.config.merge import completed, normalized
from opencode.errors import BadRequest, SettingsError
from opencode.schema.agent import AgentModel

HOME = Path("/home/ada")


def agents(**config: Any) -> Agents:
    return Agents(msgspec.convert(completed(normalized(config), {}), Config), HOME)


def names(**config: Any) -> list[str]:
    return [agent.name for agent in agents(**config).list()]


def test_the_default_agent_comes_first_and_the_others_by_name() -> None:
    assert names() == ["build", "compaction", "explore", "general", "plan", "summary", "title"]
    assert names(default_agent="plan")[:2] == ["plan", "build"]


def test_built_in_agents_say_what_they_are_for() -> None:
    known = agents()
    modes = {agent.name: agent.mode for agent in known.list()}
    assert [name for name, mode in modes.items() if mode == "subagent"] == ["explore", "general"]
    assert {mode for name, mode in modes.items() if name not in ("explore", "general")} == {"primary"}
    for name in ("build", "plan", "general", "explore"):
        agent = known.get(name)
        assert agent.native
        assert agent.description
        assert agent.prompt
        assert not agent.hidden


def test_agents_of_the_server_itself_are_hidden_and_use_no_tools() -> None:
    for name in ("title", "summary", "compaction"):
        agent = agents().get(name)
        assert agent.hidden is True
        assert is_hidden(agent.permission, "webfetch")
    assert agents().get("title").temperature == 0.5


def test_explore_only_looks_things_up_and_general_writes_no_todos() -> None:
    explore, general = agents().get("explore").permission, agents().get("general").permission
    tools = ("webfetch", "websearch", "read", "task", "todowrite", "question", "skill", "docs_search")
    assert [tool for tool in tools if not is_hidden(explore, tool)] == ["webfetch", "websearch", "read"]
    assert [tool for tool in tools if is_hidden(general, tool)] == ["todowrite", "question"]


def test_the_configurations_rules_come_after_those_of_built_in_agents() -> None:
    known = agents(permission={"docs_*": "allow"}, tools={"todowrite": True})
    assert decide(known.get("explore").permission, "docs_search", "*") == "allow"
    assert decide(known.get("general").permission, "todowrite", "*") == "allow"


def test_rights_are_those_of_opencode() -> None:
    """The answers are opencode 1.18.33's: its rules for the configuration, judged by its own functions."""
    data = json.loads((Path(__file__).parents[1] / "fixtures" / "opencode_rights.json").read_text())
    known = agents(**data["config"])
    asked = 0
    for name, expected in data["agents"].items():
        rules = known.get(name).permission
        assert [tool for tool in data["tools"] if is_hidden(rules, tool)] == expected["hidden"], name
        for tool, answers in zip(data["tools"], expected["answers"], strict=True):
            ours = "".join(decide(rules, tool, pattern)[1] for pattern in data["patterns"])
            assert ours == answers, (name, tool)
            asked += len(answers)
    assert asked > 1_900


def test_general_rules_come_before_an_agents_own() -> None:
    known = agents(
        tools={"websearch": False},
        permission={"webfetch": "ask"},
        agent={"plan": {"permission": {"webfetch": "deny"}, "tools": {"websearch": True}}},
    )
    build, plan = known.get("build").permission, known.get("plan").permission
    assert [decide(build, tool, "x") for tool in ("websearch", "webfetch", "other")] == [
        "deny",
        "ask",
        "allow",
    ]
    assert [decide(plan, tool, "x") for tool in ("websearch", "webfetch")] == ["allow", "deny"]


def test_the_home_in_a_pattern_is_the_users() -> None:
    patterns = {"~/secret/**": "deny", "$HOME/open": "allow", "~": "ask", "a/~/b": "deny", "~other": "deny"}
    known = agents(permission={"read": patterns}, agent={"x": {"permission": {"edit": {"~/x": "allow"}}}})
    written = [rule.pattern for rule in known.get("build").permission if rule.permission == "read"]
    assert written[-5:] == [f"{HOME}/secret/**", f"{HOME}/open", str(HOME), "a/~/b", "~other"]
    assert known.get("x").permission[-1].pattern == f"{HOME}/x"


def test_an_agent_is_found_by_its_key_and_by_the_name_that_is_shown() -> None:
    known = agents(agent={"x": {"name": "Reviewer"}})
    assert known.get("x").name == known.get("Reviewer").name == "Reviewer"


def test_an_empty_text_counts() -> None:
    explore = agents(agent={"explore": {"prompt": "", "description": ""}}).get("explore")
    assert (explore.prompt, explore.description) == ("", "")


def test_a_new_agent_has_what_its_entry_says() -> None:
    entry = {
        "description": "Talks like one",
        "mode": "subagent",
        "prompt": "You are a pirate.",
        "model": "local/models/one",
        "temperature": 0.0,
        "top_p": 0.5,
        "color": "#ff0000",
        "variant": "high",
        "steps": 3,
        "hidden": False,
        "options": {"effort": "low"},
    }
    agent = agents(agent={"pirate": entry}).get("pirate")
    assert (agent.description, agent.mode, agent.prompt) == (
        "Talks like one",
        "subagent",
        "You are a pirate.",
    )
    assert agent.model == AgentModel(provider_id="local", model_id="models/one")
    assert (agent.temperature, agent.top_p, agent.color, agent.variant) == (0.0, 0.5, "#ff0000", "high")
    assert (agent.steps, agent.hidden, agent.options, agent.native) == (3, False, {"effort": "low"}, False)


def test_an_entry_changes_of_a_built_in_agent_only_what_it_names() -> None:
    before, after = agents().get("title"), agents(agent={"title": {"steps": 2}}).get("title")
    assert after.steps == 2
    assert msgspec.structs.replace(after, steps=UNSET) == before
    assert agents(agent={"x": {}}).get("x").mode == "all"
    assert agents(agent={"x": {"maxSteps": 4}}).get("x").steps == 4


def test_an_agent_can_be_switched_off() -> None:
    assert "explore" not in names(agent={"explore": {"disable": True}})
    assert "unknown" not in names(agent={"unknown": {"disable": True}})


@pytest.mark.parametrize("default", ["nobody", "general", "title"])
def test_a_default_agent_that_can_not_be_one_is_a_warning_with_those_that_can(default: str) -> None:
    chosen = agents(default_agent=default)
    assert chosen.default == "build"
    assert chosen.warnings == (
        f"default_agent: {default!r} is not a primary agent; 'build' is used instead. Known: build, plan.",
    )


def test_the_first_primary_agent_is_the_default_where_build_is_switched_off() -> None:
    chosen = agents(agent={"build": {"disable": True}})
    assert (chosen.default, chosen.warnings) == ("plan", ())
    assert agents(default_agent="").default == "build"


def test_an_entry_that_can_not_be_used_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"agent\.x\.steps must be at least 1"):
        agents(agent={"x": {"steps": -1}})


def test_an_unknown_agent_is_refused_with_those_that_are_near_but_hidden_ones() -> None:
    with pytest.raises(BadRequest, match="buidl") as refusal:
        agents().get("buidl")
    assert "build" in refusal.value.message
    assert "compaction" not in refusal.value.message
