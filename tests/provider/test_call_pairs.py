"""Calls and results, whatever ids earlier providers gave them."""

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencode.provider.base import AssistantTurn, Reasoning, Text, ToolCall, ToolOutput, UserTurn
from opencode.provider.call_pairs import NO_RESULT, paired, told
from opencode.provider.quirks import Quirks

USUAL, NINE = Quirks(), Quirks(call_id_length=9, call_id_marks=False)
CALL_IDS = st.sampled_from(
    ["", "a", "b", "a.b", "a_b", "functions.x:0", "x" * 70, "123456789", "é", "\ud800"]
)


def calls(*ids: str) -> AssistantTurn:
    return AssistantTurn(tuple(ToolCall(call_id, "lookup", {}) for call_id in ids))


def results(*pairs: tuple[str, str]) -> UserTurn:
    return UserTurn(tuple(ToolOutput(call_id, "lookup", output) for call_id, output in pairs))


def pairs_of(turns: list[Any]) -> list[tuple[str, str, str]]:
    """Return each call's id, its result's id and output, in order; fails if one stands elsewhere."""
    found = []
    for index, turn in enumerate(turns):
        if isinstance(turn, AssistantTurn):
            own = [item for item in turn.content if isinstance(item, ToolCall)]
            answers = turns[index + 1].content if index + 1 < len(turns) else ()
            found += [
                (call.call_id, answer.call_id, answer.output)
                for call, answer in zip(own, answers[: len(own)], strict=True)
            ]
    return found


def test_ids_that_fit_stay_as_they_are() -> None:
    turns = [UserTurn((Text("a"),)), calls("call_1", "toolu-2"), results(("call_1", "x"), ("toolu-2", "y"))]
    assert paired(turns, USUAL) == turns


def test_an_id_that_comes_again_is_another_call_with_its_own_result() -> None:
    turns = [
        calls("x:0", "x:0"),
        results(("x:0", "one"), ("x:0", "two")),
        calls("x:0"),
        results(("x:0", "three")),
    ]
    found = pairs_of(paired(turns, USUAL))
    assert [output for _, _, output in found] == ["one", "two", "three"]
    assert len({call_id for call_id, _, _ in found}) == 3
    assert all(call_id == answer_id for call_id, answer_id, _ in found)


def test_results_stand_in_the_order_of_their_calls() -> None:
    turns = paired([calls("a", "b"), results(("b", "two"), ("a", "one"))], USUAL)
    assert [output for _, _, output in pairs_of(turns)] == ["one", "two"]


def test_a_call_without_a_result_gets_one_that_says_so() -> None:
    ends = (
        [calls("a")],
        [calls("a"), UserTurn((Text("go on"),))],
        [calls("a"), calls("b"), results(("b", "x"))],
    )
    for turns in ends:
        assert pairs_of(paired(turns, USUAL))[0] == ("a", "a", NO_RESULT)


def test_a_result_without_its_call_is_told_as_text() -> None:
    (turn,) = paired([results(("a", "found"))], USUAL)
    assert turn.content == (Text("Result of the tool lookup:\nfound"),)


def test_an_answer_of_reasoning_alone_is_left_out_and_its_neighbours_are_one_turn() -> None:
    answer = AssistantTurn((Reasoning("hm", {}), Text(" ")))
    turns = paired([UserTurn((Text("a"),)), answer, UserTurn((Text("b"),))], USUAL)
    assert turns == [UserTurn((Text("a"), Text("b")))]


def test_names_that_a_model_invented_are_written_in_what_every_api_accepts() -> None:
    turn = AssistantTurn((ToolCall("a", "functions.look up", {}), ToolCall("b", "", {})))
    names = [item.name for item in paired([turn], USUAL)[0].content if isinstance(item, ToolCall)]
    assert names == ["functions_look_up", "unknown"]


def test_servers_without_tools_are_told_of_calls_in_words() -> None:
    turns = told(
        [AssistantTurn((Text("I look."), ToolCall("a", "lookup", {"word": "x"}))), results(("a", "y"))]
    )
    assert turns == [
        AssistantTurn((Text("I look."), Text('[Called the tool lookup with {"word":"x"}]'))),
        UserTurn((Text("Result of the tool lookup:\ny"),)),
    ]


@pytest.mark.parametrize("quirks", [USUAL, NINE], ids=["usual", "nine"])
@given(steps=st.lists(st.tuples(st.lists(CALL_IDS, max_size=4), st.lists(CALL_IDS, max_size=4)), max_size=6))
def test_whatever_comes_every_call_has_an_id_of_its_own_and_its_result(
    quirks: Quirks, steps: list[tuple[list[str], list[str]]]
) -> None:
    turns: list[Any] = []
    for called, answered in steps:
        turns += [calls(*called), results(*((call_id, "x") for call_id in answered))]
    settled = paired(turns, quirks)
    found = pairs_of(settled)
    fits = r"[a-zA-Z0-9]{9}" if quirks is NINE else r"[a-zA-Z0-9_-]{1,64}"
    assert all(re.fullmatch(fits, call_id) for call_id, _, _ in found)
    assert len({call_id for call_id, _, _ in found}) == len(found) == sum(len(called) for called, _ in steps)
    assert all(call_id == answer_id for call_id, answer_id, _ in found)
    assert all(type(one) is not type(other) for one, other in pairwise(settled))
    assert paired(settled, quirks) == settled
