"""Refusals and connections that fail: what each wire makes of them."""

import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from opencode.errors import ContextOverflow, ModelAPIError, ModelAuthError
from opencode.provider.wire.errors import retry_after
from tests.llm.server import LLM, Answer, Drop, Silence, Status

from .wire_case import KEY, WIRES, adapter, answer_of, asking, take


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM(title=None) as server:
        yield server


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_no_answer_at_all_is_a_retryable_error_that_names_the_seconds(llm: LLM, wire: str) -> None:
    llm.script(Silence())
    with pytest.raises(ModelAPIError, match=r"did not answer within 0\.2 seconds") as failure:
        await answer_of(wire, llm, header_s=0.2)
    assert failure.value.retryable


async def test_something_that_is_no_event_stream_is_quoted_and_not_retried(llm: LLM, wire: str) -> None:
    llm.script(Status(200, body="<h1>Welcome</h1>" * 100, content_type="text/html"))
    with pytest.raises(ModelAPIError, match="text/html instead of an event stream: <h1>Welcome") as failure:
        await answer_of(wire, llm)
    assert not failure.value.retryable
    assert failure.value.body is not None
    assert len(failure.value.body) == 500


async def test_a_connection_dropped_before_the_answer_is_retryable(llm: LLM, wire: str) -> None:
    llm.script(Drop())
    with pytest.raises(ModelAPIError, match="closed the connection without an answer") as failure:
        await answer_of(wire, llm)
    assert failure.value.retryable


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
async def test_a_passing_failure_is_retryable(llm: LLM, wire: str, status: int) -> None:
    llm.script(Status(status, "busy", headers={"Retry-After": "7"}))
    with pytest.raises(ModelAPIError, match=r"^busy$") as failure:
        await answer_of(wire, llm)
    assert (failure.value.status, failure.value.retryable, failure.value.retry_after) == (status, True, 7.0)
    assert len(llm.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_a_lasting_failure_is_not_retryable(llm: LLM, wire: str, status: int) -> None:
    llm.script(Status(status, "no such model"))
    with pytest.raises(ModelAPIError, match="no such model") as failure:
        await answer_of(wire, llm)
    assert (failure.value.status, failure.value.retryable) == (status, False)


async def test_a_spent_quota_is_not_retryable(llm: LLM, wire: str) -> None:
    llm.script(Status(429, "You exceeded your current quota", code="insufficient_quota"))
    with pytest.raises(ModelAPIError) as failure:
        await answer_of(wire, llm)
    assert not failure.value.retryable


@pytest.mark.parametrize(("status", "says"), [(500, False), (400, True)])
async def test_a_provider_may_say_itself_whether_to_retry(
    llm: LLM, wire: str, status: int, says: bool
) -> None:
    llm.script(Status(status, headers={"x-should-retry": str(says).lower()}))
    with pytest.raises(ModelAPIError) as failure:
        await answer_of(wire, llm)
    assert failure.value.retryable is says


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_tells_where_to_set_it(llm: LLM, wire: str, status: int) -> None:
    llm.script(Status(status, f"Incorrect API key provided: {KEY}"))
    with pytest.raises(ModelAPIError, match=f"PUT /auth/{wire}") as failure:
        await answer_of(wire, llm)
    assert not failure.value.retryable


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (400, "Your input exceeds the context window of this model.", "context_length_exceeded"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", "invalid_request_error"),
        (400, "This model's maximum context length is 8192 tokens.", None),
        (400, "the request exceeds the available context size", "exceed_context_size_error"),
        (413, "Request exceeds the maximum size", "request_too_large"),
    ],
)
async def test_a_conversation_that_is_too_long_has_an_error_of_its_own(
    llm: LLM, wire: str, status: int, message: str, code: str | None
) -> None:
    llm.script(Status(status, message, code=code))
    with pytest.raises(ContextOverflow):
        await answer_of(wire, llm)


