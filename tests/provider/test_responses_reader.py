"""Answers of the Responses API as servers send them that are like OpenAI, more or less."""

import json
from typing import Any

import pytest

from opencode.errors import ModelAPIError
from opencode.provider.base import BlockEnd, ReasoningDelta, TextDelta
from opencode.schema.part import CacheTokens, Tokens

from .reader_case import responses_reader, taken, taken_whole

Event = dict[str, Any]

CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "m", "status": "in_progress"}}
KEPT = {"openai": {"itemId": "rs_1", "reasoningEncryptedContent": "e"}}


def added(item: Event, index: Any = 0) -> Event:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(item: Event, index: Any = 0) -> Event:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def more(kind: str, delta: Any, index: Any = 0, **fields: Any) -> Event:
    return {"type": f"response.{kind}.delta", "output_index": index, "delta": delta, **fields}


def completed(*output: Event, **fields: Any) -> Event:
    return {
        "type": "response.completed",
        "response": {"status": "completed", "output": list(output), **fields},
    }


def message(words: str, item_id: Any = "msg_1", **fields: Any) -> Event:
    content = [{"type": "output_text", "text": words, "annotations": []}] if words else []
    return {"type": "message", "id": item_id, "role": "assistant", "content": content, **fields}


def text(words: str, index: Any = 0, item_id: Any = "msg_1") -> list[Event]:
    delta = more("output_text", words, index, item_id=item_id, content_index=0)
    return [added(message("", item_id), index), delta, done(message(words, item_id), index)]


def function(name: Any = "look", arguments: Any = "", call_id: Any = "c1", item_id: Any = "fc_1") -> Event:
    return {"type": "function_call", "id": item_id, "call_id": call_id, "name": name, "arguments": arguments}


def filled(words: Any, index: Any = 0, item_id: Any = "fc_1") -> Event:
    return more("function_call_arguments", words, index, item_id=item_id)


def whole_input(words: Any, index: Any = 0, item_id: Any = "fc_1") -> Event:
    kind = "response.function_call_arguments.done"
    return {"type": kind, "output_index": index, "item_id": item_id, "arguments": words}


def reasoning(words: str = "", encrypted: str | None = "e", item_id: Any = "rs_1") -> Event:
    summary = [{"type": "summary_text", "text": words}] if words else []
    return {"type": "reasoning", "id": item_id, "summary": summary, "encrypted_content": encrypted}


