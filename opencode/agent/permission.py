"""Who may do what: rules by tool and pattern, where the last rule that fits decides."""

from collections.abc import Iterable

from opencode.config import PermissionConfig
from opencode.schema.session import PermissionAction, PermissionRule

ALLOW_ALL = PermissionRule(permission="*", pattern="*", action="allow")


def rules(config: PermissionConfig) -> list[PermissionRule]:
    """Return the rules that an opencode.json `permission` entry stands for, in its order."""
    if isinstance(config, str):
        return [PermissionRule(permission="*", pattern="*", action=config)]
    found = []
    for permission, value in config.items():
        patterns = {"*": value} if isinstance(value, str) else value
        found += [
            PermissionRule(permission=permission, pattern=pattern, action=action)
            for pattern, action in patterns.items()
        ]
    return found


def tool_rules(tools: dict[str, bool]) -> list[PermissionRule]:
    """Return the rules that a `tools` switch board stands for."""
    return [
        PermissionRule(permission=name, pattern="*", action="allow" if on else "deny")
        for name, on in tools.items()
    ]


def decide(ruleset: Iterable[PermissionRule], permission: str, pattern: str) -> PermissionAction:
    """Return what the last fitting rule says; `ask` where none fits."""
    action: PermissionAction = "ask"
    for rule in ruleset:
        if fits(rule.permission, permission) and fits(rule.pattern, pattern):
            action = rule.action
    return action


def widest(ruleset: Iterable[PermissionRule], permission: str, patterns: list[str]) -> list[str]:
    """Return what an "always" of the user may cover: everything, or where a rule denies some of it, no more
    than what was asked for. What is allowed last decides, so it must not reach what was denied before.
    """
    denied = any(rule.action == "deny" and fits(rule.permission, permission) for rule in ruleset)
    return [pattern for pattern in patterns if "*" not in pattern] if denied else ["*"]


def hidden(ruleset: Iterable[PermissionRule], tool: str) -> bool:
    """Return whether a tool is denied whatever it is applied to, so that a model need not hear of it."""
    last = None
    for rule in ruleset:
        if fits(rule.permission, tool):
            last = rule
    return last is not None and last.pattern == "*" and last.action == "deny"


def fits(wildcard: str, text: str) -> bool:
    """Tell whether a wildcard stands for a text: `*` is any text and `?` any one character.

    Each `*` is given back at most once per character, so the time is bounded by the product of the lengths;
    a regular expression would try all ways to share the text among several.
    """
    if wildcard in ("*", text):
        return True
    if "*" not in wildcard and "?" not in wildcard:
        return False
    place = star = 0
    retry = -1
    for_star = 0
    while place < len(text):
        if star < len(wildcard) and wildcard[star] == "*":
            retry, for_star = star, place
            star += 1
        elif star < len(wildcard) and wildcard[star] in ("?", text[place]):
            star += 1
            place += 1
        elif retry >= 0:
            for_star += 1
            star, place = retry + 1, for_star
        else:
            return False
    return not wildcard[star:].strip("*")
