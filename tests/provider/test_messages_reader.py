"""Answers of the Messages API as servers send them that are like Anthropic, more or less."""

import json
from typing import Any

import pytest

from opencode.errors import ContextOverflow, ModelAPIError
from opencode.provider.base import BlockEnd, ReasoningDelta, Restart, TextDelta
from opencode.schema.part import CacheTokens, Tokens

from .reader_case import messages_reader, taken, taken_whole

Event = dict[str, Any]

BEGIN = {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 9}}}
STOP = {"type": "message_stop"}
SIGNED = {"anthropic": {"signature": "s"}}


def start(index: Any, kind: str, **fields: Any) -> Event:
    block = {"type": kind, **fields}
    return {"type": "content_block_start", "index": index, "content_block": block}


def more(index: Any, kind: str, **fields: Any) -> Event:
    return {"type": "content_block_delta", "index": index, "delta": {"type": f"{kind}_delta", **fields}}


def end(index: Any) -> Event:
    return {"type": "content_block_stop", "index": index}


def stopped(reason: str = "end_turn", **usage: Any) -> Event:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 5, **usage}}


def text(words: str, index: Any = 0) -> list[Event]:
    return [start(index, "text", text=""), more(index, "text", text=words), end(index)]


def thinking(words: str, index: Any = 0, signature: str = "s") -> list[Event]:
    deltas = [more(index, "thinking", thinking=words)] if words else []
    signed = more(index, "signature", signature=signature)
    return [start(index, "thinking", thinking="", signature=""), *deltas, signed, end(index)]


def call(name: str, words: str, call_id: Any = "t1", index: Any = 0) -> list[Event]:
    begun = start(index, "tool_use", id=call_id, name=name, input={})
    return [begun, more(index, "input_json", partial_json=words), end(index)]


@pytest.mark.parametrize(
    "event",
    [
        start(0, "thinking", thinking="", signature=None),
        start(0, "text", text=None),
        start(0, "text", text={"value": "x"}),
        start(0, "hologram", shape=[1]),
        start(None, "text", text=None),
        {"type": "content_block_start", "index": 0, "content_block": None},
        {"type": "content_block_delta", "index": 0, "delta": "x"},
        {"type": "content_block_delta", "index": 7, "delta": {"type": "mood_delta", "mood": 1}},
        {"type": "content_block_stop"},
        {"type": "ping", "index": "none"},
        {"type": "something_new", "message": "hi", "usage": []},
        {"type": "message_delta", "delta": None, "usage": None},
        {"type": "message_delta", "delta": {"stop_reason": 7}, "usage": {"output_tokens": "few"}},
        {"type": None},
        {},
    ],
)
def test_an_odd_event_costs_nothing_else(event: Event) -> None:
    answer = taken(messages_reader(), BEGIN, event, *text("hello", 1), stopped(), STOP)
    assert (answer.text, answer.reasoning, answer.finish.reason) == ("hello", "", "stop")
    assert answer.finish.tokens.output == 5


@pytest.mark.parametrize("index", [None, 0, "first", 0.0])
def test_blocks_need_no_index(index: Any) -> None:
    events = [*thinking("Hm.", index), *text("hello", index), *call("look", '{"a":1}', "t1", index)]
    answer = taken(messages_reader(), BEGIN, *events, stopped("tool_use"), STOP)
    assert (answer.reasoning, answer.text, answer.inputs) == ("Hm.", "hello", {"t1": '{"a":1}'})
    assert answer.kept == [SIGNED]


def test_a_block_that_was_never_started_is_written() -> None:
    events = [
        more(0, "thinking", thinking="Hm."),
        more(0, "signature", signature="s"),
        more(1, "text", text="a"),
    ]
    answer = taken(messages_reader(), BEGIN, *events, more(1, "text", text="b"), stopped(), STOP)
    assert (answer.reasoning, answer.text, answer.kept) == ("Hm.", "ab", [SIGNED])


def test_a_block_that_was_never_ended_ends_where_the_next_begins() -> None:
    events = [event for event in thinking("Hm.") + text("hello", 1) if event["type"] != "content_block_stop"]
    answer = taken(messages_reader(), BEGIN, *events, stopped(), STOP)
    assert [type(event) for event in answer.events[:3]] == [ReasoningDelta, BlockEnd, TextDelta]
    assert answer.kept == [SIGNED]


