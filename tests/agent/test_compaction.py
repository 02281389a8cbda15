"""Which messages a model is sent, when a conversation is nearly full, and what is cleared or summarized."""

import pytest

from opencode.agent.compaction import (
    MAX_CALL_OUTPUT,
    cleared,
    is_nearly_full,
    old_output,
    since_summary,
    summary_request,
    tokens_in_use,
)
from opencode.provider.base import Text, UserTurn
from opencode.schema.agent import Agent
from opencode.schema.error import UnknownData, UnknownError
from opencode.schema.message import MessageWithParts
from opencode.schema.part import CacheTokens, FilePart, Tokens, ToolStateCompleted
from opencode.schema.provider import Limit, Model
from tests.provider.wire_case import model

from .conversation import SESSION, assistant, call, compaction, failed_call, text, user

AGENT = Agent(name="compaction", mode="primary", permission=[], options={}, prompt="Summarize.")


def with_context(tokens: int) -> Model:
    return model(limit=Limit(context=tokens, output=1_000))


def ids(history: list[MessageWithParts]) -> list[int]:
    return [int(message.info.id.removeprefix("msg_")) for message in history]


def asked(history: list[MessageWithParts], context: int = 100_000, share: float = 1.0) -> str:
    """Return the conversation as the model that summarizes it is sent it."""
    (turn,) = summary_request(history, with_context(context), AGENT, share).turns
    assert isinstance(turn, UserTurn)
    assert isinstance(turn.content[0], Text)
    return turn.content[0].text.removeprefix("<conversation>\n").removesuffix("\n</conversation>")


def test_a_model_is_sent_the_last_summary_and_what_came_after_it() -> None:
    history = [
        user(1, text("old")),
        assistant(2, text("old answer"), parent=1),
        user(3, compaction()),
        assistant(4, text("summary"), parent=3, summary=True),
        user(5, text("new")),
    ]
    assert ids(since_summary(history)) == [3, 4, 5]


def test_messages_that_a_summary_does_not_cover_follow_it() -> None:
    history = [
        user(1, text("old")),
        user(2, text("kept")),
        assistant(3, text("kept answer"), parent=2),
        user(4, compaction(tail_start=2)),
        assistant(5, text("summary"), parent=4, summary=True),
        user(6, text("new")),
    ]
    assert ids(since_summary(history)) == [4, 5, 2, 3, 6]


@pytest.mark.parametrize(
    "fault", [{"error": UnknownError(data=UnknownData(message="no credit"))}, {"finish": ""}]
)
def test_a_compaction_that_failed_changes_nothing(fault: dict[str, object]) -> None:
    history = [user(1, text("old")), user(2, compaction()), assistant(3, parent=2, summary=True, **fault)]
    assert ids(since_summary(history)) == [1]


def test_of_several_summaries_the_last_one_counts() -> None:
    history = [
        user(1, compaction()),
        assistant(2, text("first"), parent=1, summary=True),
        user(3, text("between")),
        user(4, compaction()),
        assistant(5, text("second"), parent=4, summary=True),
    ]
    assert ids(since_summary(history)) == [4, 5]


def test_all_tokens_of_the_last_answer_are_in_use() -> None:
    tokens = Tokens(input=1, output=10, reasoning=100, cache=CacheTokens(read=1_000, write=10_000))
    history = [
        assistant(1, tokens=Tokens(input=5)),
        assistant(2, tokens=tokens),
        assistant(3, finish="", tokens=Tokens(input=7)),
    ]
    assert tokens_in_use(history) == 11_111
    assert tokens_in_use([user(1)]) == 0


def test_a_summary_says_nothing_of_the_tokens_in_use() -> None:
    history = [user(1, compaction()), assistant(2, parent=1, summary=True, tokens=Tokens(input=9))]
    assert tokens_in_use(history) == 0


@pytest.mark.parametrize(
    ("context", "tokens", "full"),
    [
        (200_000, 180_000, False),
        (200_000, 180_001, True),
        (8_000, 6_000, False),
        (8_000, 6_001, True),
        (0, 10_000_000, False),
    ],
)
def test_a_conversation_is_full_when_the_reserve_for_an_answer_is_touched(
    context: int, tokens: int, full: bool
) -> None:
    assert is_nearly_full(with_context(context), tokens) is full


