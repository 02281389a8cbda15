"""Usage of Chat Completions as vendors sent it (recorded), against tokens counted by hand and their price."""

import json
from typing import Any

import pytest
from msgspec import structs

from opencode.provider.chat.reader import ChatReader
from opencode.provider.cost import cost_usd
from opencode.provider.wire.errors import ProviderErrors
from opencode.schema.part import CacheTokens, Tokens
from opencode.schema.provider import CacheCost, Cost

from .wire_case import model

ERRORS = ProviderErrors("local", "http://model.test/v1", "", {})


def tokens_from(*beside: dict[str, Any]) -> Tokens:
    """Return the tokens of an answer whose last chunks have these fields beside an empty `choices`."""
    reader = ChatReader(ERRORS)
    reader.read(b'{"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}')
    for fields in beside:
        reader.read(json.dumps({"choices": [], **fields}).encode())
    return reader.finish().tokens


def counted(input: int = 0, output: int = 0, reasoning: int = 0, read: int = 0, write: int = 0) -> Tokens:
    total = input + output + reasoning + read + write
    cache = CacheTokens(read=read, write=write)
    return Tokens(input=input, output=output, reasoning=reasoning, cache=cache, total=total)


XAI = Cost(input=0.3, output=0.5, cache=CacheCost(read=0.075))  # grok-3-mini, USD a million
OPENROUTER_CLAUDE = Cost(input=3, output=15, cache=CacheCost(read=0.3, write=3.75))
OPENROUTER_GROK = Cost(input=3, output=15, cache=CacheCost(read=0.75))