@pytest.mark.parametrize(
    "event",
    [
        more("output_text", None, None),
        more("output_text", {"text": "x"}, "zero"),
        more("reasoning_text", 7),
        added({"type": "hologram", "id": 7, "arguments": {}}, None),
        added({"type": None}),
        done({"type": "tool_search_call", "arguments": {"a": 1}, "call_id": None}),
        done({"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "q"}}),
        done({"type": "mcp_call", "name": "look", "arguments": "{}"}),
        {"type": "response.output_item.done", "item": "none"},
        {"type": "response.output_text.annotation.added", "annotation": 1},
        {"type": "response.content_part.done", "part": None},
        {"type": "response.something_new", "message": "hi", "code": None},
        {"type": "response.in_progress", "response": None},
        {"type": "keepalive", "sequence_number": "x"},
        {},
    ],
)
def test_an_odd_event_costs_nothing_else(event: Event) -> None:
    answer = taken(responses_reader(), CREATED, event, *text("hello", 1), completed())
    assert (answer.text, answer.reasoning, answer.started) == ("hello", "", [])
    assert answer.finish.reason == "stop"


WHOLE = message("hello")
DELTAS = (more("output_text", "hel", item_id="msg_1"), more("output_text", "lo", item_id="msg_1"))
WHOLE_TEXT = {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "hello"}
WHOLE_PART = {"type": "response.content_part.done", "output_index": 0, "part": WHOLE["content"][0]}
EMPTY = message("")


@pytest.mark.parametrize(
    "events",
    [
        [added(EMPTY), *DELTAS, WHOLE_TEXT, WHOLE_PART, done(WHOLE), completed(WHOLE)],
        [added(EMPTY), *DELTAS, completed()],
        [added(EMPTY), *DELTAS, done(EMPTY), completed(EMPTY)],
        [*DELTAS, completed(WHOLE)],
        [*DELTAS, done(WHOLE), completed(WHOLE)],
        [added(EMPTY), done(WHOLE), completed()],
        [added(EMPTY), WHOLE_TEXT, done(EMPTY), completed()],
        [added(EMPTY), WHOLE_PART, completed()],
        [WHOLE_TEXT, completed()],
        [done(WHOLE), WHOLE_TEXT, completed(WHOLE)],
        [done(WHOLE), done(WHOLE), completed(WHOLE)],
        [added(EMPTY), done(EMPTY), completed(WHOLE)],
        [completed(WHOLE)],
        [added(message("", "a")), *DELTAS, done(message("hello", "b")), completed(message("hello", "c"))],
        [
            added(message("", None), None),
            more("output_text", "hello", None),
            done(message("hello", None), None),
            completed(message("hello", None)),
        ],
        [{"type": "response.done", "response": {"output": [WHOLE]}}],
    ],
)
def test_a_text_comes_once_wherever_it_is(events: list[Event]) -> None:
    answer = taken(responses_reader(), CREATED, *events)
    assert (answer.text, answer.finish.reason) == ("hello", "stop")
    assert sum(isinstance(event, BlockEnd) for event in answer.events) == 1


def test_texts_that_come_only_at_the_end_come_in_their_order() -> None:
    output = (reasoning("Hm."), message("a", "m1"), function("look", "{}"), message("b", "m2"))
    answer = taken(responses_reader(), CREATED, completed(*output))
    assert (answer.reasoning, answer.text, answer.inputs) == ("Hm.", "ab", {"c1": "{}"})
    answer = taken(responses_reader(), CREATED, *text("a", 1, "m1"), completed(*output))
    assert (answer.text, answer.names) == ("ab", ["look"])


@pytest.mark.parametrize(
    ("events", "inputs"),
    [
        ([added(function()), filled('{"a"'), filled(":1}"), done(function("look", '{"a":1}'))], ['{"a":1}']),
        ([added(function()), filled('{"a":1}'), done(function())], ['{"a":1}']),
        ([added(function()), filled('{"a":1}'), done(function("look", "{}"))], ['{"a":1}']),
        ([added(function()), filled('{"a":1}')], ['{"a":1}']),
        ([added(function()), whole_input('{"a":1}')], ['{"a":1}']),
        ([added(function()), whole_input({"a": 1}), done(function())], ['{"a":1}']),
        ([added(function()), done(function("look", {"a": 1}))], ['{"a":1}']),
        ([added(function("look", '{"a":1}'))], ['{"a":1}']),
        ([done(function("look", '{"a":1}'))], ['{"a":1}']),
        ([completed(function("look", '{"a":1}'))], ['{"a":1}']),
        ([added(function()), done(function()), completed(function("look", '{"a":1}'))], ['{"a":1}']),
        ([added(function(None)), filled('{"a":1}'), done(function("look", '{"a":1}'))], ['{"a":1}']),
        ([added(function("look", "", None)), done(function("look", '{"a":1}', "c1"))], ['{"a":1}']),
        ([added(function(), None), filled('{"a":1}', None, None), done(function(), None)], ['{"a":1}']),
        ([added(function()), filled('{"a":1}', 5, "other"), done(function(item_id="more"))], ['{"a":1}']),
        ([added(function()), done(function())], [""]),
        ([done(function("look", '{"a":1}'))] * 2, ['{"a":1}']),
        (
            [done(function("look", '{"a":1}')), done(function("look", '{"a":1}', "c1", "fc_2"), 1)],
            ['{"a":1}'],
        ),
        (
            [done(function("look", '{"a":1}')), done(function("look", '{"a":2}', "c1", "fc_2"), 1)],
            ['{"a":1}', '{"a":2}'],
        ),
        (
            [done(function("look", '{"a":1}')), done(function("find", '{"a":1}', "c1", "fc_2"), 1)],
            ['{"a":1}', '{"a":1}'],
        ),
        (
            [
                added(function()),
                added(function("look", "", "c2", "fc_2")),
                filled('{"a":1}'),
                filled('{"a":2}', 0, "fc_2"),
                done(function("look", "", "c2", "fc_2")),
                done(function()),
            ],
            ['{"a":2}', '{"a":1}'],
        ),
        (
            [done(function("look", '{"a":1}', 7, "x")), done(function("look", '{"a":2}', "", "y"), 1)],
            ['{"a":1}', '{"a":2}'],
        ),
    ],
)
def test_each_call_comes_once_with_its_whole_input(events: list[Event], inputs: list[str]) -> None:
    last = [] if events[-1]["type"] == "response.completed" else [completed()]
    answer = taken(responses_reader(), CREATED, *events, *last)
    assert list(answer.inputs.values()) == inputs
    assert len(answer.started) == len(set(answer.started)) == len(inputs)
    assert all(answer.started)
    assert all(answer.names)
    assert answer.finish.reason == "tool-calls"


def test_the_whole_output_at_the_end_repeats_nothing() -> None:
    calls = function("look", '{"a":1}'), function("look", '{"a":1}', "c2", "fc_2")
    events = [*text("hello"), done(calls[0], 1), done(calls[1], 2), completed(message("hello"), *calls)]
    answer = taken(responses_reader(), CREATED, *events)
    assert (answer.text, list(answer.inputs)) == ("hello", ["c1", "c2"])


def test_reasoning_without_a_text_goes_back_with_what_follows() -> None:
    thought, second = reasoning(), reasoning("", "f", "rs_2")
    events = [
        added(thought),
        done(thought),
        *text("hello", 1),
        done(second, 2),
        done(function("look", "{}"), 3),
    ]
    answer = taken(responses_reader(), CREATED, *events, completed())
    assert not any(isinstance(event, ReasoningDelta) for event in answer.events)
    assert [kept.get("before") for kept in answer.kept] == [[KEPT]]
    before = {"openai": {"itemId": "rs_2", "reasoningEncryptedContent": "f"}}
    assert [event.metadata for event in answer.ends] == [{"before": [before]}]


def test_reasoning_that_is_not_encrypted_says_so() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "content": [{"type": "reasoning_text", "text": "Hm."}]}
    events = [added(reasoning("", None)), more("reasoning_text", "Hm.", content_index=0), done(thought)]
    kept = {"openai": {"itemId": "rs_1", "reasoningEncryptedContent": None}}
    for stream in (events, events[-1:]):
        answer = taken(responses_reader(), CREATED, *stream, completed(thought))
        assert (answer.reasoning, answer.kept) == ("Hm.", [kept])
    assert taken(responses_reader(), CREATED, done(reasoning("", None)), completed()).events[:-1] == []


def test_parts_of_a_summary_are_paragraphs() -> None:
    deltas = [
        more("reasoning_summary_text", words, summary_index=number)
        for number, words in [(0, "a"), (0, "b"), (1, "c"), (1, "d"), (None, "e")]
    ]
    assert taken(responses_reader(), CREATED, *deltas, completed()).reasoning == "ab\n\ncd\n\ne"


def test_a_message_keeps_its_id_its_phase_and_its_sources() -> None:
    cited = {"type": "url_citation", "url": "https://a.example/", "title": "A", "start_index": 0}
    part = {"type": "output_text", "text": "hello", "annotations": [cited, {"type": "file_citation"}]}
    item = {"type": "message", "id": "msg_1", "phase": "commentary", "content": [part]}
    again = {"type": "response.output_text.annotation.added", "annotation": cited}
    answer = taken(responses_reader(), CREATED, added(EMPTY), *DELTAS, again, done(item), completed())
    sources = [{"url": "https://a.example/", "title": "A"}]
    assert answer.kept == [{"openai": {"itemId": "msg_1", "phase": "commentary"}, "citations": sources}]


@pytest.mark.parametrize("kind", ["search", "open_page", "find_in_page", None])
def test_a_search_at_the_provider_is_shown_and_goes_back_as_it_came(kind: str | None) -> None:
    action = {"type": kind, "query": "q", "pattern": "p", "sources": [{"url": "https://a.example/"}, 1]}
    action["url"] = None if kind in ("search", None) else "https://b.example/"
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": action}
    events = [
        done(reasoning()),
        added({"type": "web_search_call", "id": "ws_1"}, 1),
        done(item, 1),
        done(item, 1),
    ]
    answer = taken(responses_reader(server_tools=True), CREATED, *events, *text("so", 2), completed(item))
    assert answer.kept[0] == {"openai": {"item": item}, "before": [KEPT]}
    assert "a.example" in answer.reasoning or "b.example" in answer.reasoning
    assert (answer.text, len(answer.kept)) == ("so", 2)
    only_at_the_end = taken(responses_reader(server_tools=True), CREATED, completed(item, message("so")))
    assert only_at_the_end.kept[0] == {"openai": {"item": item}}


@pytest.mark.parametrize(
    "event",
    [
        completed(status="failed", error={"code": "server_error", "message": "It broke"}),
        completed(error={"code": "server_error", "message": "It broke"}),
        {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "It broke"}}},
        {"type": "response.failed", "error": {"code": "server_error", "message": "It broke"}},
        {
            "type": "response.done",
            "response": {"status": "failed", "error": {"code": 500, "message": "It broke"}},
        },
        {"type": "error", "error": {"type": "server_error", "message": "It broke"}},
        {"type": "error", "code": "server_error", "message": "It broke"},
        {"error": {"message": "It broke", "code": 500}},
        {"object": "error", "message": "It broke", "code": 500},
        {"type": "response.in_progress", "error": {"message": "It broke", "code": 500}},
    ],
)
def test_errors_of_all_shapes_are_errors(event: Event) -> None:
    with pytest.raises(ModelAPIError, match="It broke") as failure:
        taken(responses_reader(), CREATED, event)
    assert failure.value.retryable


