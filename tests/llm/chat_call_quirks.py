"""Odd tool calls of Chat Completions, and answers that are failures, as data."""

from .answer import Raw, Step, Whole
from .chat_quirks import Expected, answer, call, calls, chunk, whole
from .quirks import DONE, data

A, B = '{"word":"one"}', '{"word":"two"}'
TWO = Expected("", calls=(("lookup", A), ("other", B)), reason="tool-calls")
TWICE = Expected("", calls=(("lookup", A), ("lookup", B)), reason="tool-calls")
ONE = Expected("", calls=(("lookup", A),), reason="tool-calls")

CALLS: dict[str, tuple[Step, Expected]] = {
    "a call's emoji in halves": (
        answer(
            b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"lookup",'
            b'"arguments":"{\\"word\\":\\"\\ud83d"}}]}}]}\n\n',
            b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":'
            b'{"arguments":"\\ude00\\"}"}}]}}]}\n\n',
        ),
        Expected("", calls=(("lookup", '{"word":"\U0001f600"}'),), reason="tool-calls"),
    ),
    "the same id twice": (
        answer(calls(call("lookup", A, index=0, id="x"), call("other", B, index=1, id="x"))),
        TWO,
    ),
    "the same id and index twice": (
        answer(calls(call("lookup", A, index=0, id="x")), calls(call("other", B, index=0, id="x"))),
        TWO,
    ),
    "the same id, index and name twice": (
        answer(calls(call("lookup", A, index=0, id="x")), calls(call("lookup", B, index=0, id="x"))),
        TWICE,
    ),
    "all calls at index 0, ids empty": (
        answer(calls(call("lookup", A, index=0, id="")), calls(call("other", B, index=0, id=""))),
        TWO,
    ),
    "all calls at index 0, without ids": (
        answer(calls(call("lookup", A, index=0), call("other", B, index=0))),
        TWO,
    ),
    "the same tool twice at index 0": (
        answer(calls(call("lookup", A, index=0), call("lookup", B, index=0))),
        TWICE,
    ),
    "without index and id": (answer(calls(call("lookup", A)), calls(call("other", B))), TWO),
    "ids that are numbers": (
        answer(calls(call("lookup", A, index=0, id=1)), calls(call("other", B, index=1, id=2))),
        TWO,
    ),
    "an index that is a text": (
        answer(calls(call("lookup", A, index="0", id="a")), calls(call("other", B, index="1", id="b"))),
        TWO,
    ),
    "ids null": (
        answer(calls(call("lookup", A, index=0, id=None), call("other", B, index=1, id=None))),
        TWO,
    ),
    "a call given twice": (
        answer(
            calls(call("lookup", A[:6], index=0, id="x")),
            calls(call(None, A[6:], index=0)),
            calls(call("lookup", A, index=0, id="x")),
        ),
        ONE,
    ),
    "a call given twice, without ids": (answer(calls(call("lookup", A)), calls(call("lookup", A))), ONE),
    "an input that has all so far": (
        answer(*(calls(call("lookup", A[:size], index=0, id="x")) for size in (3, 7, len(A)))),
        ONE,
    ),
    "an input that is whole at the end": (
        answer(
            calls(call("lookup", "", index=0, id="x")),
            *(calls(call(None, piece, index=0)) for piece in (A[:5], A[5:], A)),
        ),
        ONE,
    ),
    "an empty object before the input": (
        answer(calls(call("lookup", "{}", index=0, id="x")), calls(call(None, A, index=0))),
        ONE,
    ),
    "an input that is an object": (answer(calls(call("lookup", {"word": "one"}, index=0))), ONE),
    "a name in pieces": (
        answer(
            calls(call("loo", "", index=0, id="x")),
            calls(call("kup", "", index=0)),
            calls(call(None, A, index=0)),
        ),
        ONE,
    ),
    "a name that grows": (
        answer(calls(call("loo", "", index=0, id="x")), calls(call("lookup", A, index=0, id="x"))),
        ONE,
    ),
    "a name in every delta": (
        answer(*(calls(call("lookup", piece, index=0, id="x")) for piece in (A[:4], A[4:9], A[9:]))),
        ONE,
    ),
    "a name in every delta, nothing else": (
        answer(*(calls(call("lookup", piece)) for piece in (A[:4], A[4:9], A[9:]))),
        ONE,
    ),
    "a call without `function`": (answer(calls({"index": 0, "name": "lookup", "arguments": A})), ONE),
    "a call of the older API": (
        answer(
            chunk({"function_call": {"name": "lookup", "arguments": A[:5]}}),
            chunk({"function_call": {"arguments": A[5:]}}),
            finish="function_call",
        ),
        ONE,
    ),
    "a signature of Gemini's": (
        answer(calls(call("lookup", A, index=0, extra_content={"google": {"thought_signature": "s"}}))),
        Expected(
            "",
            calls=(("lookup", A),),
            reason="tool-calls",
            kept=({"extra_content": {"google": {"thought_signature": "s"}}},),
        ),
    ),
    "a message with calls": (
        Raw((data(whole({"content": None, "tool_calls": [call("lookup", A), call("other", B)]})),)),
        TWO,
    ),
    "calls again in the whole message": (
        Raw(
            (
                calls(call("lookup", A, index=0, id="a")),
                calls(call("other", B, index=1, id="b")),
                data(whole({"tool_calls": [call("lookup", A, id="a"), call("other", B, id="b")]})),
            )
        ),
        TWO,
    ),
    "thoughts in tags before a call": (
        answer(chunk({"content": "<think>plan"}), calls(call("lookup", A, index=0))),
        Expected("", "plan", calls=(("lookup", A),), reason="tool-calls"),
    ),
    "a whole answer with a call": (Whole(whole({"tool_calls": [call("lookup", A)]})), ONE),
}
"""Streams and answers with calls, by what is odd about them, and what should come of each."""

FAILURES: dict[str, Step] = {
    "nothing but an end marker": Raw((DONE,)),
    "an empty message": Raw((chunk({"role": "assistant", "content": ""}), DONE)),
    "half a call, then an end marker": Raw((calls(call("lookup", A[:5], index=0)), DONE)),
    "half an answer, then an error": Raw(
        (
            chunk({"content": "half"}),
            data({"object": "error", "message": "EngineCore", "type": "InternalServerError", "code": 500}),
            DONE,
        )
    ),
    "an error for a finish reason": Raw((chunk({"content": "half"}, "error"), DONE)),
    "an error in a choice": Raw(
        (
            data(
                {"choices": [{"delta": {}, "finish_reason": "error", "error": {"code": 502, "message": "x"}}]}
            ),
        )
    ),
    "DeepSeek's lack of resources": Raw((chunk({"content": "half"}, "insufficient_system_resource"),)),
    "an error in JSON": Whole({"error": {"message": "busy", "code": 503}}),
    "an error in a list": Whole([{"error": {"message": "busy", "code": 503}}]),
    "half of a JSON": Whole(whole({"content": "hello"}), length=40),
}
"""Answers of Chat Completions that are failures and worth another try."""
