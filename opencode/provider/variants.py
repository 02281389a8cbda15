"""Reasoning efforts: the named variants of a model, as options of opencode.json.

The rules are those of opencode (`packages/opencode/src/provider/transform.ts`).
"""

import re

from opencode.schema.base import JsonObject
from opencode.schema.provider import Model

from .adapters import ANTHROPIC, OPENAI

_EFFORTS = ("low", "medium", "high")
_CLAUDE = re.compile(r"claude-[a-z]+-(\d+)(?:[-.](\d{1,2}))?(?!\d)")
# These decide themselves how much to reason: their providers accept no effort.
_FIXED_EFFORT = ("deepseek", "minimax", "glm", "mistral", "kimi")


def variants(model: Model) -> dict[str, JsonObject]:
    """Return the model's variants by name, the least effort first; {} if there is no choice."""
    if not model.capabilities.reasoning:
        return {}
    if model.api.npm == ANTHROPIC:
        return _anthropic(model)
    if model.api.npm == OPENAI:
        return {
            effort: {"reasoningEffort": effort, "reasoningSummary": "auto"}
            for effort in _openai_efforts(model)
        }
    if any(family in model.id.lower() for family in _FIXED_EFFORT):
        return {}
    return {effort: {"reasoningEffort": effort} for effort in _EFFORTS}


def _anthropic(model: Model) -> dict[str, JsonObject]:
    """From Claude 4.6 on, the model decides how long to think, within an effort.

    From 4.7 on, the text of the thinking is omitted unless the request asks for it.
    """
    match = _CLAUDE.search(model.api.id)
    version = (int(match[1]), int(match[2] or 0)) if match else (0, 0)
    if version >= (4, 7):
        thinking = {"type": "adaptive", "display": "summarized"}
        return {effort: {"thinking": thinking, "effort": effort} for effort in (*_EFFORTS, "xhigh", "max")}
    if version >= (4, 6):
        return {effort: {"thinking": {"type": "adaptive"}, "effort": effort} for effort in (*_EFFORTS, "max")}
    room = model.limit.output or 64_000
    budgets = {"high": min(16_000, room // 2 - 1), "max": min(31_999, room - 1)}
    return {
        name: {"thinking": {"type": "enabled", "budgetTokens": budget}} for name, budget in budgets.items()
    }


def _openai_efforts(model: Model) -> tuple[str, ...]:
    name = model.api.id
    if name.startswith(("gpt-5-pro", "o1-mini", "o1-preview")):
        return ()
    if "codex" in name:
        return (*_EFFORTS, "xhigh") if re.search(r"5\.[2-9]", name) else _EFFORTS
    efforts: tuple[str, ...] = _EFFORTS
    if name == "gpt-5" or name.startswith("gpt-5-"):
        efforts = ("minimal", *efforts)
    if model.release_date >= "2025-11-13":
        efforts = ("none", *efforts)
    if model.release_date >= "2025-12-04":
        efforts = (*efforts, "xhigh")
    return efforts