def test_what_comes_behind_a_whole_answer_changes_nothing() -> None:
    failed = {
        "type": "response.failed",
        "response": {"error": {"code": "server_error", "message": "It broke"}},
    }
    late = [{"type": "error", "message": "It broke"}, failed, *text("more", 1)]
    assert taken(responses_reader(), CREATED, *text("hello"), completed(), *late).text == "hello"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"incomplete_details": {"reason": "content_filter"}}, "content-filter"),
        ({"incomplete_details": None}, "other"),
        ({"incomplete_details": "full"}, "other"),
    ],
)
def test_an_incomplete_response_tells_why(fields: dict[str, Any], reason: str) -> None:
    for kind in ("response.completed", "response.incomplete"):
        event = {**completed(**{"status": "incomplete", **fields}), "type": kind}
        assert taken(responses_reader(), CREATED, *text("hello"), event).finish.reason == reason


def test_a_refusal_that_comes_only_at_the_end_is_one() -> None:
    item = {"type": "message", "id": "m", "content": [{"type": "refusal", "refusal": "No."}]}
    refused = {"type": "response.refusal.done", "output_index": 0, "refusal": "No."}
    for events in ([done(item)], [refused], [completed(item)]):
        answer = taken(responses_reader(), CREATED, *events, completed())
        assert (answer.text, answer.finish.reason) == ("No.", "content-filter")


