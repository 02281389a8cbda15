"""Rules for a provider's default model and its small model.

They look at the model's name, so they hold for a maker's own service and for routers that resell it.
"""

import re
from collections.abc import Iterable, Sequence

from opencode.schema.provider import Model

# Model families that are good at tools and not their makers' most expensive; the first available is used.
_FLAGSHIPS = (
    r"claude-sonnet-\d",
    r"gpt-\d+(\.\d+)?$",
    r"kimi-k\d",
    r"glm-\d",
    r"deepseek-v\d",
    r"gemini-[\d.]+-pro",
    r"grok-\d",
    r"mistral-(large|medium)",
    r"qwen-?\d",
    r"gpt-oss",
)
_SMALL = (r"haiku", r"-nano\b", r"-mini\b", r"flash", r"-lite\b", r"-small\b", r"\b[1-9]b\b")


def default_model(models: Sequence[Model]) -> Model | None:
    """Return the newest model of the first family that is available, else the first with tools."""
    able = [model for model in models if model.capabilities.toolcall] or models
    return _newest(able, _FLAGSHIPS) or next(iter(able), None)


def small_model(model: Model, models: Iterable[Model]) -> Model:
    """Return a fast model for titles, cheaper than `model`, of the same provider; else `model` itself."""
    cheaper = [other for other in models if 0 < _price(other) < _price(model)]
    return _newest(cheaper, _SMALL) or model


def _newest(models: Sequence[Model], patterns: Iterable[str]) -> Model | None:
    for pattern in patterns if models else ():
        family = [model for model in models if re.search(pattern, model.id.rpartition("/")[2].lower())]
        if family:
            newest = max(model.release_date for model in family)
            return min((model for model in family if model.release_date == newest), key=lambda m: len(m.id))
    return None


def _price(model: Model) -> float:
    return model.cost.input + model.cost.output
