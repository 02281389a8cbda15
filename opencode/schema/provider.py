"""Providers and models, as the API returns them."""

from typing import Literal

from msgspec import UNSET, UnsetType, field

from .base import JsonObject, Wire

Modality = Literal["text", "audio", "image", "video", "pdf"]


class ModelApi(Wire):
    """The API that serves a model."""

    id: str
    url: str
    npm: str


class Modalities(Wire):
    """Kinds of input or output."""

    text: bool = True
    audio: bool = False
    image: bool = False
    video: bool = False
    pdf: bool = False


class Interleaved(Wire):
    """The field in which a model's reasoning is sent back to it."""

    field: str


class Capabilities(Wire):
    """What a model can do."""

    temperature: bool
    reasoning: bool
    attachment: bool
    toolcall: bool
    input: Modalities
    output: Modalities
    interleaved: bool | Interleaved = False


class CacheCost(Wire):
    """USD per million tokens."""

    read: float = 0
    write: float = 0


class ContextTier(Wire, tag_field="type", tag="context"):
    """Prices above 200,000 input tokens."""

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
    """Tokens; 0 if unknown."""

    context: int = 0
    output: int = 0
    input: int | UnsetType = UNSET


class Model(Wire):
    """A model with its limits, capabilities and prices. `variants`: reasoning efforts."""

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
    """A provider. `source`: where its key or configuration comes from. Keys are never returned."""

    id: str
    name: str
    source: Literal["env", "config", "custom", "api"]
    env: list[str]
    options: JsonObject
    models: dict[str, Model]


class ProviderDetails(Provider, kw_only=True):
    """One provider; without a key it is not `connected`, and its models are those of the catalog."""

    connected: bool


class ModelDetails(Model, kw_only=True):
    """One of a provider's models; it can be used once the provider is `connected`."""

    connected: bool


class ProviderList(Wire):
    """`connected`: ids of the providers that can be used. `default`: the default model of each."""

    all: list[Provider]
    default: dict[str, str]
    connected: list[str]


class ConfigProviders(Wire):
    """The connected providers. `default`: the default model of each."""

    providers: list[Provider]
    default: dict[str, str]


class AuthMethod(Wire):
    """A way to connect a provider."""

    type: Literal["oauth", "api"]
    label: str


class ApiAuth(Wire, tag_field="type", tag="api"):
    """A key to store for a provider. Only the server's user can read the file; the API never returns it."""

    key: str
    metadata: dict[str, str] | UnsetType = UNSET
