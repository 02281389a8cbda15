"""An answer that goes round in circles is noticed, and one that gets on is left alone."""

import pytest

from opencode.agent.progress import MAX_REPEATS, Progress
from opencode.schema.part import Part

from .conversation import call, failed_call, text

WAITING: list[Part] = [call("waiting")]
FAILED: list[Part] = [failed_call("no such page")]
SAID: list[Part] = [text("One moment.")]


def first_repetition(*steps: list[Part]) -> int | None:
    """Return the number of the first step, from 1, at which the steps are found to repeat themselves."""
    progress = Progress()
    return next((number for number, parts in enumerate(steps, 1) if progress.repeats(parts)), None)


@pytest.mark.parametrize("step", [WAITING, FAILED, SAID, [], WAITING + FAILED])
def test_equal_steps_are_a_repetition(step: list[Part]) -> None:
    assert first_repetition(*[step] * 20) == MAX_REPEATS


@pytest.mark.parametrize("length", [2, 3])
def test_equal_rounds_of_steps_are_a_repetition(length: int) -> None:
    steps = [WAITING, FAILED, SAID][:length] * 20
    assert first_repetition(*steps) == length * MAX_REPEATS


def test_what_a_model_says_beside_its_calls_does_not_hide_a_repetition() -> None:
    steps = [[text(f"Attempt {number}"), *WAITING] for number in range(20)]
    assert first_repetition(*steps) == MAX_REPEATS


def test_other_results_inputs_or_tools_are_progress() -> None:
    assert first_repetition(*[[call(f"page {number}")] for number in range(20)]) is None
    assert first_repetition(*[[call("page", tool=f"tool_{number}")] for number in range(20)]) is None


def test_a_few_equal_steps_between_others_are_progress() -> None:
    steps = [*[WAITING] * (MAX_REPEATS - 1), FAILED] * 5
    assert first_repetition(*steps) is None