@pytest.mark.parametrize(
    ("events", "complete"),
    [([], False), (text("hello"), True), (text("hello")[:2], False), ([added(function())], False)],
)
def test_an_end_marker_ends_an_answer_whose_parts_have_ended(events: list[Event], complete: bool) -> None:
    reader = responses_reader()
    for event in (CREATED, *events):
        reader.read(json.dumps(event).encode())
    reader.end_marker()
    assert (reader.done, reader.whole, reader.complete) == (True, False, complete)


def test_an_answer_that_begins_anew_counts_from_there() -> None:
    half = [added(EMPTY), DELTAS[0], added(function(), 1), filled('{"a"', 1)]
    again = [*text("hello"), done(function("look", "{}", "c2", "fc_2"), 1)]
    answer = taken(responses_reader(), CREATED, *half, CREATED, *again, completed())
    assert (answer.text, answer.started) == ("hello", ["c2"])


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"input_tokens": 3, "output_tokens": None}, Tokens(input=3, total=3)),
        (
            {"input_tokens": "3", "output_tokens": 5.0, "total_tokens": None},
            Tokens(input=3, output=5, total=8),
        ),
        ({"prompt_tokens": 3, "completion_tokens": 5}, Tokens(input=3, output=5, total=8)),
        (
            {
                "input_tokens": 9,
                "output_tokens": 5,
                "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": None},
                "output_tokens_details": {"reasoning_tokens": 2},
                "total_tokens": 14,
            },
            Tokens(input=5, output=3, reasoning=2, cache=CacheTokens(read=4), total=14),
        ),
        (
            {"input_tokens": 9, "output_tokens": 5, "total_tokens": 34}
            | {"output_tokens_details": {"reasoning_tokens": 20}},
            Tokens(input=9, output=5, reasoning=20, total=34),
        ),
        (
            {"input_tokens": 9, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 90}}
            | {"total_tokens": 104},
            Tokens(input=9, output=5, cache=CacheTokens(read=90), total=104),
        ),
        ({"input_tokens_details": [], "output_tokens_details": None}, Tokens(total=0)),
        (None, Tokens(total=0)),
    ],
)
def test_usage_is_counted_in_all_forms(usage: Any, tokens: Tokens) -> None:
    assert taken(responses_reader(), CREATED, *text("hello"), completed(usage=usage)).finish.tokens == tokens


