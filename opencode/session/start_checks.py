"""Checks of opencode.json that need the services: names of tools, models and instruction files."""

from opencode.config import Settings
from opencode.provider.registry import Registry
from opencode.tool.registry import Tools

from .instructions import instruction_warnings


def start_warnings(settings: Settings, tools: Tools, providers: Registry) -> list[str]:
    """Return a sentence for each probable mistake in the settings.

    Raises SettingsError if `model` or `small_model` names an unknown provider.
    """
    source = settings.config_path or "OPENCODE_CONFIG_CONTENT"
    instructions = (f"{source}: {warning}" for warning in instruction_warnings(settings))
    return [*settings.warnings, *providers.check_names(), *tools.check_names(), *instructions]
