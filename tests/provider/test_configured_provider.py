"""One provider's models, adapters and own list, with real SDKs against a loopback server."""

import asyncio
from typing import Any

import pytest

from opencode.provider.adapters import OPENAI
from opencode.provider.chat.adapter import ChatAdapter
from opencode.provider.configured_provider import ConfiguredProvider
from opencode.provider.wire.timeouts import Timeouts
from opencode.schema.message import ModelChoice
from opencode.schema.provider import ApiAuth
from tests.provider.model_server import NOWHERE, SECRET, Connect, by_id, refusal, serving


async def test_a_base_url_alone_lists_that_servers_models_and_takes_one_as_default(connect: Connect) -> None:
    async with serving("llama3.2:3b", "nomic-embedding") as server:
        registry = connect({"OPENAI_BASE_URL": server.url})
        assert await registry.default() == ModelChoice(provider_id="openai", model_id="llama3.2:3b")
        openai = by_id(await registry.providers())["openai"]
        assert list(openai.models) == ["llama3.2:3b"]
        assert openai.options == {"baseURL": server.url}
        assert "gpt-5.5" in await refusal(registry.resolve("openai", "gpt-5.5"))
        assert (await registry.resolve("openai", "llama3.2:3b")).model.api.id == "llama3.2:3b"


async def test_a_server_that_lists_nothing_is_trusted_with_any_model_that_is_named(connect: Connect) -> None:
    async with serving(lists=False) as server:
        registry = connect(provider={"mine": {"options": {"baseURL": server.url, "apiKey": SECRET}}})
        first = await registry.resolve("mine", "any/model:tag")
        assert first.model.id == "any/model:tag"
        assert await registry.resolve("mine", "any/model:tag") == first
        assert server.asked == 1
        assert server.keys == [f"Bearer {SECRET}"]