def test_a_whole_response_is_an_answer() -> None:
    output = [reasoning("Hm."), message("hello"), function("look", '{"a":1}'), None, {"type": "hologram"}]
    usage = {"input_tokens": 3, "output_tokens": 2}
    response = {"object": "response", "id": "resp_1", "status": "completed", "output": output, "usage": usage}
    for answer in (taken_whole(responses_reader(), response), taken(responses_reader(), response)):
        assert (answer.reasoning, answer.text, answer.inputs) == ("Hm.", "hello", {"c1": '{"a":1}'})
        assert answer.kept == [KEPT, {"openai": {"itemId": "msg_1"}}]
        assert (answer.finish.reason, answer.finish.tokens.total) == ("tool-calls", 5)
        assert answer.finish.answer_id == "resp_1"


def test_what_is_no_response_is_no_answer() -> None:
    with pytest.raises(ValueError, match="not a response"):
        responses_reader().read_answer(b'{"object": "list", "data": []}')
    with pytest.raises(ModelAPIError, match="It broke"):
        responses_reader().read_answer(b'{"status": "failed", "error": {"message": "It broke"}}')


def test_text_is_read_between_calls_and_reasoning_that_never_end() -> None:
    events = [
        added(reasoning("", None)),
        more("reasoning_summary_text", "Hm.", summary_index=0),
        added(message("", "m1"), 1),
        more("output_text", "a", 1),
        added(function(), 2),
        filled("{}", 2),
        added(message("", "m2"), 3),
        more("output_text", "b", 3),
        done(reasoning("Hm.", "late")),
    ]
    answer = taken(responses_reader(), CREATED, *events, completed())
    kinds = [
        type(event) for event in answer.events if isinstance(event, ReasoningDelta | TextDelta | BlockEnd)
    ]
    assert kinds == [ReasoningDelta, BlockEnd, TextDelta, BlockEnd, TextDelta, BlockEnd]
    assert (answer.reasoning, answer.text, answer.inputs) == ("Hm.", "ab", {"c1": "{}"})


def test_an_answer_of_endless_items_is_stopped() -> None:
    events = [added(function("look", "", f"c{index}", f"fc_{index}"), index) for index in range(1001)]
    for stream in (events, [completed(*(event["item"] for event in events))]):
        with pytest.raises(ModelAPIError, match="more than 1,000 parts"):
            taken(responses_reader(), CREATED, *stream)


def test_a_character_in_two_halves_is_one() -> None:
    inputs = [filled(piece, 1) for piece in ('{"a":"\ud83d', '\ude00"}')]
    halves = [more("output_text", "Hi \ud83d"), more("output_text", "\ude00")]
    answer = taken(responses_reader(), CREATED, *halves, added(function(), 1), *inputs, completed())
    assert (answer.text, answer.inputs) == ("Hi 😀", {"c1": '{"a":"😀"}'})
