import pytest
from msgspec import structs

from opencode.provider import catalog
from opencode.provider.cost import cost_usd
from opencode.schema.part import CacheTokens, Tokens
from opencode.schema.provider import Cost


def test_each_kind_of_token_has_its_own_price() -> None:
    model = catalog.models("anthropic")["claude-sonnet-4-5"]
    million = 1_000_000
    assert cost_usd(model, Tokens(input=million)) == pytest.approx(3)
    assert cost_usd(model, Tokens(output=million)) == pytest.approx(15)
    assert cost_usd(model, Tokens(cache=CacheTokens(read=million))) == pytest.approx(0.3)
    assert cost_usd(model, Tokens(cache=CacheTokens(write=million))) == pytest.approx(3.75)


def test_reasoning_is_billed_as_output() -> None:
    model = catalog.models("openai")["gpt-5.5"]
    assert cost_usd(model, Tokens(output=10, reasoning=90)) == cost_usd(model, Tokens(output=100))


def test_a_long_context_counts_at_the_higher_tier_cached_tokens_included() -> None:
    model = catalog.models("openai")["gpt-5.5"]
    below = Tokens(input=72_000, cache=CacheTokens(read=200_000))
    above = Tokens(input=72_001, cache=CacheTokens(read=200_000))
    assert cost_usd(model, below) == pytest.approx((72_000 * 5 + 200_000 * 0.5) / 1e6)
    assert cost_usd(model, above) == pytest.approx((72_001 * 10 + 200_000 * 1) / 1e6)


def test_a_model_without_prices_costs_nothing() -> None:
    model = structs.replace(catalog.models("openai")["gpt-5.5"], cost=Cost())
    assert cost_usd(model, Tokens(input=1_000, output=1_000)) == 0


def test_cached_tokens_without_a_price_of_their_own_cost_as_much_as_input() -> None:
    model = structs.replace(catalog.models("openai")["gpt-5.5"], cost=Cost(input=2, output=4))
    tokens = Tokens(cache=CacheTokens(read=1_000, write=1_000))
    assert cost_usd(model, tokens) == cost_usd(model, Tokens(input=2_000))