def test_a_limit_of_input_counts_before_the_whole_context() -> None:
    limited = model(limit=Limit(context=200_000, input=100_000, output=1_000))
    assert is_nearly_full(limited, 80_001)
    assert not is_nearly_full(limited, 80_000)


def outputs(*tokens: int, compacted: bool = False) -> list[MessageWithParts]:
    """Return one answer for each tool output of so many tokens, the oldest first."""
    return [
        assistant(number, call("x" * (4 * size), compacted=compacted))
        for number, size in enumerate(tokens, start=1)
    ]


def test_the_oldest_tool_output_is_cleared_and_the_newest_kept() -> None:
    history = outputs(15_000, 10_000, 1, 40_000)
    parts, freed = old_output(history, with_context(200_000))
    assert parts == [message.parts[0] for message in reversed(history[:3])]
    assert freed == 25_001
    for part in parts:
        new = cleared(part)
        assert isinstance(new.state, ToolStateCompleted) and isinstance(part.state, ToolStateCompleted)
        assert new.state.time.compacted and not part.state.time.compacted
        assert (new.id, new.state.output) == (part.id, part.state.output)


def test_a_small_context_keeps_a_quarter_of_itself_and_clears_from_an_eighth() -> None:
    history = outputs(1_000, 2_000)
    parts, freed = old_output(history, with_context(8_000))
    assert (parts, freed) == ([history[0].parts[0]], 1_000)
    history = outputs(999, 2_000)
    assert old_output(history, with_context(8_000)) == ([], 0)


def test_output_that_was_cleared_before_counts_for_nothing() -> None:
    history = [*outputs(30_000, compacted=True), *outputs(19_999), *outputs(40_000)]
    assert old_output(history, with_context(200_000)) == ([], 0)


def test_output_after_a_failed_call_is_still_cleared() -> None:
    history = [*outputs(25_000), assistant(8, failed_call("no"), text("x")), *outputs(40_000)]
    assert old_output(history, with_context(200_000))[1] == 25_000


def test_an_unknown_context_is_taken_for_one_of_a_hundred_thousand() -> None:
    assert old_output(outputs(12_500, 25_000), with_context(0))[1] == 12_500
    assert old_output(outputs(12_499, 25_000), with_context(0))[1] == 0


def test_all_that_was_said_is_summarized_with_who_said_it() -> None:
    file = FilePart(id="prt_9", session_id=SESSION, message_id="msg_1", mime="image/png", url="data:,")
    named = FilePart(
        id="prt_9", session_id=SESSION, message_id="msg_1", mime="image/png", url="data:,", filename="cat.png"
    )
    history = [
        user(1, text(" hello "), text("not for models", ignored=True), file, named),
        assistant(2, call("y" * (MAX_CALL_OUTPUT + 5)), failed_call("refused"), text("done"), parent=1),
        user(3, compaction()),
        assistant(4, text("so far"), parent=3, summary=True),
        user(5),
    ]
    assert asked(history) == (
        "User:\nhello\n[attached: image/png]\n[attached: cat.png]\n\n"
        f"Assistant:\n[webfetch {{'url': 'x'}}]\n{'y' * MAX_CALL_OUTPUT}\n"
        "[webfetch {'url': 'x'} failed: refused]\ndone\n\n"
        "Summary of the earlier conversation:\nso far"
    )


def test_of_a_long_conversation_the_newest_part_is_summarized() -> None:
    history = [user(1, text("a" * 30_000 + "b"))]
    left_out = "[The beginning is omitted.]\n\n"
    room = (8_000 - 2_000) * 3
    assert asked(history, context=8_000) == left_out + "a" * (room - 1) + "b"
    assert asked(history, context=8_000, share=0.5) == left_out + "a" * (room // 2 - 1) + "b"
    exact = room - len("User:\n")
    assert asked([user(1, text("a" * exact))], context=8_000) == "User:\n" + "a" * exact


def test_the_condensing_model_is_given_its_prompt_and_options_and_no_tools() -> None:
    small = with_context(8_000)
    small.options = {"effort": "low"}
    request = summary_request([user(1, text("hello"))], small, AGENT)
    assert (request.model, request.system, request.options) == (small, ("Summarize.",), {"effort": "low"})
    assert not request.tools
    (turn,) = request.turns
    assert isinstance(turn, UserTurn)
    assert turn.content[1:] == (Text("Summarize the conversation above as instructed."),)
