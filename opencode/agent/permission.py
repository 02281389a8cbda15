"""Permission rules for tool calls, by tool and pattern. The last matching rule decides."""

from collections.abc import Iterable

from opencode.config import PermissionConfig
from opencode.schema.session import PermissionAction, PermissionRule

DOOM_LOOP = "doom_loop"

_BY_EDIT = ("edit", "write", "apply_patch")
"""Tools that ask for the permission `edit`."""

ALLOW_ALL = PermissionRule(permission="*", pattern="*", action="allow")


def rules(config: PermissionConfig) -> list[PermissionRule]:
    """Return the rules of a `permission` entry in opencode.json, in its order."""
    if isinstance(config, str):
        return [PermissionRule(permission="*", pattern="*", action=config)]
    ruleset = []
    for permission, value in config.items():
        patterns = {"*": value} if isinstance(value, str) else value
        ruleset += [
            PermissionRule(permission=permission, pattern=pattern, action=action)
            for pattern, action in patterns.items()
        ]
    return ruleset


def tool_rules(tools: dict[str, bool]) -> list[PermissionRule]:
    """Return the rules of a `tools` entry, which switches tools on and off by name."""
    return [
        PermissionRule(permission=name, pattern="*", action="allow" if on else "deny")
        for name, on in tools.items()
    ]


def decide(ruleset: Iterable[PermissionRule], permission: str, pattern: str) -> PermissionAction:
    """Return the action of the last matching rule; `ask` if none matches."""
    action: PermissionAction = "ask"
    for rule in ruleset:
        if matches(rule.permission, permission) and matches(rule.pattern, pattern):
            action = rule.action
    return action


def always_patterns(ruleset: Iterable[PermissionRule], permission: str, patterns: list[str]) -> list[str]:
    """Return the patterns that are allowed if the user replies "always": all, or only the requested ones.

    The last matching rule decides, so if any rule denies part of `permission`, allowing everything would
    override it. In that case the requested patterns without wildcards are returned.
    """
    denied = any(rule.action == "deny" and matches(rule.permission, permission) for rule in ruleset)
    return [pattern for pattern in patterns if "*" not in pattern] if denied else ["*"]


def is_hidden(ruleset: Iterable[PermissionRule], tool: str) -> bool:
    """Return whether a tool is denied for every pattern; models are not offered such a tool.

    As in opencode, `edit` stands for all tools that change files. A rule by the tool's own name counts too,
    since a prompt's `tools` may switch off one of them.
    """
    ruleset = list(ruleset)
    if tool not in _BY_EDIT:
        return _is_denied([rule for rule in ruleset if matches(rule.permission, tool)])
    return _is_denied([rule for rule in ruleset if matches(rule.permission, "edit")]) or _is_denied(
        [rule for rule in ruleset if rule.permission == tool]
    )


def _is_denied(ruleset: list[PermissionRule]) -> bool:
    last = ruleset[-1] if ruleset else None
    return last is not None and last.pattern == "*" and last.action == "deny"


def may_repeat(ruleset: Iterable[PermissionRule]) -> bool:
    """Return whether a model may make the same call with the same result as often as its steps last.

    That is opencode's permission `doom_loop`; a rule for all permissions does not mean it.
    """
    actions = [rule.action for rule in ruleset if rule.permission == DOOM_LOOP]
    return actions[-1:] == ["allow"]


def matches(wildcard: str, text: str) -> bool:
    """Return whether `text` matches `wildcard`: `*` is any text and `?` any one character.

    A ` *` at the end may be left out, so that `git *` matches `git`; `\\` is `/`. As in opencode.
    """
    if wildcard in ("*", text):
        return True
    wildcard, text = wildcard.replace("\\", "/"), text.replace("\\", "/")
    if wildcard.endswith(" *") and _matches(wildcard[:-2], text):
        return True
    return _matches(wildcard, text)


def _matches(wildcard: str, text: str) -> bool:
    # Only the last `*` is backtracked to, so the time is bounded by the product of the lengths; a regular
    # expression would backtrack to all of them.
    if wildcard == text:
        return True
    if "*" not in wildcard and "?" not in wildcard:
        return False
    text_index = wildcard_index = 0
    last_star = -1
    star_end = 0  # where in the text the match of the last star ends
    while text_index < len(text):
        if wildcard_index < len(wildcard) and wildcard[wildcard_index] == "*":
            last_star, star_end = wildcard_index, text_index
            wildcard_index += 1
        elif wildcard_index < len(wildcard) and wildcard[wildcard_index] in ("?", text[text_index]):
            wildcard_index += 1
            text_index += 1
        elif last_star >= 0:
            star_end += 1
            wildcard_index, text_index = last_star + 1, star_end
        else:
            return False
    return not wildcard[wildcard_index:].strip("*")
