"""Settings, read and checked once at start: environment variables and an opencode.json."""

from .environment import Network
from .schema import (
    AgentConfig,
    CommandConfig,
    Config,
    CostConfig,
    ModelConfig,
    PermissionConfig,
    ProviderConfig,
    ProviderOptions,
)
from .settings import MEGABYTE, Limits, Settings
from .temporary_files import ensure_temporary_directory
from .variables import VARIABLES

__all__ = [
    "MEGABYTE",
    "VARIABLES",
    "AgentConfig",
    "CommandConfig",
    "Config",
    "CostConfig",
    "Limits",
    "ModelConfig",
    "Network",
    "PermissionConfig",
    "ProviderConfig",
    "ProviderOptions",
    "Settings",
    "ensure_temporary_directory",
]