async def test_a_key_is_in_no_error(llm: LLM, wire: str) -> None:
    echo = f'{{"error": {{"message": "bad key {KEY}"}}, "seen": "{KEY}"}}'
    llm.script(
        Status(
            401,
            body=echo,
            headers={
                "X-Echo": KEY,
                "Set-Cookie": "a=b",
                "X-Request-Id": "r1",
                "x-ratelimit-remaining-tokens": "9",
            },
        )
    )
    with pytest.raises(ModelAPIError) as failure:
        await answer_of(wire, llm)
    error = failure.value
    assert KEY not in repr((error, vars(error), error.wire()))
    assert error.headers is not None
    assert error.headers["x-request-id"] == "r1"
    assert error.headers["x-ratelimit-remaining-tokens"] == "9"
    assert "set-cookie" not in error.headers
    assert error.url is not None
    assert error.url.startswith(llm.url)


async def test_a_long_error_body_is_cut(llm: LLM, wire: str) -> None:
    llm.script(Status(500, body="x" * 100_000, content_type="text/plain"))
    with pytest.raises(ModelAPIError) as failure:
        await answer_of(wire, llm)
    assert failure.value.body is not None
    assert len(failure.value.body) == 4096
    assert len(failure.value.message) < 400


async def test_a_server_that_does_not_run_is_named(wire: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    door = adapter(wire, f"http://127.0.0.1:{port}")
    with pytest.raises(ModelAPIError, match=f"Can't reach 127.0.0.1:{port}: it refused") as failure:
        await take(door, asking())
    assert failure.value.retryable
    await door.close()


async def test_a_name_that_does_not_resolve_is_named(wire: str) -> None:
    door = adapter(wire, "http://no-such-host.invalid")
    with pytest.raises(ModelAPIError, match=r"no-such-host.invalid"):
        await take(door, asking())
    await door.close()


async def test_a_server_without_tls_is_told_apart(llm: LLM, wire: str) -> None:
    door = adapter(wire, llm.url.replace("http:", "https:"))
    with pytest.raises(ModelAPIError, match="TLS"):
        await take(door, asking())
    await door.close()


@pytest.mark.parametrize(
    "url", ["localhost:1234", "ftp://host", "http://", "http://[bad", "http://host:x", "what"]
)
async def test_an_address_that_can_not_be_used_is_no_traceback(wire: str, url: str) -> None:
    door = adapter(wire, url)
    with pytest.raises(ModelAPIError, match="is invalid") as failure:
        await take(door, asking())
    assert not failure.value.retryable


async def test_a_login_in_the_address_is_in_no_error(wire: str) -> None:
    door = adapter(wire, "http://someone:s3cret-word@127.0.0.1:1")
    with pytest.raises(ModelAPIError) as failure:
        await take(door, asking())
    assert "s3cret-word" not in repr(vars(failure.value))
    await door.close()


async def test_a_login_in_the_address_is_sent_where_there_is_no_key(llm: LLM) -> None:
    llm.script(Answer(text="Hi"))
    door = adapter("compatible", llm.url.replace("http://", "http://me:p%40ss@"), key=None)
    await take(door, asking())
    assert llm.requests[0].headers["authorization"] == "Basic bWU6cEBzcw=="
    await door.close()


async def test_a_header_that_can_not_be_sent_is_not_shown(llm: LLM, wire: str) -> None:
    with pytest.raises(ModelAPIError, match="a request header contains") as failure:
        await answer_of(wire, llm, headers={"x-thing": "private\nwords"})
    assert "private" not in failure.value.message


@pytest.mark.parametrize("wire", ["anthropic", "openai"])
async def test_a_missing_key_tells_where_to_set_it(
    llm: LLM, wire: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "from-the-environment")
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    with pytest.raises(ModelAuthError, match=f"PUT /auth/{wire}"):
        await answer_of(wire, llm, key=None)
    assert llm.requests == []


async def test_a_key_that_can_not_be_sent_is_no_traceback(llm: LLM, wire: str) -> None:
    with pytest.raises(ModelAuthError, match="Copy it again"):
        await answer_of(wire, llm, key="“sk-quoted”")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "1e99"}, 86_400.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_may_be_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    waited = retry_after({"retry-after": date})
    assert waited is not None
    assert 85 < waited <= 90
