"""Providers and models as clients list them."""

from typing import Literal

from msgspec import UNSET, UnsetType, field

from .base import JsonObject, Wire

Modality = Literal["text", "audio", "image", "video", "pdf"]


class ModelApi(Wire):
    id: str
    url: str
    npm: str


class Modalities(Wire):
    text: bool = True
    audio: bool = False
    image: bool = False
    video: bool = False
    pdf: bool = False


class Interleaved(Wire):
    field: str


class Capabilities(Wire):
    temperature: bool
    reasoning: bool
    attachment: bool
    toolcall: bool
    input: Modalities
    output: Modalities
    interleaved: bool | Interleaved = False


class CacheCost(Wire):
    read: float = 0
    write: float = 0


class ContextTier(Wire, tag_field="type", tag="context"):
    size: int


class CostTier(Wire):
    """Prices once a request's input exceeds `tier.size` tokens."""

    input: float
    output: float
    cache: CacheCost
    tier: ContextTier


class Cost(Wire):
    """USD per million tokens."""

    input: float = 0
    output: float = 0
    cache: CacheCost = field(default_factory=CacheCost)
    tiers: list[CostTier] | UnsetType = UNSET


class Limit(Wire):
    """Tokens; 0 where it is not known."""

    context: int = 0
    output: int = 0
    input: int | UnsetType = UNSET


class Model(Wire):
    id: str
    provider_id: str
    api: ModelApi
    name: str
    capabilities: Capabilities
    cost: Cost
    limit: Limit
    status: Literal["alpha", "beta", "deprecated", "active"] = "active"
    options: JsonObject = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    release_date: str = field(default="", name="release_date")
    family: str | UnsetType = UNSET
    variants: dict[str, JsonObject] | UnsetType = UNSET


class Provider(Wire):
    """`source` tells where it was set up; keys are never part of it."""

    id: str
    name: str
    source: Literal["env", "config", "custom", "api"]
    env: list[str]
    options: JsonObject
    models: dict[str, Model]


class ProviderList(Wire):
    all: list[Provider]
    default: dict[str, str]
    connected: list[str]


class ConfigProviders(Wire):
    providers: list[Provider]
    default: dict[str, str]


class AuthMethod(Wire):
    type: Literal["oauth", "api"]
    label: str


class ApiAuth(Wire, tag_field="type", tag="api"):
    """A key to keep for a provider. It is stored readable by the server's user alone and never shown."""

    key: str
    metadata: dict[str, str] | UnsetType = UNSET
