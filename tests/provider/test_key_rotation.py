"""Several keys of a provider: which one a request has, after which answers of the server."""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from opencode.config import ProviderOptions
from opencode.errors import ContextOverflow, ModelAPIError, ModelAuthError, ModelError
from opencode.provider.adapters import ANTHROPIC, COMPATIBLE, OPENAI, open_adapter
from opencode.provider.base import Adapter
from opencode.provider.keys import split_keys
from opencode.provider.unavailable import OVERLOADED_S, RATE_LIMIT_S, REFUSED_S, key_rest, model_rest
from tests.llm.server import LLM, Answer, Request, Status
from tests.provider.model_server import Connect

from .wire_case import asking, take

WIRES = {"anthropic": ANTHROPIC, "openai": OPENAI, "compatible": COMPATIBLE}
KEYS = ("sk-first-secret", "sk-second-secret", "sk-third-secret")


class Time:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr("opencode.provider.key_rotation.time", clock)
    return clock


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM() as llm:
        yield llm


@pytest.fixture
async def adapter(llm: LLM, request: pytest.FixtureRequest) -> AsyncIterator[Adapter]:
    """Return an adapter with three keys; its wire is the fixture's parameter."""
    npm = WIRES[getattr(request, "param", "compatible")]
    adapter = open_adapter("mine", npm, f"{llm.url}/v1", KEYS, ProviderOptions())
    yield adapter
    await adapter.close()


def word(request: Request) -> str:
    """Return the word in the key that a request has."""
    return (request.headers.get("x-api-key") or request.headers["authorization"]).split("-")[1]


def answering(**answers: Status) -> Callable[[Request], Answer | Status]:
    """Return a model that refuses some keys."""
    return lambda request: answers.get(word(request), Answer(text="fine"))


async def used(llm: LLM, adapter: Adapter, times: int = 1) -> list[str]:
    """Make requests that succeed, and return the words of all keys that were sent."""
    before = len(llm.requests)
    for _ in range(times):
        assert (await take(adapter, asking())).text == "fine"
    return [word(request) for request in llm.requests[before:]]


