"""Warnings at start for names in opencode.json that do not exist: tools, instruction files, models."""

import asyncio
from collections.abc import Iterator

from opencode.config import Config, Settings
from opencode.errors import BadRequest, nearest
from opencode.provider import catalog
from opencode.provider.demo import DEMO
from opencode.provider.registry import Registry
from opencode.tool.registry import Tools

from .instructions import instruction_warnings


def start_warnings(settings: Settings, tools: Tools) -> list[str]:
    """Return a sentence for each unknown tool and each entry of `instructions` that matches no file."""
    source = settings.config_path or "OPENCODE_CONFIG_CONTENT"
    return [
        *tools.check_names(),
        *(f"{source}: {warning}" for warning in instruction_warnings(settings)),
    ]


async def model_warnings(settings: Settings, providers: Registry) -> list[str]:
    """Return a sentence for each model that opencode.json names and that can't be used.

    A model that is not known yet makes this wait, up to 5 s, for the provider's own list.
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
