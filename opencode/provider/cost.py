"""The cost of a request: its tokens at the model's prices."""

from msgspec import UNSET

from opencode.schema.base import given
from opencode.schema.part import Tokens
from opencode.schema.provider import Cost, CostTier, Model


def cost_usd(model: Model, tokens: Tokens) -> float:
    """Return one request's cost in USD; 0 if the model's prices are unknown.

    Reasoning is billed as output. Cached tokens without a price of their own are billed as input.
    """
    prices = _prices(model.cost, tokens.input + tokens.cache.read + tokens.cache.write)
    return (
        tokens.input * prices.input
        + (tokens.output + tokens.reasoning) * prices.output
        + tokens.cache.read * (prices.cache.read or prices.input)
        + tokens.cache.write * (prices.cache.write or prices.input)
    ) / 1_000_000


def _prices(cost: Cost, context: int) -> Cost | CostTier:
    """Return the prices for a request of `context` input tokens, cached ones included."""
    if cost.tiers is UNSET:
        return cost
    reached = [tier for tier in given(cost.tiers, []) if context > tier.tier.size]
    return max(reached, key=lambda tier: tier.tier.size, default=cost)
