"""The part of opencode.json's format that this server acts on, as types."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from opencode.schema.base import JsonObject, Wire
from opencode.schema.mcp import McpConfig
from opencode.schema.session import PermissionAction

PermissionConfig = PermissionAction | dict[str, PermissionAction | dict[str, PermissionAction]]


DEFAULT_AGENT = "build"

ModelNames = str | list[str]
"""A model as "provider/model", or several: the next one answers while one is unavailable."""


def model_names(value: ModelNames | UnsetType) -> list[str]:
    """Return the models that a setting names, in order."""
    if isinstance(value, UnsetType):
        return []
    return [value] if isinstance(value, str) else value


class ConfigStruct(Wire, rename="camel"):
    """Base of opencode.json's objects; unknown keys are ignored."""


class CostConfig(msgspec.Struct):
    """USD per million tokens."""

    input: float
    output: float
    cache_read: float = 0
    cache_write: float = 0


class LimitConfig(msgspec.Struct):
    """Tokens."""

    context: int
    output: int
    input: int | UnsetType = UNSET


class ModalitiesConfig(msgspec.Struct):
    input: list[str] | UnsetType = UNSET
    output: list[str] | UnsetType = UNSET


class ReasoningOption(msgspec.Struct, frozen=True):
    """A control of reasoning: `effort` (values), `toggle`, or `budget_tokens` (from `min` to `max`)."""

    type: str
    values: tuple[str, ...] = ()
    min: int | None = None
    max: int | None = None


class ModelConfig(msgspec.Struct):
    """A model of a provider entry. `id`: the name sent to the provider, by default the entry's key."""

    id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    family: str | UnsetType = UNSET
    release_date: str | UnsetType = UNSET
    attachment: bool | UnsetType = UNSET
    reasoning: bool | UnsetType = UNSET
    temperature: bool | UnsetType = UNSET
    tool_call: bool | UnsetType = UNSET
    reasoning_options: list[ReasoningOption] | UnsetType = UNSET
    interleaved: bool | str | dict[str, str] | UnsetType = UNSET
    cost: CostConfig | UnsetType = UNSET
    limit: LimitConfig | UnsetType = UNSET
    modalities: ModalitiesConfig | UnsetType = UNSET
    status: Literal["alpha", "beta", "deprecated", "active"] | UnsetType = UNSET
    options: JsonObject = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    variants: dict[str, JsonObject] = field(default_factory=dict)


class ProviderOptions(ConfigStruct):
    """`api_key`: one key, or several that are used one after the other.

    `timeout`, `header_timeout`, `chunk_timeout`: milliseconds, or false for no limit. `think_tags`: false
    leaves `<think>…</think>` in the text (Chat Completions). `set_cache_key`: the session is sent as
    `prompt_cache_key`; `include_usage`: false asks for no usage (both Chat Completions).
    """

    api_key: str | list[str] | UnsetType = UNSET
    base_url: str | UnsetType = field(default=UNSET, name="baseURL")
    headers: dict[str, str] = field(default_factory=dict)
    timeout: int | Literal[False] | UnsetType = UNSET
    header_timeout: int | Literal[False] | UnsetType = UNSET
    chunk_timeout: int | Literal[False] | UnsetType = UNSET
    think_tags: bool = True
    server_tools: list[str | JsonObject] | UnsetType = UNSET
    cache_ttl: Literal["5m", "1h"] | UnsetType = UNSET
    tool_streaming: bool | UnsetType = UNSET
    set_cache_key: bool | UnsetType = UNSET
    include_usage: bool | UnsetType = UNSET
    quirks: JsonObject | UnsetType = UNSET


class ProviderConfig(ConfigStruct):
    """`npm` names opencode's driver package, which stands for the API that the provider speaks."""

    name: str | UnsetType = UNSET
    npm: str | UnsetType = UNSET
    api: str | UnsetType = UNSET
    env: list[str] = field(default_factory=list)
    options: ProviderOptions = field(default_factory=ProviderOptions)
    models: dict[str, ModelConfig] = field(default_factory=dict)
    whitelist: list[str] | UnsetType = UNSET
    blacklist: list[str] = field(default_factory=list)


class AgentConfig(ConfigStruct):
    """`name`: what is shown instead of the key. `steps`: the most requests to the model in one turn.

    `tools`: as they were written; their rules are in `permission`.
    """

    name: str | UnsetType = UNSET
    model: ModelNames | UnsetType = UNSET
    variant: str | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    top_p: float | UnsetType = field(default=UNSET, name="top_p")
    prompt: str | UnsetType = UNSET
    tools: dict[str, bool] = field(default_factory=dict)
    disable: bool = False
    description: str | UnsetType = UNSET
    mode: Literal["subagent", "primary", "all"] | UnsetType = UNSET
    hidden: bool | UnsetType = UNSET
    color: str | UnsetType = UNSET
    steps: int | UnsetType = UNSET
    max_steps: int | UnsetType = UNSET
    options: JsonObject = field(default_factory=dict)
    permission: PermissionConfig | UnsetType = UNSET


class CommandConfig(ConfigStruct):
    template: str
    description: str | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    subtask: bool | UnsetType = UNSET


class SkillsConfig(ConfigStruct):
    """Further skills: folders of them, and addresses of their lists."""

    paths: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)


class Config(ConfigStruct):
    """An opencode.json. `mode`: the old name of `agent` for primary agents. `tools`: as in AgentConfig."""

    model: ModelNames | UnsetType = UNSET
    small_model: ModelNames | UnsetType = field(default=UNSET, name="small_model")
    default_agent: str | UnsetType = field(default=UNSET, name="default_agent")
    username: str | UnsetType = UNSET
    provider: dict[str, ProviderConfig] = field(default_factory=dict)
    disabled_providers: list[str] = field(default_factory=list, name="disabled_providers")
    enabled_providers: list[str] | UnsetType = field(default=UNSET, name="enabled_providers")
    agent: dict[str, AgentConfig] = field(default_factory=dict)
    mode: dict[str, AgentConfig] = field(default_factory=dict)
    command: dict[str, CommandConfig] = field(default_factory=dict)
    permission: PermissionConfig = field(default_factory=dict)
    tools: dict[str, bool] = field(default_factory=dict)
    instructions: list[str] = field(default_factory=list)
    skills: SkillsConfig = field(default_factory=SkillsConfig)
    mcp: dict[str, McpConfig] = field(default_factory=dict)
    share: Literal["manual", "auto", "disabled"] = "manual"
