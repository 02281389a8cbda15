"""A wrong opencode.json stops the start with one line: where it is wrong, and what is allowed there."""

import json
from typing import Any

import pytest

from opencode.config import Settings
from opencode.errors import SettingsError

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"small_model": []}, 'small_model must be "provider/model" or a list of them'),
    ({"model": ["a/b", "claude"]}, 'model must be "provider/model" or a list of them'),
    ({"agent": {"x": {"model": []}}}, 'agent.x.model must be "provider/model" or a list of them'),
    ({"model": [7]}, "model[0] must be a string"),
    ({"share": "never"}, 'share must be one of "auto", "disabled", "manual"'),
    ({"agent": {"x": {"mode": "no"}}}, 'agent.x.mode must be one of "all", "primary", "subagent"'),
    ({"permission": {"webfetch": "maybe"}}, 'permission.webfetch must be one of "allow", "ask", "deny" or'),
    ({"mcp": []}, "mcp must be a JSON object"),
    ({"command": {"a": {}}}, "command.a.template is missing: send a string"),
    ({"provider": {"a": {"options": []}}}, "provider.a.options must be a JSON object, not an array"),
]


@pytest.mark.parametrize(("config", "message"), WRONG)
def test_the_place_and_the_allowed_values_are_named(config: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({"OPENCODE_CONFIG_CONTENT": json.dumps(config)})
    assert caught.value.message.startswith(f"OPENCODE_CONFIG_CONTENT: {message}")


@pytest.mark.parametrize("key", [{"sk-secret": True}, ["k", {"key": "sk-secret"}], [["sk-secret"]]])
def test_a_secret_of_the_wrong_type_is_not_shown(key: Any) -> None:
    config = {"provider": {"a": {"options": {"apiKey": key}}}, "mcp": {}}
    with pytest.raises(SettingsError) as caught:
        Settings.load({"OPENCODE_CONFIG_CONTENT": json.dumps(config)})
    assert "provider.a.options.apiKey" in caught.value.message
    assert "must be a" in caught.value.message
    assert "sk-secret" not in caught.value.message