RECORDED: dict[str, tuple[dict[str, Any], Tokens]] = {
    "xAI: reasoning beside the completion": (
        {
            "prompt_tokens": 12,
            "completion_tokens": 1,
            "total_tokens": 303,
            "prompt_tokens_details": {"text_tokens": 12, "audio_tokens": 0, "cached_tokens": 11},
            "completion_tokens_details": {"reasoning_tokens": 290, "audio_tokens": 0},
        },
        counted(input=1, output=1, reasoning=290, read=11),
    ),
    "DeepSeek": (
        {
            "prompt_tokens": 339,
            "completion_tokens": 83,
            "total_tokens": 422,
            "prompt_tokens_details": {"cached_tokens": 320},
            "completion_tokens_details": {"reasoning_tokens": 39},
            "prompt_cache_hit_tokens": 320,
            "prompt_cache_miss_tokens": 19,
        },
        counted(input=19, output=44, reasoning=39, read=320),
    ),
    "DeepSeek, with its own field alone": (
        {"prompt_tokens": 339, "completion_tokens": 83, "total_tokens": 422, "prompt_cache_hit_tokens": 320},
        counted(input=19, output=83, read=320),
    ),
    "Moonshot": (
        {
            "prompt_tokens": 9,
            "completion_tokens": 12,
            "total_tokens": 21,
            "completion_tokens_details": {"reasoning_tokens": 7},
        },
        counted(input=9, output=5, reasoning=7),
    ),
    "Moonshot, cached": (
        {"prompt_tokens": 90, "completion_tokens": 12, "total_tokens": 102, "cached_tokens": 64},
        counted(input=26, output=12, read=64),
    ),
    "Alibaba": (
        {
            "prompt_tokens": 24,
            "completion_tokens": 1355,
            "total_tokens": 1379,
            "completion_tokens_details": {"reasoning_tokens": 1084},
            "prompt_tokens_details": {"cached_tokens": 0},
        },
        counted(input=24, output=271, reasoning=1084),
    ),
    "Alibaba, written to its cache": (
        {
            "prompt_tokens": 2000,
            "completion_tokens": 10,
            "total_tokens": 2010,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_creation_input_tokens": 1500},
        },
        counted(input=500, output=10, write=1500),
    ),
    "Mistral": ({"prompt_tokens": 10, "total_tokens": 56, "completion_tokens": 46}, counted(10, 46)),
    "Perplexity": ({"prompt_tokens": 11, "completion_tokens": 434, "total_tokens": 445}, counted(11, 434)),
    "Snowflake": (
        {
            "completion_tokens": 73,
            "completion_tokens_details": {"reasoning_tokens": 0},
            "prompt_tokens": 45,
            "prompt_tokens_details": {"cached_tokens": 0},
            "total_tokens": 118,
        },
        counted(45, 73),
    ),
    "OpenRouter: more reasoning than completion": (
        {
            "prompt_tokens": 43,
            "completion_tokens": 10,
            "total_tokens": 53,
            "completion_tokens_details": {"reasoning_tokens": 11},
        },
        counted(input=43, reasoning=10),
    ),
    "details null": (
        {
            "prompt_tokens": 40,
            "completion_tokens": 2,
            "total_tokens": 42,
            "prompt_tokens_details": None,
            "completion_tokens_details": None,
        },
        counted(40, 2),
    ),
    "Gemini: thoughts in the total alone": (
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40},
        counted(input=10, output=5, reasoning=25),
    ),
    "reasoning beside the completion, without a total": (
        {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 9}},
        counted(input=10, output=5, reasoning=9),
    ),
    "a proxy of Claude: the prompt without what was cached": (
        {
            "prompt_tokens": 4,
            "completion_tokens": 6,
            "total_tokens": 10,
            "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 50,
        },
        counted(input=4, output=6, read=100, write=50),
    ),
    "the same, with the cache in the total": (
        {"prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 110, "cache_read_input_tokens": 100},
        counted(input=4, output=6, read=100),
    ),
    "texts and fractions": (
        {"prompt_tokens": "12", "completion_tokens": 3.4, "total_tokens": 15.0},
        counted(12, 3),
    ),
    "nulls": ({"prompt_tokens": 5, "completion_tokens": None, "total_tokens": None}, counted(5)),
    "nonsense": (
        {"prompt_tokens": -5, "completion_tokens": 10**40, "total_tokens": "many"},
        counted(),
    ),
    "more cached than there was": (
        {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": -9}},
        counted(5, 1),
    ),
}


@pytest.mark.parametrize("vendor", RECORDED)
def test_usage_is_counted_as_the_vendor_means_it(vendor: str) -> None:
    usage, tokens = RECORDED[vendor]
    assert tokens_from({"usage": usage}) == tokens


@pytest.mark.parametrize(
    ("prices", "usage", "usd"),
    [
        # xAI tells its price in ticks of 1e-10 USD.
        (XAI, (291, 290, 26, 196, 513), 1_330_500e-10),
        (XAI, (307, 306, 26, 227, 560), 1_497_500e-10),
        (XAI, (12, 11, 2, 340, 354), 1_721_250e-10),
        (OPENROUTER_CLAUDE, (43, 0, 36, 13, 79), 0.000669),
        (OPENROUTER_GROK, (687, 679, 187, 118, 874), 0.00333825),
    ],
)
def test_the_cost_is_what_the_vendor_billed(
    prices: Cost, usage: tuple[int, int, int, int, int], usd: float
) -> None:
    prompt, cached, completion, reasoning, total = usage
    tokens = tokens_from(
        {
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": total,
                "prompt_tokens_details": {"cached_tokens": cached},
                "completion_tokens_details": {"reasoning_tokens": reasoning},
            }
        }
    )
    assert cost_usd(structs.replace(model(), cost=prices), tokens) == pytest.approx(usd)


COUNTS = {"prompt_tokens": 18, "completion_tokens": 73, "total_tokens": 91, "queue_time": 0.28}


@pytest.mark.parametrize(
    "beside",
    [
        {"usage": COUNTS},
        {"x_groq": {"id": "req", "usage": COUNTS}},
        {"choices": [{"delta": {}, "finish_reason": "stop", "usage": COUNTS}]},
    ],
    ids=["usage", "Groq", "in a choice"],
)
def test_usage_is_found_wherever_it_stands(beside: dict[str, Any]) -> None:
    assert tokens_from(beside) == counted(18, 73)


def test_the_last_counts_stand_and_empty_ones_erase_nothing() -> None:
    first = {"usage": {"prompt_tokens": 18, "completion_tokens": 1, "total_tokens": 19}}
    assert tokens_from(first, {"usage": COUNTS}, {"usage": {}}, {"usage": None}) == counted(18, 73)
