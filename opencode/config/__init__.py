"""Settings, read and checked once at start: environment variables and an opencode.json."""

from .environment import Network
from .markdown import SkillFile
from .places import Folder, Places
from .reload import Reload
from .schema import (
    DEFAULT_AGENT,
    AgentConfig,
    CommandConfig,
    Config,
    CostConfig,
    ModelConfig,
    ModelNames,
    PermissionConfig,
    ProviderConfig,
    ProviderOptions,
    ReasoningOption,
    model_names,
)
from .settings import MEGABYTE, Limits, Settings
from .temporary_files import ensure_temporary_directory
from .variables import VARIABLES

__all__ = [
    "DEFAULT_AGENT",
    "MEGABYTE",
    "VARIABLES",
    "AgentConfig",
    "CommandConfig",
    "Config",
    "CostConfig",
    "Folder",
    "Limits",
    "ModelConfig",
    "ModelNames",
    "Network",
    "PermissionConfig",
    "Places",
    "ProviderConfig",
    "ProviderOptions",
    "ReasoningOption",
    "Reload",
    "Settings",
    "SkillFile",
    "ensure_temporary_directory",
    "model_names",
]