def test_an_answer_with_a_stop_reason_is_whole() -> None:
    assert taken(messages_reader(), BEGIN, *text("hello"), stopped()).finish.reason == "stop"


@pytest.mark.parametrize(
    ("events", "complete"),
    [([], False), (text("hello"), True), (text("hello")[:2], False), (call("look", '{"a"')[:2], False)],
)
def test_an_end_marker_ends_an_answer_whose_parts_have_ended(events: list[Event], complete: bool) -> None:
    reader = messages_reader()
    for event in events:
        reader.read(json.dumps(event).encode())
    reader.end_marker()
    assert (reader.done, reader.whole, reader.complete) == (True, False, complete)


def test_an_error_behind_a_whole_answer_changes_nothing() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert taken(messages_reader(), BEGIN, *text("hello"), stopped(), error, STOP).text == "hello"


@pytest.mark.parametrize(
    ("reason", "read"), [("stop", "stop"), ("TOOL_USE", "tool-calls"), ("length", "length"), ("?", "other")]
)
def test_stop_reasons_of_other_wires_are_read(reason: str, read: str) -> None:
    assert taken(messages_reader(), BEGIN, *text("hello"), stopped(reason)).finish.reason == read


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        {"type": "error", "message": "Overloaded"},
        {"error": {"message": "Overloaded", "code": 529}},
        {"object": "error", "message": "Overloaded", "code": 503},
        {**BEGIN, "error": {"message": "Overloaded"}},
    ],
)
def test_errors_of_all_shapes_are_errors(event: Event) -> None:
    with pytest.raises(ModelAPIError, match="Overloaded") as failure:
        taken(messages_reader(), event)
    assert failure.value.retryable


@pytest.mark.parametrize(
    ("events", "inputs"),
    [
        (call("look", ""), ["{}"]),
        (call("look", '{"a":1}'), ['{"a":1}']),
        ([start(0, "tool_use", id="t1", name="look", input={"a": 1}), end(0)], ['{"a":1}']),
        ([start(0, "tool_use", id="t1", name="look", input='{"a":1}'), end(0)], ['{"a":1}']),
        (
            [start(0, "tool_use", id="t1", name="look", input={"a": 1}), *call("look", '{"a":1}')[1:]],
            ['{"a":1}'],
        ),
        ([start(0, "tool_use", id="t1", name="look", input={"a": 1}), *call("look", "{}")[1:]], ['{"a":1}']),
        (
            [start(0, "tool_use", id="t1", name="look"), more(0, "input_json", partial_json={"a": 1})],
            ['{"a":1}'],
        ),
        ([*call("look", '{"a":1}')[:1], *call("look", '{"a":1}')], ['{"a":1}']),
        (call("look", '{"a":1}') * 2, ['{"a":1}']),
        ([*call("look", '{"a":1}'), *call("look", '{"a":1}', index=1)], ['{"a":1}']),
        ([*call("look", '{"a":1}'), *call("look", '{"a":2}')], ['{"a":1}', '{"a":2}']),
        ([*call("look", '{"a":1}'), *call("find", '{"a":1}', index=1)], ['{"a":1}', '{"a":1}']),
        ([*call("look", '{"a":1}', None), *call("look", '{"a":1}', "", 1)], ['{"a":1}', '{"a":1}']),
        ([*call("look", '{"a":1}', 1), *call("look", '{"a":2}', 1, 1)], ['{"a":1}', '{"a":2}']),
    ],
)
def test_each_call_comes_once_with_its_whole_input(events: list[Event], inputs: list[str]) -> None:
    answer = taken(messages_reader(), BEGIN, *events, stopped("tool_use"), STOP)
    assert list(answer.inputs.values()) == inputs
    assert len(answer.started) == len(set(answer.started)) == len(inputs)
    assert all(answer.started)
    assert answer.finish.reason == "tool-calls"


def test_an_answer_that_begins_anew_counts_from_there() -> None:
    half = call("look", '{"a"', "first", 1)[:2]
    reader = messages_reader()
    answer = taken(
        reader,
        BEGIN,
        *thinking("One."),
        *half,
        BEGIN,
        *thinking("Two."),
        *call("look", "{}", "b", 1),
        stopped(),
        STOP,
    )
    assert (answer.reasoning, answer.started) == ("Two.", ["b"])