@pytest.mark.parametrize("adapter", WIRES, indirect=True)
@pytest.mark.parametrize("status", [401, 402, 403, 429])
async def test_a_key_that_is_limited_or_refused_gives_way_to_the_next(
    llm: LLM, adapter: Adapter, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    llm.on("test-model", answering(first=Status(status, f"no, {KEYS[0]}")))
    assert await used(llm, adapter, 3) == ["first", "second", "second", "second"]
    assert "key 1 of 3" in caplog.text
    assert not any(key in caplog.text for key in KEYS)


async def test_a_key_is_used_again_after_its_retry_after_once_its_turn_comes(
    llm: LLM, adapter: Adapter, clock: Time
) -> None:
    limited = Status(429, "slow down", headers={"Retry-After": "30"})
    llm.on("test-model", answering(first=limited))
    assert await used(llm, adapter) == ["first", "second"]
    llm.on("test-model", answering(second=limited, third=limited))
    clock.now += 29
    assert await refused_keys(llm, adapter) == ["second", "third"]
    clock.now += 2
    assert await used(llm, adapter, 2) == ["first", "first"]


async def refused_keys(llm: LLM, adapter: Adapter) -> list[str]:
    before = len(llm.requests)
    with pytest.raises(ModelError):
        await take(adapter, asking())
    return [word(request) for request in llm.requests[before:]]


async def test_while_all_keys_rest_the_one_that_is_ready_first_is_asked(
    llm: LLM, adapter: Adapter, clock: Time
) -> None:
    seconds = {"first": "90", "second": "20", "third": "60"}
    llm.on("test-model", lambda request: Status(429, "slow", headers={"Retry-After": seconds[word(request)]}))
    with pytest.raises(ModelAPIError) as failed:
        await take(adapter, asking())
    assert failed.value.retry_after == 20
    assert await refused_keys(llm, adapter) == ["second"]


async def test_a_rate_limit_is_told_before_a_refusal_because_waiting_helps(
    llm: LLM, adapter: Adapter
) -> None:
    llm.on(
        "test-model",
        answering(first=Status(401, "no"), second=Status(429, "slow"), third=Status(401, "no")),
    )
    with pytest.raises(ModelAPIError) as failed:
        await take(adapter, asking())
    assert failed.value.status == 429


@pytest.mark.parametrize("status", [400, 404, 500, 529])
async def test_an_error_that_is_not_about_the_key_is_not_tried_with_another(
    llm: LLM, adapter: Adapter, status: int
) -> None:
    llm.on("test-model", lambda _: Status(status, "no"))
    assert await refused_keys(llm, adapter) == ["first"]


async def test_models_are_listed_with_the_key_in_use(llm: LLM, adapter: Adapter) -> None:
    assert sorted(await adapter.model_ids()) == ["one", "two"]


@pytest.mark.parametrize("key", [["k-1", "k-2"], "k-1, k-2,", ["k-1", "k-2", "k-1", ""]])
async def test_keys_are_a_list_or_a_text_with_commas(connect: Connect, llm: LLM, key: Any) -> None:
    llm.on("m", lambda request: Status(401, "no") if word(request) == "1" else Answer(text="fine"))
    options = {"baseURL": f"{llm.url}/v1", "apiKey": key}
    registry = connect(provider={"mine": {"options": options, "models": {"m": {}}}})
    resolved = await registry.resolve("mine", "m")
    assert (await take(resolved.adapter, asking(model=resolved.model))).text == "fine"
    assert [word(request) for request in llm.requests] == ["1", "2"]


async def test_an_environment_variable_holds_several_keys(connect: Connect, llm: LLM) -> None:
    registry = connect({"OPENAI_API_KEY": "k-1,k-2", "OPENAI_BASE_URL": f"{llm.url}/v1"})
    llm.on("one", lambda request: Status(429, "slow") if word(request) == "1" else Answer(text="fine"))
    resolved = await registry.resolve("openai", "one")
    assert (await take(resolved.adapter, asking(model=resolved.model))).text == "fine"


def test_no_key_is_none() -> None:
    assert split_keys("") == split_keys(" , ") == split_keys([]) == split_keys([" "]) == ()


def failure(status: int | None, message: str = "no", **fields: Any) -> ModelAPIError:
    return ModelAPIError(message, retryable=fields.pop("retryable", False), status=status, **fields)


@pytest.mark.parametrize(
    ("error", "key", "model"),
    [
        (failure(429, retryable=True), RATE_LIMIT_S, RATE_LIMIT_S),
        (failure(429, retryable=True, retry_after=7), 7, 7),
        (failure(429, "You exceeded your current quota"), REFUSED_S, REFUSED_S),
        (failure(429, body='{"error": {"code": "insufficient_quota"}}'), REFUSED_S, REFUSED_S),
        (failure(400, "Your credit balance is too low to access the API."), REFUSED_S, REFUSED_S),
        (failure(None, "Insufficient Balance"), REFUSED_S, REFUSED_S),
        (failure(402, "Insufficient credits"), REFUSED_S, REFUSED_S),
        (failure(401), REFUSED_S, REFUSED_S),
        (failure(None, "Too many requests", retryable=True), RATE_LIMIT_S, RATE_LIMIT_S),
        (failure(None, body='{"type":"rate_limit_error"}', retryable=True), RATE_LIMIT_S, RATE_LIMIT_S),
        (failure(None, body='{"code":429,"message":"no"}', retryable=True), RATE_LIMIT_S, RATE_LIMIT_S),
        (failure(400, "rate_limit must be a number"), None, None),
        (ModelAuthError("no key", "mine"), REFUSED_S, REFUSED_S),
        (failure(529, retryable=True), None, OVERLOADED_S),
        (failure(503, retryable=True, retry_after=5), None, 5),
        (failure(None, retryable=True), None, OVERLOADED_S),
        (failure(400), None, None),
        (failure(404), None, None),
        (ContextOverflow("too long"), None, None),
    ],
)
def test_how_long_a_key_or_a_model_rests(error: ModelError, key: float | None, model: float | None) -> None:
    assert (key_rest(error), model_rest(error)) == (key, model)
