"""Names of tools and permissions as people write them: which are unknown, and what may have been meant."""

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
    yield "permission", _permissions(config.permission)
    for name, agent in config.agent.items():
        yield f"agent.{name}.tools", list(agent.tools)
        yield f"agent.{name}.permission", _permissions(given(agent.permission, {}))


def _permissions(config: PermissionConfig) -> list[str]:
    return [] if isinstance(config, str) else list(config)


def _is_known(name: str, known: Collection[str], prefixes: Collection[str]) -> bool:
    head = _WILDCARD.split(name, maxsplit=1)[0]
    if head == name:
        return name in known or name in OTHER_NAMES or name.startswith(tuple(prefixes))
    return any(each.startswith(head) for each in (*known, *OTHER_NAMES)) or any(
        head.startswith(prefix) or prefix.startswith(head) for prefix in prefixes
    )
