"""Names of tools and permissions as people and models write them: which is meant, and which are unknown."""

import re
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

from opencode.config import Config, PermissionConfig
from opencode.errors import LONGEST_NAME
from opencode.schema.base import given

MAX_UNKNOWN = 10
"""Unknown names that are looked for at most: comparing takes time, and a few show what is wrong."""

OTHER_NAMES = frozenset(
    {
        *("apply_patch", "bash", "batch", "codesearch", "edit", "glob", "grep", "list", "ls", "lsp"),
        *("multiedit", "patch", "plan_enter", "plan_exit", "read", "skill", "write"),
        *("doom_loop", "external_directory", "invalid", "StructuredOutput"),
    }
)
"""opencode's tools and permissions that this server does not have: its clients and files may name them."""

_WILDCARD = re.compile(r"[*?]")
_RECIPIENT = re.compile(r"\bto=([\w.-]{1,200})")
"""Where a model of the harmony format names the tool: `<|channel|>commentary to=functions.webfetch`."""
_NAMESPACE = re.compile(r"^(?:functions?|tools?|default_api|mcp)(?:\.|::?|__|/)", re.IGNORECASE)
_QUOTES = " \t\r\n`'\""


def meant_name(name: str, known: Collection[str]) -> str | None:
    """Return the known tool that a model means by a name, None if it is unknown or not certain which.

    Case and the marks between words do not count (`TodoWrite`, `todo-write`), nor do a namespace before the
    name (`functions.todowrite`) and tokens of a chat template behind it (`todowrite<|channel|>commentary`).
    """
    if name in known:
        return name
    name = name[: 2 * LONGEST_NAME]
    head, token, tail = name.partition("<|")
    if token and not head.strip(_QUOTES) and (recipient := _RECIPIENT.search(tail)):
        head = recipient[1]
    plain = head.split(maxsplit=1)[0] if " to=" in head else head
    plain = plain.strip(_QUOTES).removesuffix("()")
    for spelling in (plain, _NAMESPACE.sub("", plain)):
        if spelling in known:
            return spelling
        meant = [each for each in known if _folded(each) == _folded(spelling)]
        if len(meant) == 1:
            return meant[0]
        if meant:
            return None
    return None


def _folded(name: str) -> str:
    """Return a name without what models vary: case, `_`, `-`, `.` and spaces."""
    return re.sub(r"[-_. ]", "", name).lower() if name.isascii() else name


def unknown_names(
    names: Iterable[str], known: Collection[str], prefixes: Collection[str]
) -> list[tuple[str, str]]:
    """Return the names that are neither a known tool's nor opencode's, each with the nearest of those or "".

    At most MAX_UNKNOWN are returned. A name may hold wildcards. `prefixes`: how the names of tools begin that
    may come later, those of MCP servers.
    """
    nameable = sorted({*known, *OTHER_NAMES})
    unknown: list[tuple[str, str]] = []
    for name in names:
        if not _is_known(name, known, prefixes):
            near = get_close_matches(name[:LONGEST_NAME], nameable, n=1)
            unknown.append((name, near[0] if near else ""))
            if len(unknown) == MAX_UNKNOWN:
                break
    return unknown


def names_in(config: Config) -> Iterator[tuple[str, list[str]]]:
    """Yield the places in opencode.json that name tools, as paths of its keys, each with the names there."""
    yield "tools", list(config.tools)
    yield "permission", _permissions(config.permission, config.tools)
    for name, agent in config.agent.items():
        yield f"agent.{name}.tools", list(agent.tools)
        yield f"agent.{name}.permission", _permissions(given(agent.permission, {}), agent.tools)


def _permissions(config: PermissionConfig, tools: Collection[str]) -> list[str]:
    """Return the names that the rules themselves have: those of `tools` are among them."""
    return [] if isinstance(config, str) else [name for name in config if name not in tools]


def _is_known(name: str, known: Collection[str], prefixes: Collection[str]) -> bool:
    head = _WILDCARD.split(name, maxsplit=1)[0]
    if head == name:
        return name in known or name in OTHER_NAMES or name.startswith(tuple(prefixes))
    return any(each.startswith(head) for each in (*known, *OTHER_NAMES)) or any(
        head.startswith(prefix) or prefix.startswith(head) for prefix in prefixes
    )
