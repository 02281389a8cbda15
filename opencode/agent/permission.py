"""Who may do what: rules by tool and pattern, where the last rule that fits decides."""

import re
from collections.abc import Iterable
from functools import lru_cache

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
        if _fits(rule.permission, permission) and _fits(rule.pattern, pattern):
            action = rule.action
    return action


def hidden(ruleset: Iterable[PermissionRule], tool: str) -> bool:
    """Return whether a tool is denied whatever it is applied to, so that a model need not hear of it."""
    last = None
    for rule in ruleset:
        if _fits(rule.permission, tool):
            last = rule
    return last is not None and last.pattern == "*" and last.action == "deny"


def _fits(wildcard: str, text: str) -> bool:
    return wildcard == "*" or _pattern(wildcard).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _pattern(wildcard: str) -> re.Pattern[str]:
    """`*` is any text and `?` any one character; nothing else is special."""
    escaped = re.escape(wildcard).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped, re.DOTALL)
