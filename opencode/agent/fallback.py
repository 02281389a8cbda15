"""Fallbacks: the models that answer in the place of one that is unavailable, as opencode.json lists them."""

import time
from collections.abc import Sequence

import msgspec

from opencode.provider.registry import Registry
from opencode.schema.message import ModelChoice

from .agents import Agents

FALLBACK = "fallback"
"""Metadata of a retry part's error: the model that was asked in the place of an unavailable one."""


class Rest(msgspec.Struct, frozen=True):
    """Why a model is not asked, and until when (monotonic seconds). `changes`: Registry.changes then."""

    reason: str
    until: float
    changes: int


class Fallbacks:
    """The chains of models in opencode.json, and which models rest because they were unavailable."""

    def __init__(self, providers: Registry, agents: Agents) -> None:
        self._providers = providers
        self._agents = agents
        self._resting: dict[str, Rest] = {}

    def chain(self, agent: str, choice: ModelChoice) -> list[ModelChoice]:
        """Return a model and its fallbacks in order: what follows it in the agent's list, else in `model`.

        It does not matter how the model was chosen: most clients name the default model with every prompt.
        """
        for models in (self._agents.models(agent), self._providers.default_models()):
            names = [model_name(model) for model in models]
            if model_name(choice) in names:
                return [choice, *models[names.index(model_name(choice)) + 1 :]]
        return [choice]

    def ready(self, chain: Sequence[ModelChoice]) -> tuple[list[ModelChoice], list[str]]:
        """Return the models of a chain that do not rest, and why those before the first of them do.

        All of them, if all rest.
        """
        reasons = [self._reason(choice) for choice in chain]
        if None not in reasons:
            return list(chain), []
        awake = [choice for choice, reason in zip(chain, reasons, strict=True) if reason is None]
        return awake, [reason for reason in reasons[: reasons.index(None)] if reason is not None]

    def rest(self, choice: ModelChoice, reason: str, seconds: float) -> None:
        """Do not ask a model for some seconds, or until a key is set."""
        until = time.monotonic() + seconds
        self._resting[model_name(choice)] = Rest(reason, until, self._providers.changes)

    def _reason(self, choice: ModelChoice) -> str | None:
        rest = self._resting.get(model_name(choice))
        if rest is None:
            return None
        if rest.until <= time.monotonic() or rest.changes != self._providers.changes:
            del self._resting[model_name(choice)]
            return None
        return rest.reason


def model_name(choice: ModelChoice) -> str:
    """Return a model as opencode.json names it."""
    return f"{choice.provider_id}/{choice.model_id}"
