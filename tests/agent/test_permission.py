"""What rules say: the last one that matches decides."""

from typing import Any

import pytest

from opencode.agent.permission import (
    ALLOW_ALL,
    always_patterns,
    decide,
    is_hidden,
    matches,
    rules,
    tool_rules,
)
from opencode.schema.session import PermissionRule


def rule(action: Any, permission: str = "webfetch", pattern: str = "*") -> PermissionRule:
    return PermissionRule(permission=permission, pattern=pattern, action=action)


def test_one_word_is_a_rule_for_everything() -> None:
    assert rules("ask") == [rule("ask", "*")]
    assert rule("allow", "*") == ALLOW_ALL


def test_a_configuration_becomes_rules_in_its_order() -> None:
    assert rules({"*": "deny", "webfetch": {"*": "ask", "https://a/*": "allow"}}) == [
        rule("deny", "*"),
        rule("ask"),
        rule("allow", pattern="https://a/*"),
    ]


def test_switches_allow_and_deny_tools() -> None:
    assert tool_rules({"webfetch": True, "todo*": False}) == [rule("allow"), rule("deny", "todo*")]


def test_the_last_rule_that_fits_decides_and_where_none_does_the_user_is_asked() -> None:
    ruleset = [rule("deny", "*"), rule("allow"), rule("deny", pattern="*/private")]
    assert decide(ruleset, "webfetch", "https://a/") == "allow"
    assert decide(ruleset, "webfetch", "https://a/private") == "deny"
    assert decide(ruleset, "websearch", "https://a/") == "deny"
    assert decide([rule("deny")], "websearch", "x") == "ask"
    assert decide([], "webfetch", "x") == "ask"


def test_tools_that_change_files_are_hidden_together_or_one_by_its_name() -> None:
    for tool in ("edit", "write", "apply_patch"):
        assert is_hidden([rule("deny", "edit")], tool)
        assert is_hidden([rule("deny", "*")], tool)
        assert not is_hidden([rule("deny", "*"), rule("allow", "edit")], tool)
        assert not is_hidden([rule("deny", "edit", "*.lock")], tool)
    assert is_hidden([rule("deny", "write")], "write")
    assert not is_hidden([rule("deny", "write")], "edit")


def test_a_rule_of_another_tool_or_pattern_hides_nothing() -> None:
    assert is_hidden([rule("deny")], "webfetch")
    assert is_hidden([rule("allow", "*"), rule("deny", "web*")], "webfetch")
    assert not is_hidden([rule("deny")], "websearch")
    assert not is_hidden([rule("deny", pattern="*/private")], "webfetch")
    assert not is_hidden([rule("deny", "*"), rule("allow", pattern="https://a/*")], "webfetch")
    assert not is_hidden([rule("ask")], "webfetch")
    assert not is_hidden([], "webfetch")


def test_always_covers_no_more_than_was_asked_for_where_something_is_denied() -> None:
    asked = ["https://a/", "https://b/*"]
    assert always_patterns([rule("ask"), rule("deny", "todowrite")], "webfetch", asked) == ["*"]
    assert always_patterns([rule("deny", pattern="*/private"), rule("ask")], "webfetch", asked) == [
        "https://a/"
    ]


@pytest.mark.parametrize(
    ("wildcard", "text", "expected"),
    [
        ("ab", "ab", True),
        ("git *", "git", True),
        ("git *", "git push", True),
        ("git *", "gitk", False),
        ("a\\*", "a/b", True),
        ("*", "two\nlines", True),
        ("ab", "abc", False),
        ("?", "", False),
        ("??", "ab", True),
        ("a*", "ba", False),
        ("*b?d", "abcabcd", True),
        ("a*?", "a", False),
        ("a*?", "ab", True),
        ("a*b", "abab", True),
        ("a**b*", "ab", True),
        ("*a*b", "aXbXa", False),
    ],
)
def test_a_star_is_any_text_and_a_question_mark_one_character(
    wildcard: str, text: str, expected: bool
) -> None:
    assert matches(wildcard, text) is expected
