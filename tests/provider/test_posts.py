"""Requests that are made like the SDK's first one: the same on the wire, and failing in the same words."""

from collections.abc import AsyncIterator

import pytest

from opencode import observe
from opencode.errors import ModelAPIError, ModelError
from opencode.provider.base import Adapter
from tests.llm.answer import Answer, Drop, Status
from tests.llm.server import LLM

from .wire_case import WIRES, adapter, asking, take


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM(title=None) as llm:
        yield llm


@pytest.fixture(params=WIRES)
async def door(request: pytest.FixtureRequest, llm: LLM) -> AsyncIterator[Adapter]:
    door = adapter(request.param, llm.url, headers={"x-provider": "p"}, header_s=60, idle_s=60)
    yield door
    await door.close()


async def test_every_request_has_the_head_that_the_sdk_gave_the_first(llm: LLM, door: Adapter) -> None:
    llm.script(*[Answer(text="Hi")] * 3)
    plain, marked = asking(), asking(system=("Be short.",))
    marked.model.headers["x-model"] = "m"
    for request in (plain, marked, plain):
        assert (await take(door, request)).text == "Hi"
    first, other, again = ({**sent.headers} for sent in llm.requests)
    assert again == first
    assert other.pop("x-model") == "m"
    assert other.pop("content-length") > first.pop("content-length")
    assert other == first
    assert first["user-agent"].startswith("Async")
    assert llm.requests[0].body == llm.requests[2].body
    assert llm.requests[0].path == llm.requests[2].path


class Carrier(observe.Listener):
    def carry(self, work: observe.Work) -> dict[str, str]:
        return {"traceparent": str(id(work))}


async def test_what_a_request_carries_is_its_own(llm: LLM, door: Adapter) -> None:
    llm.script(*[Answer(text="Hi")] * 3)
    with observe.listening(Carrier()):
        works = [observe.Step(provider="p", model="m") for _ in range(2)]
        for work in works:
            with observe.watch(work):
                await take(door, asking())
    await take(door, asking())
    carried = [sent.headers.get("traceparent") for sent in llm.requests]
    assert carried == [str(id(works[0])), str(id(works[1])), None]


@pytest.mark.parametrize(
    "failing", [Status(429, "busy", headers={"Retry-After": "7"}), Status(400, "no"), Status(302), Drop()]
)
async def test_a_later_request_fails_as_the_first_does(
    llm: LLM, door: Adapter, failing: Status | Drop
) -> None:
    failures = []
    for script in ((failing,), (Answer(text="Hi"), failing)):
        llm.script(*script)
        with pytest.raises(ModelError) as failure:
            for _ in script:
                await take(door, asking())
        failures.append(failure.value)
    first, later = failures
    assert isinstance(first, ModelAPIError)
    assert (later.wire(), vars(later)) == (first.wire(), vars(first))
    llm.script(Answer(text="Hi again"))
    assert (await take(door, asking())).text == "Hi again"
