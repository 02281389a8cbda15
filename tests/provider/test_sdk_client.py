"""Each request is the SDK's own, and a client that was replaced is closed and freed."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

from opencode import observe
from opencode.errors import ModelAPIError, ModelError
from opencode.provider.wire.adapter import WireAdapter
from opencode.schema.provider import ApiAuth
from tests.llm.answer import Answer, Drop, Status
from tests.llm.server import LLM
from tests.provider.model_server import Connect

from .wire_case import WIRES, adapter, asking, take

NPM = {
    "anthropic": "@ai-sdk/anthropic",
    "openai": "@ai-sdk/openai",
    "compatible": "@ai-sdk/openai-compatible",
}


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM(title=None) as llm:
        yield llm


@pytest.fixture(params=WIRES)
async def wire_adapter(request: pytest.FixtureRequest, llm: LLM) -> AsyncIterator[WireAdapter]:
    opened = adapter(request.param, llm.url, headers={"x-provider": "p"}, header_s=60, idle_s=60)
    assert isinstance(opened, WireAdapter)
    yield opened
    await opened.close()


async def test_requests_differ_in_what_the_model_and_the_body_add(
    llm: LLM, wire_adapter: WireAdapter
) -> None:
    llm.script(*[Answer(text="Hi")] * 3)
    plain, marked = asking(), asking(system=("Be short.",))
    marked.model.headers["x-model"] = "m"
    for request in (plain, marked, plain):
        assert (await take(wire_adapter, request)).text == "Hi"
    first, other, again = ({**sent.headers} for sent in llm.requests)
    assert again == first
    assert other.pop("x-model") == "m"
    assert other.pop("content-length") > first.pop("content-length")
    assert other == first
    assert first["user-agent"].startswith("Async")
    assert first["x-provider"] == "p"
    assert llm.requests[0].body == llm.requests[2].body
    assert llm.requests[0].path == llm.requests[2].path


async def test_each_request_has_an_idempotency_key_of_its_own(llm: LLM, wire_adapter: WireAdapter) -> None:
    async with wire_adapter._client.use() as client:
        client._idempotency_header = "Idempotency-Key"  # as the SDKs set it for services that read it
    llm.script(Answer(text="Hi"), Status(529, "overloaded"), Answer(text="Hi"))
    await take(wire_adapter, asking())
    with pytest.raises(ModelError):
        await take(wire_adapter, asking())
    await take(wire_adapter, asking())
    keys = [sent.headers["idempotency-key"] for sent in llm.requests]
    assert len(set(keys)) == len(keys) == 3


class Carrier(observe.Listener):
    def carry(self, work: observe.Work) -> dict[str, str]:
        return {"traceparent": str(id(work))}


async def test_what_a_request_carries_is_its_own(llm: LLM, wire_adapter: WireAdapter) -> None:
    llm.script(*[Answer(text="Hi")] * 3)
    with observe.listening(Carrier()):
        works = [observe.Step(provider="p", model="m") for _ in range(2)]
        for work in works:
            with observe.watch(work):
                await take(wire_adapter, asking())
    await take(wire_adapter, asking())
    carried = [sent.headers.get("traceparent") for sent in llm.requests]
    assert carried == [str(id(works[0])), str(id(works[1])), None]


@pytest.mark.parametrize(
    "failing", [Status(429, "busy", headers={"Retry-After": "7"}), Status(400, "no"), Status(302), Drop()]
)
async def test_a_later_request_fails_as_the_first_does(
    llm: LLM, wire_adapter: WireAdapter, failing: Status | Drop
) -> None:
    failures = []
    for script in ((failing,), (Answer(text="Hi"), failing)):
        llm.script(*script)
        with pytest.raises(ModelError) as failure:
            for _ in script:
                await take(wire_adapter, asking())
        failures.append(failure.value)
    first, later = failures
    assert isinstance(first, ModelAPIError)
    assert (later.wire(), vars(later)) == (first.wire(), vars(first))
    llm.script(Answer(text="Hi again"))
    assert (await take(wire_adapter, asking())).text == "Hi again"


@pytest.mark.parametrize("wire", WIRES)
async def test_a_new_key_is_used_by_the_next_request_and_the_old_client_is_freed(
    llm: LLM, connect: Connect, wire: str
) -> None:
    options = {"baseURL": llm.url if wire == "anthropic" else f"{llm.url}/v1"}
    registry = connect(provider={"mine": {"npm": NPM[wire], "options": options, "models": {"m": {}}}})
    llm.script(*[Answer(text="Hi")] * 3)
    replaced: list[weakref.ref[Any]] = []
    for key in ("sk-first", "sk-second", "sk-third"):
        await registry.set_key("mine", ApiAuth(key=key))
        resolved = await registry.resolve("mine", "m")
        await take(resolved.adapter, asking(model=resolved.model))
        assert isinstance(resolved.adapter, WireAdapter)
        async with resolved.adapter._client.use() as client:
            replaced += [weakref.ref(resolved.adapter), weakref.ref(client)]
    sent = [request.headers.get("x-api-key") or request.headers["authorization"] for request in llm.requests]
    assert [value.removeprefix("Bearer ") for value in sent] == ["sk-first", "sk-second", "sk-third"]
    await registry.remove_key("mine")
    del resolved, client
    gc.collect()
    assert [reference() for reference in replaced] == [None] * 6


@pytest.mark.parametrize("wire", WIRES)
async def test_an_answer_goes_on_when_its_adapter_is_replaced(llm: LLM, wire: str) -> None:
    replaced = adapter(wire, llm.url, header_s=60, idle_s=60)
    assert isinstance(replaced, WireAdapter)
    gate = asyncio.Event()
    llm.script(Answer(text=("Hi ", "there"), gate=gate), Answer(text="Later"))
    answering = asyncio.create_task(take(replaced, asking()))
    await llm.until(lambda llm: bool(llm.requests))
    async with replaced._client.use() as client:
        pass
    await replaced.retire()
    assert not client.is_closed()
    gate.set()
    assert (await answering).text == "Hi there"
    assert client.is_closed()
    assert (await take(replaced, asking())).text == "Later"
    assert replaced._client._client is None