def test_a_start_that_is_sent_twice_is_no_new_beginning() -> None:
    reader = messages_reader()
    for event in (BEGIN, BEGIN, *text("a"), BEGIN, *text("b", 1), stopped()):
        reader.read(json.dumps(event).encode())
    events = reader.batch.take()
    assert not any(isinstance(event, Restart) for event in events)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "ab"


def test_reasoning_without_a_text_goes_back_with_what_follows() -> None:
    redacted = [start(1, "redacted_thinking", data="r"), end(1)]
    events = [*thinking(""), *redacted, *text("hello", 2), *thinking("", 3), *call("look", "{}", index=4)]
    answer = taken(messages_reader(), BEGIN, *events, stopped("tool_use"), STOP)
    assert not any(isinstance(event, ReasoningDelta) for event in answer.events)
    assert answer.kept == [{"before": [SIGNED, {"anthropic": {"redactedData": "r"}}]}]
    assert [event.metadata for event in answer.ends] == [{"before": [SIGNED]}]


@pytest.mark.parametrize(
    ("usages", "tokens"),
    [
        ([{"input_tokens": 9.0}, {"output_tokens": 5.0}], Tokens(input=9, output=5, total=14)),
        ([{"input_tokens": "9"}, {"output_tokens": None}], Tokens(input=9, total=9)),
        ([{"input_tokens": 9}, {"input_tokens": 0, "output_tokens": 5}], Tokens(input=9, output=5, total=14)),
        ([{"input_tokens": 0}, {"input_tokens": 9, "output_tokens": 5}], Tokens(input=9, output=5, total=14)),
        (
            [{"input_tokens": 100}, {"input_tokens": 20, "cache_read_input_tokens": 80, "output_tokens": 5}],
            Tokens(input=20, output=5, cache=CacheTokens(read=80), total=105),
        ),
        (
            [
                {"input_tokens": 20, "cache_read_input_tokens": 80},
                {"input_tokens": 20, "cache_read_input_tokens": 0},
            ],
            Tokens(input=20, cache=CacheTokens(read=80), total=100),
        ),
        (
            [
                {
                    "input_tokens": 1,
                    "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3},
                }
            ],
            Tokens(input=1, cache=CacheTokens(write=5), total=6),
        ),
        (
            [{"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}}, {"output_tokens": 0}],
            Tokens(output=5, reasoning=4, total=9),
        ),
        (
            [{"server_tool_use": {"web_search_requests": 2}, "input_tokens": -1}, None, "none"],
            Tokens(total=0),
        ),
    ],
)
def test_usage_is_what_was_counted_first_or_more(usages: list[Any], tokens: Tokens) -> None:
    events = [
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage} for usage in usages
    ]
    assert taken(messages_reader(), *events).finish.tokens == tokens


def test_a_whole_message_is_an_answer() -> None:
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "text", "text": "hello"},
        {"type": "tool_use", "id": "t1", "name": "look", "input": {"a": 1}},
        None,
    ]
    message = {"type": "message", "id": "msg_1", "model": "m", "content": content, "stop_reason": "tool_use"}
    answer = taken_whole(messages_reader(), {**message, "usage": {"input_tokens": 3, "output_tokens": 2}})
    assert (answer.reasoning, answer.text, answer.inputs) == ("Hm.", "hello", {"t1": '{"a":1}'})
    assert (answer.finish.reason, answer.finish.tokens.total, answer.finish.answer_id) == (
        "tool-calls",
        5,
        "msg_1",
    )
    assert taken(messages_reader(), message).text == "hello"
    assert taken(messages_reader(), {"type": "message_start", "message": message}, STOP).text == "hello"


def test_what_is_no_message_is_no_answer() -> None:
    with pytest.raises(ValueError, match="not a message"):
        messages_reader().read_answer(b'{"id": "x", "type": "message"}')
    with pytest.raises(ModelAPIError, match="Overloaded"):
        messages_reader().read_answer(b'{"type": "error", "error": {"message": "Overloaded"}}')


