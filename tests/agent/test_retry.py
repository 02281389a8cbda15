"""When a model is asked again, and how long a turn waits before."""

import pytest

from opencode.agent.retry import FEW_ATTEMPTS, LONGEST_FEW_WAIT, LONGEST_WAIT, RetryPolicy
from opencode.errors import ModelAPIError


def failure(retryable: bool = True, retry_after: float | None = None) -> ModelAPIError:
    return ModelAPIError("overloaded", retryable=retryable, retry_after=retry_after)


@pytest.fixture
def spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make chance choose the largest wait."""
    monkeypatch.setattr("random.random", lambda: 1.0)


def test_waits_double_up_to_the_longest_and_a_quarter_is_added_at_most(spread: None) -> None:
    policy = RetryPolicy(attempts=10, first=2.0, longest=30.0)
    waits = [policy.wait(attempt, failure()) for attempt in range(1, 7)]
    assert waits == [2.5, 5.0, 10.0, 20.0, 37.5, 37.5]


def test_chance_only_adds_to_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    assert RetryPolicy(first=2.0).wait(1, failure()) == 2.0


def test_no_more_attempts_are_made_than_were_agreed() -> None:
    policy = RetryPolicy(attempts=3, first=0.1)
    assert policy.wait(2, failure()) is not None
    assert policy.wait(3, failure()) is None
    assert policy.wait(3, failure(retry_after=1.0)) is None


def test_a_failure_that_will_come_again_is_not_waited_for() -> None:
    assert RetryPolicy().wait(1, failure(retryable=False)) is None
    assert RetryPolicy().wait(1, failure(retryable=False, retry_after=1.0)) is None


def test_a_provider_that_says_how_long_is_waited_for_as_long_within_reason() -> None:
    policy = RetryPolicy()
    assert policy.wait(1, failure(retry_after=0.0)) == 0.0
    assert policy.wait(1, failure(retry_after=LONGEST_WAIT)) == LONGEST_WAIT
    assert policy.wait(1, failure(retry_after=LONGEST_WAIT + 1)) is None


def test_six_attempts_are_made_within_a_minute_by_default() -> None:
    assert RetryPolicy() == RetryPolicy(attempts=6, first=2.0, longest=30.0)


def test_a_model_that_another_one_can_replace_is_asked_a_few_times_and_waited_for_shortly() -> None:
    policy = RetryPolicy()
    assert policy.wait(FEW_ATTEMPTS - 1, failure(), others=True) is not None
    assert policy.wait(FEW_ATTEMPTS, failure(), others=True) is None
    assert policy.wait(1, failure(retry_after=LONGEST_FEW_WAIT), others=True) == LONGEST_FEW_WAIT
    assert policy.wait(1, failure(retry_after=LONGEST_FEW_WAIT + 1), others=True) is None
    spent = ModelAPIError("You exceeded your current quota", retryable=True, status=429)
    assert policy.wait(1, spent) is not None
    assert policy.wait(1, spent, others=True) is None
