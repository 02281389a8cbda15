"""Errors in successful answers: every shape that servers use is found, and told as its like with a status."""

from typing import Any

import pytest

from opencode.errors import ContextOverflow, ModelAPIError
from opencode.provider.wire.errors import ProviderErrors

ERRORS = ProviderErrors("local", "http://model.test/v1", "sk-secret-0123456789", {})

SHAPES: dict[str, tuple[Any, str, bool, int | None]] = {
    # the shape, its words, whether to retry, its status
    "openai": ({"error": {"message": "Gone", "type": "x", "code": "y"}}, "Gone", False, None),
    "a sentence": ({"error": "Gone away"}, "Gone away", False, None),
    "a number": ({"error": 503}, "without a message", True, 503),
    "true beside words": ({"error": True, "message": "Gone"}, "Gone", False, None),
    "a code beside words": ({"error": "rate_limited", "message": "Slow down"}, "Slow down", True, None),
    "a status beside it": ({"error": "Not found", "status": 404}, "Not found", False, 404),
    "anthropic": (
        {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}},
        "Busy",
        True,
        None,
    ),
    "anthropic without the inner one": ({"type": "error", "message": "Gone"}, "Gone", False, None),
    "responses": ({"type": "error", "code": "server_error", "message": "Gone"}, "Gone", True, None),
    "vllm": (
        {"object": "error", "message": "EngineCore", "type": "InternalServerError", "code": 500},
        "EngineCore",
        True,
        500,
    ),
    "vllm, in the request": (
        {"object": "error", "message": "Gone", "type": "NotFoundError", "code": 404},
        "Gone",
        False,
        404,
    ),
    "deepinfra": (
        {"id": "x", "choices": None, "error_type": "PaymentRequired", "error_message": "Not enough balance"},
        "Not enough balance",
        False,
        None,
    ),
    "fastapi": ({"detail": "Not enough credits"}, "Not enough credits", False, None),
    "fastapi, a list": (
        {"detail": [{"loc": ["body"], "msg": "field required"}]},
        "field required",
        False,
        None,
    ),
    "status and message": ({"status": 429, "message": "Slow down"}, "Slow down", True, 429),
    "status in words": ({"status": "error", "message": "Gone"}, "Gone", False, None),
    "message alone": ({"message": "Internal server error"}, "Internal server error", True, None),
    "choices null": ({"choices": None, "message": "Gone"}, "Gone", False, None),
    "alibaba": ({"code": "InvalidParameter", "message": "Gone", "request_id": "r"}, "Gone", False, None),
    "minimax": (
        {"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
        "insufficient balance",
        False,
        None,
    ),
    "google, in a list": (
        [{"error": {"code": 503, "message": "Busy", "status": "UNAVAILABLE"}}],
        "Busy",
        True,
        503,
    ),
    "google, without a number": ({"error": {"message": "Busy", "status": "UNAVAILABLE"}}, "Busy", True, None),
    "cloudflare": (
        {"success": False, "errors": [{"code": 7009, "message": "Upstream timed out"}], "result": None},
        "Upstream timed out",
        True,
        None,
    ),
    "problem json": (
        {"type": "https://x.test/errors/1", "title": "t", "status": 402, "detail": "Pay"},
        "Pay",
        False,
        402,
    ),
    "words of a passing failure": (
        {"error": "The server is overloaded, try again later"},
        "over",
        True,
        None,
    ),
    "a spent quota": (
        {"error": {"message": "You exceeded your quota", "code": "insufficient_quota", "status": 429}},
        "You exceeded",
        False,
        429,
    ),
    "a lone half of a character": ({"error": "half \ud83d"}, "half", False, None),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_an_error_is_told_in_its_own_words(name: str) -> None:
    shape, words, retryable, status = SHAPES[name]
    error = ERRORS.found_in(shape)
    assert isinstance(error, ModelAPIError)
    assert words in error.message
    assert (error.retryable, error.status) == (retryable, status)


@pytest.mark.parametrize("field", ["message", "detail", "error_message", "error"])
def test_a_full_context_is_told_apart_in_every_shape(field: str) -> None:
    words = "This model's maximum context length is 8192 tokens."
    assert isinstance(ERRORS.found_in({field: words}), ContextOverflow)
    assert isinstance(ERRORS.found_in({"error": {"message": "no", "code": 413}}), ContextOverflow)


def test_a_refused_key_in_a_stream_tells_where_to_set_it_and_not_the_key() -> None:
    error = ERRORS.found_in({"object": "error", "message": "bad key sk-secret-0123456789", "code": 401})
    assert error is not None
    assert "PUT /auth/local" in error.message
    assert "sk-secret" not in repr(vars(error))


@pytest.mark.parametrize(
    "value",
    [
        {},
        None,
        [],
        [1],
        "words",
        7,
        {"choices": []},
        {"error": None, "choices": []},
        {"error": "", "choices": None},
        {"choices": [{"delta": {}}], "message": "Hi"},
        {"type": "message_start", "message": {"id": "m"}},
        {"type": "ping"},
        {"type": "ping", "message": "still there"},
        {"type": "response.code_interpreter_call_code.done", "code": "print(1)"},
        {"object": "response", "status": "completed", "error": None, "output": []},
        {"status": "loading", "message": "Loading the model"},
        {"status": 200, "message": "fine"},
        {"code": 0, "message": "success"},
        {"code": "ok", "message": "fine", "status": 200},
        {"choices": [], "usage": {"prompt_tokens": 1}, "message": "x"},
        {"choices": None, "base_resp": {"status_code": 0, "status_msg": ""}},
    ],
)
def test_what_is_no_error_is_none(value: Any) -> None:
    assert ERRORS.found_in(value) is None
