"""What opencode asks of some families of models where nobody has set it: by the model's name, as data."""

import re

from opencode.schema.base import JsonObject
from opencode.schema.provider import Model

_GEMINI = (
    r"gemini-2[.-]5(?:[.-]|$)|gemini-3-(?:flash|pro)(?:[.-]|$)|gemini-3[.-]1(?:[.-]|$)"
    r"|gemini-3[.-]5-flash(?!-lite)(?:[.-]|$)"
)
_TEMPERATURE: tuple[tuple[str, float | None], ...] = (
    (r"north-mini-code", 1),
    (r"claude", None),
    (_GEMINI, 1),
    (r"gemini", None),
    (r"glm-4\.[67]|minimax-m2", 1),
    (r"kimi-k2(?:\.|p|-5|.*thinking)", 1),
    (r"kimi-k2", 0.6),
)
_TOP_P: tuple[tuple[str, float | None], ...] = (
    (_GEMINI, 0.95),
    (r"gemini", None),
    (r"minimax-m2|kimi-k2(?:[.p]|-)5", 0.95),
)
_REASONING = re.compile(r"^(?!.*gpt-5-(?:chat|pro)).*gpt-5")


def temperature(model: Model) -> float | None:
    """Return the temperature for a model; None for its provider's own."""
    return _first(_TEMPERATURE, model) if model.capabilities.temperature else None


def top_p(model: Model) -> float | None:
    """Return the part of the likeliest tokens for a model; None for its provider's own."""
    return _first(_TOP_P, model)


def options(model: Model) -> JsonObject:
    """Return the options for a model that count less than all that are set."""
    return {"reasoningEffort": "medium"} if _REASONING.search(model.api.id) else {}


def _first(table: tuple[tuple[str, float | None], ...], model: Model) -> float | None:
    name = model.api.id.lower()
    return next((value for pattern, value in table if re.search(pattern, name)), None)
