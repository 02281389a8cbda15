"""Odd answers of Chat Completions, as data, with what should come of each."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .answer import Raw, Step, Whole
from .quirks import DONE, data


@dataclass(frozen=True)
class Expected:
    """What should come of a stream; `calls`: name and input, as JSON."""

    text: str = "hello"
    reasoning: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    reason: str = "stop"
    kept: tuple[dict[str, Any], ...] = field(default=())


def chunk(delta: Any = None, finish: Any = None, **more: Any) -> bytes:
    """Return a chunk of Chat Completions with one choice; `more`: fields beside `choices`."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return data({"id": "c", "choices": [choice], **more})


def calls(*calls: dict[str, Any]) -> bytes:
    """Return a chunk with deltas of calls."""
    return chunk({"tool_calls": list(calls)})


def call(name: str | None, arguments: Any, **more: Any) -> dict[str, Any]:
    """Return a delta of a call."""
    function = {"arguments": arguments} | ({} if name is None else {"name": name})
    return {"type": "function", "function": function, **more}


def _hello(*first: bytes, between: Iterable[bytes] = ()) -> Raw:
    """Return "hello" in two pieces, behind and between other chunks."""
    return Raw(
        (*first, chunk({"content": "he"}), *between, chunk({"content": "llo"}), chunk({}, "stop"), DONE)
    )


def answer(*chunks: bytes, finish: Any = "stop") -> Raw:
    """Return a stream of chunks and its end."""
    return Raw((*chunks, chunk({}, finish), DONE))


