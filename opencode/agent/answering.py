"""Has a model answer, or the next one of its chain while one is unavailable."""

from collections.abc import Awaitable, Callable, Sequence

from opencode.errors import BadRequest, ModelError
from opencode.provider.base import Finish
from opencode.provider.registry import Resolved
from opencode.provider.unavailable import model_rest
from opencode.schema.error import APIError, APIErrorData
from opencode.schema.message import ModelChoice

from .dependencies import TurnDependencies
from .exchange import Exchange
from .fallback import FALLBACK, model_name

Ask = Callable[[Resolved, bool], Awaitable[Finish]]
"""Asks a model: (the model, whether another one can answer if this one is unavailable). Raises ModelError."""

_LONGEST_REASON = 300


async def first_answer(
    dependencies: TurnDependencies, exchange: Exchange, agent: str, choice: ModelChoice, ask: Ask
) -> tuple[Resolved, Finish]:
    """Have a model answer, or the next one of its chain while one is unavailable; the message tells which.

    Raises the ModelError or BadRequest of the last one.
    """
    fallbacks = dependencies.fallbacks
    chain = fallbacks.chain(agent, choice)
    models, reasons = fallbacks.ready(chain)
    for position, model in enumerate(models):
        following = models[position + 1 :]
        try:
            resolved = await dependencies.providers.resolve(model.provider_id, model.model_id)
            exchange.answered_by(resolved.model)
            finish = await ask(resolved, bool(following))
            _tell(exchange, reasons, model)
            return resolved, finish
        except (ModelError, BadRequest) as error:
            seconds = model_rest(error) if isinstance(error, ModelError) else 0.0
            reason = f"{model_name(model)} was unavailable: {_short(error.message)}"
            if seconds is not None and len(chain) > 1:
                fallbacks.rest(model, reason, seconds)
            if seconds is None or not following:
                _tell(exchange, reasons, model)
                raise
            reasons.append(reason)
        exchange.notify(f"{reason} Asking {model_name(following[0])}.")
        await exchange.transcript.discard()
    raise AssertionError("a chain has at least one model")


def _tell(exchange: Exchange, reasons: Sequence[str], answering: ModelChoice) -> None:
    """Note in the message why the models before the answering one did not answer."""
    for reason in reasons:
        data = APIErrorData(message=reason, is_retryable=True, metadata={FALLBACK: model_name(answering)})
        exchange.transcript.retried(APIError(data=data))


def _short(message: str) -> str:
    text = " ".join(message.split())
    text = text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"
    return text if text.endswith((".", "!", "…")) else f"{text}."
