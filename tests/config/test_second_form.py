"""Settings in the form of OpenCode 2 become those of version 1, which count more."""

from typing import Any

import pytest

from opencode.config.second_form import first_form
from opencode.errors import SettingsError


def lowered(**config: Any) -> dict[str, Any]:
    return first_form(config, "file")[0]


def test_agents_and_commands_become_those_of_version_1() -> None:
    agent = {
        "system": "Prompt.",
        "model": "a/b#high",
        "request": {"body": {"top_k": 5}},
        "disabled": True,
        "color": "#00ff00",
    }
    command = {"template": "Hello", "model": {"providerID": "a", "model": "b/c", "variant": "low"}}
    assert lowered(agents={"x": agent}, commands={"y": command}) == {
        "agent": {
            "x": {
                "prompt": "Prompt.",
                "model": "a/b",
                "variant": "high",
                "options": {"top_k": 5},
                "disable": True,
                "color": "#00ff00",
            }
        },
        "command": {"y": {"template": "Hello", "model": "a/b/c", "variant": "low"}},
    }


def test_what_is_in_both_forms_counts_as_version_1_has_it() -> None:
    both = lowered(
        agent={"x": {"prompt": "1"}},
        agents={"x": {"system": "2"}, "y": {"system": "2"}},
        snapshot=True,
        snapshots=False,
        compaction={"reserved": 1, "buffer": 2, "keep": {"tokens": 3}},
    )
    assert both["agent"] == {"x": {"prompt": "1"}, "y": {"prompt": "2"}}
    assert both["snapshot"] is True
    assert both["compaction"] == {"reserved": 1, "preserve_recent_tokens": 3}


def test_servers_lists_of_skills_and_times_move() -> None:
    config = lowered(
        skills=["tools", "https://example.com/skills"],
        mcp={
            "old": {"type": "local", "command": ["x"]},
            "servers": {
                "new": {"type": "remote", "url": "https://a/", "disabled": True},
                "slow": {"type": "local", "command": ["y"], "timeout": {"catalog": 9, "execution": 9}},
            },
            "timeout": {"catalog": 5, "execution": 5},
        },
    )
    assert config["skills"] == {"paths": ["tools"], "urls": ["https://example.com/skills"]}
    assert config["mcp"] == {
        "old": {"type": "local", "command": ["x"]},
        "new": {"type": "remote", "url": "https://a/", "enabled": False},
        "slow": {"type": "local", "command": ["y"], "timeout": 9},
    }
    assert config["experimental"] == {"mcp_timeout": 5}


def test_a_server_named_like_a_setting_stays_a_server() -> None:
    servers = {
        "servers": {"type": "local", "command": ["x"]},
        "timeout": {"type": "local", "command": ["y"]},
    }
    assert lowered(mcp=servers)["mcp"] == servers


def test_the_first_form_stays_as_it_is() -> None:
    config = {
        "model": "a/b",
        "agent": {"x": {"model": ["a/b", "c/d"]}},
        "mcp": {},
        "skills": {"paths": ["x"]},
    }
    assert first_form(config, "file") == (config, [])


def test_what_can_not_be_used_is_told() -> None:
    config, warnings = first_form(
        {"agents": {"x": {"color": "red"}, "y": {"prompt": "Old name."}}, "plugins": []}, "file"
    )
    assert config == {"agent": {"y": {}}}
    assert warnings == [
        "plugins is of OpenCode 2 and has no effect here.",
        "agents.x is left out: it is not as OpenCode 2 has it. Use agent.x instead.",
        "agents.y.prompt has no effect: OpenCode 2 has no such key. Use agent.y instead.",
    ]


@pytest.mark.parametrize(
    ("config", "place"),
    [({"permissions": []}, "permissions"), ({"agents": {"x": {"permissions": []}}}, "agents.x.permissions")],
)
def test_rights_in_the_second_form_are_refused(config: dict[str, Any], place: str) -> None:
    with pytest.raises(SettingsError, match=f"^file: {place} is the form of OpenCode 2"):
        first_form(config, "file")