def test_an_answer_that_fills_the_window_is_an_overflow() -> None:
    with pytest.raises(ContextOverflow):
        taken(messages_reader(), BEGIN, *text("hello"), stopped("model_context_window_exceeded"), STOP)


SEARCH = [
    start(0, "server_tool_use", id="srv_1", name="web_search", input={}),
    more(0, "input_json", partial_json='{"query": "a [b]"}'),
    end(0),
    start(
        1,
        "web_search_tool_result",
        tool_use_id="srv_1",
        content=[
            {
                "type": "web_search_result",
                "url": "https://a.example/",
                "title": "A [x]",
                "encrypted_content": "e",
            },
            {"type": "web_search_result", "url": "javascript:alert(1)", "title": "B"},
        ],
    ),
    end(1),
    start(2, "text", text=""),
    more(2, "text", text="It is "),
    end(2),
    start(3, "text", text="", citations=[]),
    more(
        3,
        "citations",
        citation={"type": "web_search_result_location", "url": "https://a.example/", "title": "A"},
    ),
    more(3, "text", text="so"),
    end(3),
    start(4, "text", text=""),
    more(4, "text", text="."),
    end(4),
]


def test_a_search_at_the_provider_is_shown_and_goes_back_as_it_came() -> None:
    answer = taken(messages_reader(server_tools=True), BEGIN, *SEARCH, stopped(), STOP)
    assert answer.reasoning == "Searching for “a [b]”.- [A \\[x\\]](<https://a.example/>)"
    use, result, cited = answer.kept
    block = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "a [b]"}}
    assert use == {"anthropic": {"block": block}}
    assert result == {"anthropic": {"block": SEARCH[3]["content_block"]}}
    assert (answer.text, cited) == ("It is so.", {"citations": [{"url": "https://a.example/", "title": "A"}]})
    assert sum(isinstance(event, BlockEnd) for event in answer.events) == 3


def test_tools_of_the_provider_that_nobody_allowed_are_passed_over() -> None:
    answer = taken(messages_reader(), BEGIN, *SEARCH, stopped(), STOP)
    assert (answer.reasoning, answer.text, answer.started) == ("", "It is so.", [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}, "max uses exceeded"),
        ({"type": "code_execution_result", "stdout": "42\n", "return_code": 0}, "42"),
        ({"type": "web_fetch_result", "url": "https://a.example/", "content": {"title": "T"}}, "Read [T]"),
        ({"type": "web_fetch_result", "url": None}, "Done"),
        ([], "Nothing"),
        ("odd", "Done"),
        (None, "Done"),
    ],
)
def test_results_of_all_kinds_are_told(content: Any, words: str) -> None:
    result = start(0, "code_execution_tool_result", tool_use_id="s", content=content)
    assert words in taken(messages_reader(server_tools=True), BEGIN, result, stopped("pause_turn")).reasoning


def test_a_huge_result_goes_back_as_one_that_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opencode.provider.messages.server_tools.MAX_KEPT_BYTES", 100)
    result = start(
        0, "web_fetch_tool_result", tool_use_id="s", content={"url": "https://a.example/" + "x" * 100}
    )
    [kept] = taken(messages_reader(server_tools=True), BEGIN, result, stopped()).kept
    error = {"type": "web_fetch_tool_result_error", "error_code": "unavailable"}
    block = {"type": "web_fetch_tool_result", "tool_use_id": "s", "content": error}
    assert kept == {"anthropic": {"block": block}}


def test_an_answer_of_endless_blocks_is_stopped() -> None:
    events = [start(index, "tool_use", id="t1", name="look", input={}) for index in range(1001)]
    with pytest.raises(ModelAPIError, match="more than 1,000 parts"):
        taken(messages_reader(), BEGIN, *events)


def test_a_character_in_two_halves_is_one() -> None:
    halves = [start(0, "text"), more(0, "text", text="Hi \ud83d"), more(0, "text", text="\ude00")]
    inputs = [more(1, "input_json", partial_json=piece) for piece in ('{"a":"\ud83d', '\ude00"}')]
    events = [*halves, end(0), start(1, "tool_use", id="t1", name="look"), *inputs]
    answer = taken(messages_reader(), BEGIN, *events, stopped(), STOP)
    assert (answer.text, answer.inputs) == ("Hi 😀", {"t1": '{"a":"😀"}'})
