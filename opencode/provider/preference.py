"""Which model of a provider to take where nobody said: the rules, all in one place.

They look at a model's own name, so they hold for a provider's own service and for the routers that resell it.
"""

import re
from collections.abc import Iterable, Sequence

from opencode.schema.provider import Model

# Good at tools, and not the dearest of their makers; the first line that a provider has is taken.
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
    """Return the newest model of the first line in the list of preferences, else the first that has tools."""
    able = [model for model in models if model.capabilities.toolcall] or models
    return _newest(able, _FLAGSHIPS) or next(iter(able), None)


def small_model(model: Model, models: Iterable[Model]) -> Model:
    """Return a model for titles: of the same provider, fast, cheaper than `model`; else `model` itself."""
    cheaper = [other for other in models if 0 < _price(other) < _price(model)]
    return _newest(cheaper, _SMALL) or model


def _newest(models: Sequence[Model], patterns: Iterable[str]) -> Model | None:
    for pattern in patterns if models else ():
        line = [model for model in models if re.search(pattern, model.id.rpartition("/")[2].lower())]
        if line:
            newest = max(model.release_date for model in line)
            return min((model for model in line if model.release_date == newest), key=lambda m: len(m.id))
    return None


def _price(model: Model) -> float:
    return model.cost.input + model.cost.output