def whole(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return an answer that is not streamed."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "choices": [choice], **more}


HELLO = Expected()
THOUGHT = Expected("hello", "plan")

ODD_CHUNKS: dict[str, Any] = {
    "choices [null]": {"choices": [None]},
    "choices an object": {"choices": {}},
    "choices a text": {"choices": "none"},
    "a choice without delta": {"choices": [{"index": 0}]},
    "delta null": {"choices": [{"delta": None}]},
    "delta a list": {"choices": [{"delta": []}]},
    "delta a text": {"choices": [{"delta": "x"}]},
    "tool_calls {}": {"choices": [{"delta": {"content": "", "tool_calls": {}}}]},
    "tool_calls [null]": {"choices": [{"delta": {"content": "", "tool_calls": [None]}}]},
    "tool_calls a text": {"choices": [{"delta": {"tool_calls": "none"}}]},
    "a call with nothing in it": {"choices": [{"delta": {"tool_calls": [{}]}}]},
    "a call with a number for a function": {"choices": [{"delta": {"tool_calls": [{"function": 7}]}}]},
    "content a number": {"choices": [{"delta": {"content": 7}}]},
    "content an object": {"choices": [{"delta": {"content": {"type": "image"}}}]},
    "reasoning a number": {"choices": [{"delta": {"reasoning": 7}}]},
    "reasoning_details a text": {"choices": [{"delta": {"reasoning_details": "x"}}]},
    "refusal false": {"choices": [{"delta": {"refusal": False}}]},
    "function_call a text": {"choices": [{"delta": {"function_call": "none"}}]},
    "finish_reason false": {"choices": [{"delta": {}, "finish_reason": False}]},
    "finish_reason empty": {"choices": [{"delta": {}, "finish_reason": ""}]},
    "finish_reason in words of nothing": {"choices": [{"delta": {}, "finish_reason": "null"}]},
    "index a text": {"choices": [{"index": "first", "delta": {}}]},
    "usage a number": {"choices": [], "usage": 7},
    "usage 7.5": {"choices": [], "usage": {"prompt_tokens": 7.5, "completion_tokens": "many"}},
    "usage huge": {"choices": [], "usage": {"prompt_tokens": 10**40, "completion_tokens": -3}},
    "usage details a list": {"choices": [], "usage": {"prompt_tokens_details": []}},
    "id a number, model null": {"id": 7, "model": None, "choices": []},
    "id an object": {"id": {}, "model": [], "choices": []},
    "error null": {"error": None, "choices": []},
    "x_groq a text": {"x_groq": "x", "choices": []},
    "citations a number": {"choices": [], "citations": 7, "search_results": {"a": 1}, "usage": {}},
    "annotations a number": {"choices": [{"delta": {"annotations": 7}}]},
    "nothing": {},
}
"""Chunks with one field that is not as expected; each is passed over."""

TEXTS: dict[str, tuple[Step, Expected]] = {
    **{
        f"odd: {name}": (_hello(data(value), between=[data(value)]), HELLO)
        for name, value in ODD_CHUNKS.items()
    },
    "finish_reason a number": (Raw((chunk({"content": "hello"}, 1),)), Expected(reason="other")),
    "finish_reason in capitals": (Raw((chunk({"content": "hello"}, "STOP"),)), HELLO),
    "content in parts": (answer(chunk({"content": [{"type": "text", "text": "hel"}, "lo", 7]})), HELLO),
    "a thought in parts": (
        answer(
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "plan"}]}]}),
            chunk({"content": [{"type": "text", "text": "hello"}]}),
        ),
        THOUGHT,
    ),
    "reasoning as an object": (
        answer(chunk({"reasoning": {"content": "plan"}}), chunk({"content": "hello"})),
        Expected("hello", "plan", kept=({"reasoning_field": "reasoning"},)),
    ),
    "reasoning in two fields": (
        answer(chunk({"reasoning_content": "plan", "reasoning": "plan"}), chunk({"content": "hello"})),
        Expected("hello", "plan", kept=({"reasoning_field": "reasoning_content"},)),
    ),
    "a message instead of a delta": (Raw((data(whole({"content": "hello"})), DONE)), HELLO),
    "a whole message at the end": (
        Raw((chunk({"content": "hel"}), chunk({"content": "lo"}), data(whole({"content": "hello"})), DONE)),
        HELLO,
    ),
    "messages that have all so far": (
        Raw(
            (
                data({"choices": [{"message": {"content": "hel"}}]}),
                data({"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}),
            )
        ),
        HELLO,
    ),
    "messages that have the next piece": (
        Raw(
            (
                data({"choices": [{"message": {"content": "hel"}}]}),
                data({"choices": [{"message": {"content": "lo"}, "finish_reason": "stop"}]}),
            )
        ),
        HELLO,
    ),
    "text of the older API": (Raw((data({"choices": [{"text": "hello", "finish_reason": "stop"}]}),)), HELLO),
    "a whole answer in JSON": (Whole(whole({"content": "hello"})), HELLO),
    "a whole answer behind blanks": (Whole(whole({"content": "hello"}), before="\n  \n"), HELLO),
    "a whole answer as an event stream": (Whole(whole({"content": "hello"}), "text/event-stream"), HELLO),
    "a whole answer in a list": (Whole([whole({"content": "hello"})]), HELLO),
    "no finish reason": (Raw((chunk({"content": "hello"}), DONE)), HELLO),
    "an error behind the end": (
        Raw((chunk({"content": "hello"}, "stop"), data({"error": {"message": "late"}}), DONE)),
        HELLO,
    ),
    "an emoji in halves": (
        answer(
            *(
                b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % half
                for half in (rb"Hi \ud83d", rb"\ude00!")
            )
        ),
        Expected("Hi \U0001f600!"),
    ),
    "a thought's emoji in halves": (
        answer(
            *(
                b'data: {"choices":[{"delta":{"reasoning_content":"%b"}}]}\n\n' % half
                for half in (rb"\ud83d", rb"\ude00")
            ),
            chunk({"content": "hello"}),
        ),
        Expected("hello", "\U0001f600", kept=({"reasoning_field": "reasoning_content"},)),
    ),
    "halves that stay alone": (
        answer(b'data: {"choices":[{"delta":{"content":"a\\ud83d b\\ude00"}}]}\n\n'),
        Expected("a\ufffd b\ufffd"),
    ),
    "thoughts in tags": (answer(chunk({"content": "<think>\nplan\n</think>\n\nhello"})), THOUGHT),
    "thoughts in tags, cut anywhere": (
        answer(*(chunk({"content": letter}) for letter in "\n<think>\nplan\n</think>\n\nhello")),
        THOUGHT,
    ),
    "thoughts in other tags": (answer(chunk({"content": "<Thinking>plan</THINKING>hello"})), THOUGHT),
    "no thought in tags": (answer(chunk({"content": "<think>\n\n</think>\n\nhello"})), HELLO),
    "thoughts without an end": (answer(chunk({"content": "<think>plan </th"})), Expected("", "plan </th")),
    "tags in the middle": (
        answer(chunk({"content": "a <think>b</think>"})),
        Expected("a <think>b</think>"),
    ),
    "what looks like a tag": (
        answer(*(chunk({"content": letter}) for letter in "<thinner>")),
        Expected("<thinner>"),
    ),
    "reasoning only in details": (
        answer(
            chunk({"reasoning_details": [{"type": "reasoning.text", "text": "pl", "index": 0}]}),
            chunk({"reasoning_details": [{"type": "reasoning.text", "text": "an", "index": 0}]}),
            chunk(
                {
                    "reasoning_details": [{"type": "reasoning.text", "signature": "s", "index": 0}],
                    "content": "hello",
                }
            ),
        ),
        Expected(
            "hello",
            "plan",
            kept=(
                {
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "plan", "index": 0, "signature": "s"}
                    ]
                },
            ),
        ),
    ),
    "details behind the text": (
        answer(
            chunk(
                {"reasoning": "plan", "reasoning_details": [{"type": "reasoning.summary", "summary": "plan"}]}
            ),
            chunk({"content": "hello"}),
            chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "e", "index": 1}]}),
        ),
        Expected(
            "hello",
            "plan",
            kept=(
                {
                    "reasoning_details": [{"type": "reasoning.summary", "summary": "plan"}],
                    "reasoning_field": "reasoning",
                },
                {"reasoning_details": [{"type": "reasoning.encrypted", "data": "e", "index": 1}]},
            ),
        ),
    ),
    "sources of Perplexity": (
        Raw(
            (
                chunk({"content": "hello"}, citations=["https://a.test", "https://b.test"]),
                chunk(
                    {},
                    "stop",
                    citations=["https://a.test", "https://b.test"],
                    search_results=[{"title": "A", "url": "https://a.test"}],
                ),
            )
        ),
        Expected(
            kept=(
                {
                    "citations": [
                        {"url": "https://a.test", "title": "A"},
                        {"url": "https://b.test", "title": ""},
                    ]
                },
            )
        ),
    ),
    "sources at the beginning alone": (
        Raw(
            (
                chunk({"content": "hel"}, citations=["https://a.test"], search_results=[]),
                chunk({"content": "lo"}),
                chunk({}, "stop"),
            )
        ),
        Expected(kept=({"citations": [{"url": "https://a.test", "title": ""}]},)),
    ),
    "sources as annotations": (
        answer(
            chunk({"content": "hello"}),
            chunk(
                {
                    "content": "",
                    "annotations": [
                        {"type": "url_citation", "url_citation": {"url": "https://a.test", "title": "A"}},
                        {
                            "type": "url_citation",
                            "url_citation": {"url": "javascript:alert(1)", "title": "B"},
                        },
                    ],
                }
            ),
        ),
        Expected(kept=({"citations": [{"url": "https://a.test", "title": "A"}]},)),
    ),
}
"""Streams and answers of Chat Completions, by what is odd about them, and what should come of each."""