async def test_a_model_that_came_since_the_last_list_is_found(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opencode.provider.configured_provider._LIST_RETRY_S", 0)
    async with serving("old") as server:
        registry = connect(provider={"mine": {"options": {"baseURL": server.url}}})
        await registry.providers()
        assert server.ids is not None
        server.ids.append("new")
        assert (await registry.resolve("mine", "new")).model.id == "new"
        assert "Did you mean new?" in await refusal(registry.resolve("mine", "newer"))


async def test_lists_are_asked_for_once_and_then_remembered(connect: Connect) -> None:
    async with serving("a") as server:
        registry = connect(
            provider={"mine": {"options": {"baseURL": server.url}, "models": {"z": {}}}},
        )
        assert (await registry.default()).model_id == "z"
        await asyncio.gather(*(registry.providers() for _ in range(5)))
        [mine, _demo] = await registry.providers()
        assert list(mine.models) == ["a", "z"]
        assert (await registry.default()).model_id == "z"
        assert server.asked == 1


async def test_a_provider_that_does_not_answer_holds_up_neither_lists_nor_prompts(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opencode.provider.registry.FIRST_LIST_WAIT_S", 0.05)
    async with serving("late") as server, asyncio.timeout(3):
        server.may_answer.clear()
        registry = connect(provider={"mine": {"options": {"baseURL": server.url}, "models": {"known": {}}}})
        assert list(by_id(await registry.providers())["mine"].models) == ["known"]
        assert (await registry.resolve("mine", "known")).model.id == "known"
        assert (await registry.default()).model_id == "known"


async def test_a_providers_own_list_adds_to_the_catalog() -> None:
    async with serving("gpt-5.5", "gpt-5.5-2026-04-23", "gpt-9", "gpt-9-image", "whisper-1") as server:
        openai = ConfiguredProvider("openai", "OpenAI", "env", npm=OPENAI, url=server.url, keys=["k"])
        await openai.ask(0, 30)
        models = openai.models
        await openai.close()
    known = models["gpt-5.5"]
    assert models["gpt-5.5-2026-04-23"].cost == known.cost
    assert models["gpt-9"].limit.context and models["gpt-9"].cost.output == 0
    assert "o3" in models and "whisper-1" not in models and "gpt-9-image" not in models


async def test_opencode_json_has_the_last_word_on_a_model(connect: Connect) -> None:
    registry = connect(
        {"ANTHROPIC_API_KEY": "k"},
        provider={
            "anthropic": {
                "options": {"headers": {"x-team": "a"}},
                "models": {
                    "cheap": {
                        "id": "claude-haiku-4-5",
                        "cost": {"input": 7, "output": 8, "cache_read": 1},
                        "limit": {"context": 1000, "output": 100},
                        "modalities": {"input": ["text", "audio"]},
                        "options": {"thinking": {"type": "enabled"}},
                        "headers": {"x-model": "b"},
                        "variants": {"high": {"disabled": True}, "tiny": {"effort": "low"}},
                    },
                    "claude-sonnet-4-6": {"reasoning": False},
                },
            }
        },
    )
    model = (await registry.resolve("anthropic", "cheap")).model
    assert (model.id, model.name, model.api.id) == ("cheap", "cheap", "claude-haiku-4-5")
    assert (model.cost.input, model.cost.cache.read, model.limit.context) == (7, 1, 1000)
    assert model.capabilities.input.audio and not model.capabilities.input.image
    assert model.capabilities.toolcall and model.capabilities.output.text
    assert model.options == {"thinking": {"type": "enabled"}} and model.headers == {"x-model": "b"}
    assert isinstance(model.variants, dict)
    assert list(model.variants) == ["max", "tiny"]
    sonnet = (await registry.resolve("anthropic", "claude-sonnet-4-6")).model
    assert sonnet.name == "Claude Sonnet 4.6" and sonnet.variants == {}
    assert (await registry.resolve("anthropic", "claude-opus-4-7")).model.cost.output == 25


async def test_time_outs_and_headers_of_opencode_json_reach_the_adapter(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Timeouts] = []

    class Recorded(ChatAdapter):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            opened.append(args[-1])

    monkeypatch.setattr("opencode.provider.adapters.ChatAdapter", Recorded)
    async with serving("m") as server:
        options = {
            "baseURL": server.url,
            "headers": {"authorization": "Custom x"},
            "chunkTimeout": 1500,
            "headerTimeout": False,
        }
        await connect(provider={"mine": {"options": options}}).providers()
    assert [(timeouts.header_s, timeouts.idle_s) for timeouts in opened] == [(None, 1.5)]
    assert server.keys == ["Custom x"]


async def test_a_turn_that_runs_keeps_its_adapter_when_the_key_changes(connect: Connect) -> None:
    async with serving("m") as server:
        registry = connect(provider={"mine": {"options": {"baseURL": server.url}}})
        await registry.set_key("mine", ApiAuth(key="sk-old"))
        old = (await registry.resolve("mine", "m")).adapter
        await registry.set_key("mine", ApiAuth(key="sk-new"))
        assert await old.model_ids() == ["m"]
        await registry.resolve("mine", "m")
    assert server.keys == ["Bearer sk-old", "Bearer sk-old", "Bearer sk-new"]


async def test_an_anthropic_address_with_its_version_is_asked_without_it_twice(connect: Connect) -> None:
    async with serving("claude-x") as server:
        registry = connect(
            {"ANTHROPIC_API_KEY": "k"}, provider={"anthropic": {"options": {"baseURL": server.url}}}
        )
        await registry.providers()
        assert registry.defaults()["anthropic"] == "claude-x"


async def test_options_of_a_provider_that_concern_requests_reach_each_of_its_models(connect: Connect) -> None:
    registry = connect(
        {},
        provider={
            "mine": {
                "options": {
                    "baseURL": NOWHERE,
                    "apiKey": SECRET,
                    "serverTools": ["web_search"],
                    "cacheTtl": "1h",
                    "quirks": {"bridge": "Ok.", "callIdLength": 9},
                },
                "models": {"one": {"options": {"cacheTtl": "5m", "quirks": {"bridge": "Done."}}}},
            }
        },
    )
    one = (await registry.resolve("mine", "one")).model
    other = (await registry.resolve("mine", "not-listed")).model
    wide = {"serverTools": ["web_search"], "cacheTtl": "1h"}
    assert other.options == {**wide, "quirks": {"bridge": "Ok.", "callIdLength": 9}}
    assert one.options == {**wide, "cacheTtl": "5m", "quirks": {"bridge": "Done.", "callIdLength": 9}}
    assert SECRET not in str(one.options)


async def test_opencode_json_names_the_controls_of_a_models_reasoning(connect: Connect) -> None:
    options = {"baseURL": NOWHERE, "apiKey": SECRET}
    controls = [{"type": "toggle"}, {"type": "effort", "values": ["low", "max"]}]
    entry = {"reasoning": True, "reasoning_options": controls}
    registry = connect({}, provider={"mine": {"options": options, "models": {"one": entry}}})
    model = (await registry.resolve("mine", "one")).model
    assert isinstance(model.variants, dict)
    assert list(model.variants) == ["none", "low", "max"]
