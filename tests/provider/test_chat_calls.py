"""Calls and thoughts whose pieces are many or misleading."""

import time

import pytest

from opencode.provider.base import ToolCallEnd
from opencode.provider.chat.calls import Calls
from opencode.provider.chat.chunk import CallDelta, Function
from opencode.provider.chat.think_tags import ThinkTags
from opencode.provider.wire.batch import EventBatch


def input_of(*pieces: str, name: str | None = None) -> str:
    """Return the input that pieces make; `name`: repeated with each of them."""
    batch = EventBatch()
    calls = Calls(batch, frozenset({"lookup"}))
    calls.read(CallDelta(index=0, function=Function("lookup")))
    for piece in pieces:
        calls.read(CallDelta(index=0, function=Function(name, piece)))
    calls.finish()
    (end,) = [event for event in batch.take() if isinstance(event, ToolCallEnd)]
    return end.raw


@pytest.mark.parametrize(
    "pieces",
    [
        ("{", '"a": ', "{", "{}"),
        ('{"a": ', '{"b": 1}'),
        ('{"a": 1}', '{"b": 2}'),
        ("{", "}}"),
        ('{"a": 1', " "),
    ],
)
def test_an_input_that_was_cut_is_not_taken_for_its_last_piece(pieces: tuple[str, ...]) -> None:
    assert input_of(*pieces) == "".join(pieces)


@pytest.mark.parametrize("name", [None, "lookup"])
def test_a_long_input_takes_linear_time(name: str | None) -> None:
    pieces = ['{"a": [', *(["1, "] * 50_000), "1]}"]
    started = time.process_time()
    assert input_of(*pieces, name=name) == "".join(pieces)
    assert time.process_time() - started < 5


def test_blanks_at_the_start_are_not_held_back_for_ever() -> None:
    tags = ThinkTags()
    shown = [piece for _ in range(5_000) for piece in tags.feed(" ")]
    assert sum(len(text) for _, text in shown) > 3_000


def test_blanks_within_a_thought_are_not_held_back_for_ever() -> None:
    tags = ThinkTags()
    list(tags.feed("<think>a"))
    shown = [piece for _ in range(5_000) for piece in tags.feed(" ")]
    assert all(is_reasoning for is_reasoning, _ in shown)
    assert sum(len(text) for _, text in shown) > 3_000


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_a_thought_keeps_its_inner_blanks(size: int) -> None:
    text = "<think>\none\n\n two <b></thin \n</think>\n\n answer \n"
    tags = ThinkTags()
    pieces = [piece for at in range(0, len(text), size) for piece in tags.feed(text[at : at + size])] + list(
        tags.close()
    )
    thought = "".join(piece for is_reasoning, piece in pieces if is_reasoning)
    assert thought == "one\n\n two <b></thin"
