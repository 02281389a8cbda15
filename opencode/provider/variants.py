"""Reasoning efforts: the named variants of a model, as options of opencode.json.

The rules are those of opencode (`packages/opencode/src/provider/transform.ts`).
"""

import re
from collections.abc import Sequence

from opencode.config import ReasoningOption
from opencode.schema.base import JsonObject
from opencode.schema.provider import Model

from .adapters import ANTHROPIC, OPENAI
from .vendors import model_quirks

DEFAULT_BUDGET = 32_000
"""Tokens to reason with, where the catalog names no maximum: anomalyco/opencode#36626."""
_EFFORTS = ("low", "medium", "high")
_CLAUDE = re.compile(r"claude-[a-z]+-(\d+)(?:[-.](\d{1,2}))?(?!\d)")
# These decide themselves how much to reason: their providers accept no effort.
_FIXED_EFFORT = ("deepseek", "minimax", "glm", "mistral", "kimi")


def variants(model: Model, options: Sequence[ReasoningOption] | None = None) -> dict[str, JsonObject]:
    """Return the model's variants by name, the least effort first; {} if there is no choice.

    `options`: the controls that the catalog or opencode.json names; none are guessed then.
    """
    if not model.capabilities.reasoning:
        return {}
    if options is not None:
        return _controlled(model, options)
    if model.api.npm == ANTHROPIC:
        return _anthropic(model)
    if model.api.npm == OPENAI:
        return {effort: _effort(model, effort) for effort in _openai_efforts(model)}
    if any(family in model.id.lower() for family in _FIXED_EFFORT):
        return {}
    return {effort: {"reasoningEffort": effort} for effort in _EFFORTS}


def _controlled(model: Model, options: Sequence[ReasoningOption]) -> dict[str, JsonObject]:
    """Return the variants of the controls: reasoning off, then each effort, else two budgets."""
    by_type = {option.type: option for option in options}
    effort, budget = by_type.get("effort"), by_type.get("budget_tokens")
    found: dict[str, JsonObject] = {}
    if "toggle" in by_type and not (effort and "none" in effort.values):
        found["none"] = _switched(model, on=False)
    if effort:
        found |= {value: _effort(model, value) for value in effort.values}
    elif budget:
        room = min(budget.max or DEFAULT_BUDGET, (model.limit.output or DEFAULT_BUDGET))
        least = budget.min or 0
        found |= {
            "high": _budget(model, max(room // 2, least)),
            "max": _budget(model, max(room - 1, least)),
        }
    elif "toggle" in by_type:
        found["thinking"] = _switched(model, on=True)
    return found


def _effort(model: Model, effort: str) -> JsonObject:
    if model.api.npm == ANTHROPIC:
        return {**_adaptive(model), "effort": effort}
    if model.api.npm == OPENAI:
        return {"reasoningEffort": effort, "reasoningSummary": "auto"}
    if model_quirks(model).reasoning_control == "openrouter":
        return {"reasoning": {"effort": effort}}
    return {"reasoningEffort": effort}


def _budget(model: Model, tokens: int) -> JsonObject:
    if model.api.npm == ANTHROPIC:
        return {"thinking": {"type": "enabled", "budgetTokens": tokens}}
    match model_quirks(model).reasoning_control:
        case "openrouter":
            return {"reasoning": {"max_tokens": tokens}}
        case "alibaba":
            return {"enable_thinking": True, "thinking_budget": tokens}
        case "google":
            config = {"thinking_budget": tokens, "include_thoughts": True}
            return {"extra_body": {"google": {"thinking_config": config}}}
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}}


def _switched(model: Model, *, on: bool) -> JsonObject:
    if model.api.npm == ANTHROPIC:
        return {"thinking": {"type": "adaptive" if on else "disabled"}}
    if model.api.npm == OPENAI:
        return {} if on else {"reasoningEffort": "none"}
    match model_quirks(model).reasoning_control:
        case "openrouter":
            return {"reasoning": {"enabled": on}}
        case "alibaba":
            return {"enable_thinking": on}
        case "google":
            return {} if on else {"reasoningEffort": "none"}
    return {"thinking": {"type": "enabled" if on else "disabled"}}


def _anthropic(model: Model) -> dict[str, JsonObject]:
    """From Claude 4.6 on, the model decides how long to think, within an effort."""
    version = _claude_version(model)
    if version >= (4, 7):
        return {effort: _effort(model, effort) for effort in (*_EFFORTS, "xhigh", "max")}
    if version >= (4, 6):
        return {effort: _effort(model, effort) for effort in (*_EFFORTS, "max")}
    room = model.limit.output or 64_000
    return {
        "high": _budget(model, min(16_000, room // 2 - 1)),
        "max": _budget(model, min(31_999, room - 1)),
    }


def _adaptive(model: Model) -> JsonObject:
    """Return the thinking that goes with an effort.

    From 4.7 on, the text of the thinking is omitted unless the request asks for it.
    """
    version = _claude_version(model)
    if version >= (4, 7):
        return {"thinking": {"type": "adaptive", "display": "summarized"}}
    return {"thinking": {"type": "adaptive"}} if version >= (4, 6) else {}


def _claude_version(model: Model) -> tuple[int, int]:
    match = _CLAUDE.search(model.api.id)
    return (int(match[1]), int(match[2] or 0)) if match else (0, 0)


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
