"""Checks of opencode.json that need the services: names of tools and models."""

from opencode.config import Settings
from opencode.provider.registry import Registry
from opencode.tool.registry import Tools


def start_warnings(settings: Settings, tools: Tools, providers: Registry) -> list[str]:
    """Return a sentence for each probable mistake in the settings."""
    return [*settings.warnings, *providers.check_names(), *tools.check_names()]
