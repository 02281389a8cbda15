"""Warnings about unknown names in opencode.json: tools, instruction files and models."""

import asyncio
from collections.abc import Iterable, Iterator

from opencode.agent.permission import matches
from opencode.config import Config, Settings
from opencode.errors import BadRequest, nearest
from opencode.provider import catalog
from opencode.provider.demo import DEMO
from opencode.provider.registry import Registry
from opencode.tool.mcp.tool import sanitized

from .instructions import instruction_warnings

OPENCODE_TOOLS = frozenset(
    {
        "apply_patch",
        "bash",
        "batch",
        "codesearch",
        "edit",
        "execute",
        "glob",
        "grep",
        "invalid",
        "list",
        "lsp",
    }
    | {"multiedit", "patch", "plan_enter", "plan_exit", "read", "shell", "skill", "write"}
)
"""opencode's tools that this server does not offer; an opencode.json shared with opencode may name them."""

OPENCODE_PERMISSIONS = frozenset({"doom_loop", "external_directory"})


def start_warnings(settings: Settings, tools: Iterable[str]) -> list[str]:
    """Return a warning for each unknown tool and each entry of `instructions` that matches no file.

    `tools`: the names of the tools that are known at the start; those of MCP servers are not known yet.
    """
    source = settings.config_path or "OPENCODE_CONFIG_CONTENT"
    problems = [*_unknown_tools(settings.config, list(tools)), *instruction_warnings(settings)]
    return [f"{source}: {problem}" for problem in problems]


async def model_warnings(settings: Settings, providers: Registry) -> list[str]:
    """Return a warning for each model in opencode.json that can't be used.

    For a model that is not in the catalog, this waits up to 5 s for the provider's model list.
    """
    source = settings.config_path or "OPENCODE_CONFIG_CONTENT"

    providers_known = {*settings.config.provider, *catalog.providers(), DEMO}

    async def check(place: str, name: str) -> str | None:
        provider_id, _, model_id = name.partition("/")
        if provider_id not in providers_known:
            hint = nearest(provider_id, providers_known)
            return f"{source}: {place}: there is no provider {provider_id!r}. {hint}".rstrip()
        try:
            await providers.resolve(provider_id, model_id)
        except BadRequest as error:
            return f"{source}: {place}: {error.message}"
        return None

    checked = await asyncio.gather(*(check(place, name) for place, name in _named_models(settings.config)))
    return [warning for warning in checked if warning]


def _unknown_tools(config: Config, tools: list[str]) -> Iterator[str]:
    known = [*tools, *OPENCODE_TOOLS, *OPENCODE_PERMISSIONS]
    prefixes = [f"{sanitized(server)}_" for server in config.mcp]
    for place, names in _named_tools(config):
        for name in names:
            head = name.partition("*")[0].partition("?")[0]
            is_mcp = any(name.startswith(prefix) or prefix.startswith(head) for prefix in prefixes)
            if not is_mcp and not any(matches(name, tool) for tool in known):
                yield f"{place}.{name}: there is no such tool. {nearest(name, tools)}".rstrip()


def _named_tools(config: Config) -> Iterator[tuple[str, Iterable[str]]]:
    yield "tools", config.tools
    if isinstance(config.permission, dict):
        yield "permission", config.permission
    for name, agent in config.agent.items():
        yield f"agent.{name}.tools", agent.tools
        if isinstance(agent.permission, dict):
            yield f"agent.{name}.permission", agent.permission


def _named_models(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the place and the name of every model, written as `provider/model`."""
    if config.model:
        yield "model", config.model
    if config.small_model:
        yield "small_model", config.small_model
    for name, agent in config.agent.items():
        if agent.model and not agent.disable:
            yield f"agent.{name}.model", agent.model
    for name, command in config.command.items():
        if command.model:
            yield f"command.{name}.model", command.model
