"""Which errors of a provider mean that another key or another model should be asked, and for how long."""

import re

from opencode.errors import ModelAPIError, ModelAuthError, ModelError

RATE_LIMIT_S = 60.0
"""How long a key or a model rests after a 429 that does not say for how long."""

REFUSED_S = 600.0
"""How long it rests after a refusal of the key, or once the account's quota or credit is spent."""

OVERLOADED_S = 60.0
"""How long a model rests that did not answer after all attempts."""

_REFUSED = frozenset({401, 402, 403})
# OpenAI "insufficient_quota", "You exceeded your current quota"; Anthropic "Your credit balance is too low"
# (a 400); OpenRouter "Insufficient credits"; DeepSeek "Insufficient Balance".
_SPENT = re.compile(
    r"insufficient[ _]?(?:quota|credit|balance|funds)|exceeded your current quota|credit balance is too low"
    r"|billing_(?:hard_limit|error)|usage limit",
    re.IGNORECASE,
)
# In the place of a status, where the error came within a stream.
_LIMITED = re.compile(
    r"rate[_ -]?limit|too many requests|resource_exhausted|\"code\": ?\"?429", re.IGNORECASE
)
_READ = 4096


def key_rest(error: ModelError) -> float | None:
    """Return the seconds for which the key should not be used; None if the error is not about the key."""
    if isinstance(error, ModelAuthError):
        return REFUSED_S
    if not isinstance(error, ModelAPIError):
        return None
    if error.status in _REFUSED or is_spent(error):
        return REFUSED_S if error.retry_after is None else error.retry_after
    if error.status == 429 or (error.status is None and _says(_LIMITED, error)):
        return RATE_LIMIT_S if error.retry_after is None else error.retry_after
    return None


def model_rest(error: ModelError) -> float | None:
    """Return the seconds for which a model that failed after all attempts should not be asked.

    None if the error is about the request, which another model would refuse too.
    """
    rest = key_rest(error)
    if rest is None and error.retryable:
        rest = OVERLOADED_S if error.retry_after is None else error.retry_after
    return rest


def is_spent(error: ModelError) -> bool:
    """Return whether an error says that the account's quota or credit is used up."""
    return _says(_SPENT, error)


def _says(words: re.Pattern[str], error: ModelError) -> bool:
    body = (error.body or "") if isinstance(error, ModelAPIError) else ""
    return bool(words.search(error.message[:_READ]) or words.search(body[:_READ]))
