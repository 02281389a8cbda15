"""Which providers there are, and which model is taken: from real settings, nothing is asked of a network."""

from pathlib import Path

import pytest

from opencode.config import Settings
from opencode.errors import BadRequest, SettingsError, Unavailable
from opencode.provider.registry import Registry
from opencode.schema.base import encode
from opencode.schema.message import ModelChoice
from opencode.schema.provider import ApiAuth
from tests.provider.model_server import NOWHERE, SECRET, Connect, by_id, refusal

from .wire_case import asking, take


async def test_without_any_key_the_demo_is_the_default_and_says_what_it_is(connect: Connect) -> None:
    registry = connect()
    assert await registry.default() == ModelChoice(provider_id="demo", model_id="demo")
    [demo] = await registry.providers()
    assert (demo.id, demo.name, demo.source) == ("demo", "Demo (offline, scripted)", "custom")
    resolved = await registry.resolve("demo", "demo")
    assert resolved.model.capabilities.toolcall


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({"PORT": "8123"}, "http://localhost:8123"),
        ({"SPACE_HOST": "me-my.hf.space"}, "https://me-my.hf.space"),
    ],
)
async def test_the_demo_knows_this_servers_address(
    tmp_path: Path, environ: dict[str, str], address: str
) -> None:
    registry = Registry(Settings.load({**environ, "OPENCODE_DATA_DIR": str(tmp_path)}))
    demo = await registry.resolve("demo", "demo")
    answer = await take(demo.adapter, asking(model=demo.model))
    assert f"{address}/auth/anthropic" in answer.text


async def test_real_providers_come_before_the_demo_in_order_of_preference(connect: Connect) -> None:
    registry = connect(
        {"GROQ_API_KEY": "k", "HF_TOKEN": "k", "OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"},
        provider={"mine": {"options": {"baseURL": NOWHERE}, "models": {"m": {}}}},
    )
    assert list(registry.defaults()) == ["mine", "anthropic", "openai", "huggingface", "groq", "demo"]
    assert await registry.default() == ModelChoice(provider_id="mine", model_id="m")


@pytest.mark.parametrize(
    ("variable", "provider_id", "line"),
    [
        ("ANTHROPIC_API_KEY", "anthropic", "claude-sonnet-"),
        ("OPENAI_API_KEY", "openai", "gpt-5"),
        ("HF_TOKEN", "huggingface", "moonshotai/Kimi-K2"),
        ("DEEPSEEK_API_KEY", "deepseek", "deepseek-"),
    ],
)
async def test_a_key_in_the_environment_makes_its_provider_the_default(
    connect: Connect, variable: str, provider_id: str, line: str
) -> None:
    choice = await connect({variable: SECRET}).default()
    assert choice.provider_id == provider_id
    assert choice.model_id.startswith(line)


async def test_a_token_that_is_there_for_other_purposes_connects_nothing(connect: Connect) -> None:
    assert (await connect({"GITHUB_TOKEN": "k"}).default()).provider_id == "demo"


async def test_each_provider_is_spoken_to_on_its_own_wire(connect: Connect) -> None:
    registry = connect(
        {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k", "HF_TOKEN": "k"},
        provider={
            "claude-like": {"npm": "@ai-sdk/anthropic", "options": {"baseURL": NOWHERE}},
            "gpt-like": {"npm": "@ai-sdk/openai", "options": {"baseURL": NOWHERE}},
            "plain": {"options": {"baseURL": NOWHERE}},
        },
    )
    wires = {
        provider_id: type((await registry.resolve(provider_id, model_id)).adapter).__name__
        for provider_id, model_id in (
            ("anthropic", "claude-sonnet-4-6"),
            ("openai", "gpt-5.5"),
            ("huggingface", "zai-org/GLM-5"),
            ("claude-like", "x"),
            ("gpt-like", "x"),
            ("plain", "x"),
        )
    }
    assert wires == {
        "anthropic": "MessagesAdapter",
        "openai": "ResponsesAdapter",
        "huggingface": "ChatAdapter",
        "claude-like": "MessagesAdapter",
        "gpt-like": "ResponsesAdapter",
        "plain": "ChatAdapter",
    }


@pytest.mark.parametrize(
    ("environ", "adapter"),
    [
        ({"OPENAI_BASE_URL": f"{NOWHERE}/v1"}, "ChatAdapter"),
        ({"OPENAI_BASE_URL": f"{NOWHERE}/v1", "OPENAI_API_KEY": "k"}, "ChatAdapter"),
        ({"OPENAI_BASE_URL": f"{NOWHERE}/v1", "OPENAI_API": "responses"}, "ResponsesAdapter"),
        ({"OPENAI_BASE_URL": "https://eu.api.openai.com/v1", "OPENAI_API_KEY": "k"}, "ResponsesAdapter"),
        ({"OPENAI_API_KEY": "k", "OPENAI_API": "chat"}, "ChatAdapter"),
    ],
)
async def test_an_openai_base_url_elsewhere_is_spoken_to_in_chat_completions(
    connect: Connect, environ: dict[str, str], adapter: str
) -> None:
    resolved = await connect(environ).resolve("openai", "gpt-5.5")
    assert type(resolved.adapter).__name__ == adapter


async def test_openai_api_must_name_a_wire(connect: Connect) -> None:
    with pytest.raises(SettingsError, match="OPENAI_API must be"):
        connect({"OPENAI_API": "soap"})


@pytest.mark.parametrize(
    "url", ["localhost:1234", "ftp://host", "http://", "http://[bad", "http://host:x", "http://me:secret@"]
)
async def test_a_base_url_that_is_no_http_address_stops_the_start(connect: Connect, url: str) -> None:
    for name, environ, config in (
        ("OPENAI_BASE_URL", {"OPENAI_BASE_URL": url}, {}),
        ("ANTHROPIC_BASE_URL", {"ANTHROPIC_BASE_URL": url}, {}),
        ("provider.mine.options.baseURL", {}, {"provider": {"mine": {"options": {"baseURL": url}}}}),
    ):
        with pytest.raises(SettingsError, match=f"{name} must be an address such as") as refused:
            connect(environ, **config)
        assert "secret" not in str(refused.value) and "\n" not in str(refused.value)


async def test_models_of_opencode_json_that_are_not_known_are_named_at_the_start(connect: Connect) -> None:
    registry = connect(
        {"ANTHROPIC_API_KEY": "k"},
        model="anthropic/claude-sonnet-4-6",
        small_model="anthropic/claude-haiku-45",
        provider={"mine": {"options": {"baseURL": NOWHERE}}},
        agent={
            "good": {"model": "mine/anything"},
            "bad": {"model": "anthropic/claude-sonet-4-6"},
            "lost": {"model": "nobody/x"},
        },
        command={"later": {"template": "t", "model": "openai/gpt-5"}},
    )
    small, bad, lost, later = registry.check_names()
    assert small.startswith("small_model anthropic/claude-haiku-45: unknown model. Did you mean")
    assert bad.startswith("agent.bad.model anthropic/claude-sonet-4-6: ") and "claude-sonnet-4-6" in bad
    assert lost.startswith("agent.lost.model nobody/x: Unknown provider 'nobody'.")
    assert later.startswith("command.later.model openai/gpt-5: ") and "OPENAI_API_KEY" in later
    assert connect(model="nobody/x").check_names()[0].startswith("model nobody/x: Unknown provider 'nobody'")


async def test_unknown_names_are_answered_with_what_there_is(connect: Connect) -> None:
    registry = connect(provider={"mine": {"options": {"baseURL": NOWHERE}}}, disabled_providers=["xai"])
    assert "Connected: mine, demo" in await refusal(registry.resolve("nobody", "x"))
    assert "ANTHROPIC_API_KEY" in await refusal(registry.resolve("anthropic", "claude-sonnet-4-6"))
    assert "Unknown provider" in await refusal(registry.resolve("xai", "grok-4"))
    assert "demo" in await refusal(registry.resolve("demo", "demmo"))


async def test_an_entry_that_cannot_be_asked_is_left_out_and_the_log_says_why(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    registry = connect(
        provider={
            "anthropic": {"models": {"claude-sonnet-4-6": {"name": "S"}}},
            "mine": {"options": {"apiKey": SECRET}, "models": {"without-an-address": {}}},
        }
    )
    assert list(registry.defaults()) == ["demo"]
    assert "mine" in caplog.text and SECRET not in caplog.text


async def test_disabled_providers_and_listed_models_are_respected(connect: Connect) -> None:
    environ = {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}
    registry = connect(
        environ,
        disabled_providers=["demo"],
        enabled_providers=["openai", "demo"],
        provider={
            "openai": {
                "whitelist": ["gpt-5", "gpt-5.5"],
                "blacklist": ["gpt-5.5"],
                "options": {"baseURL": NOWHERE},
            }
        },
    )
    assert registry.defaults() == {"openai": "gpt-5"}
    assert "gpt-5" in await refusal(registry.resolve("openai", "gpt-5.5"))
    assert [provider.id for provider in await registry.all_providers()] == ["openai"]
    with pytest.raises(Unavailable, match="ANTHROPIC_API_KEY"):
        await connect(enabled_providers=["anthropic"]).default()


async def test_the_configured_models_are_taken_for_prompts_and_titles(connect: Connect) -> None:
    registry = connect({"ANTHROPIC_API_KEY": "k"}, model="openai/gpt-5", small_model="a/b/c")
    choice = await registry.default()
    assert choice == ModelChoice(provider_id="openai", model_id="gpt-5")
    assert registry.small_models(choice) == [ModelChoice(provider_id="a", model_id="b/c")]
    assert "OPENAI_API_KEY" in await refusal(registry.resolve("openai", "gpt-5"))


async def test_titles_are_written_by_a_cheaper_model_of_the_same_provider(connect: Connect) -> None:
    registry = connect({"ANTHROPIC_API_KEY": "k"})
    [small] = registry.small_models(await registry.default())
    assert small.provider_id == "anthropic" and "haiku" in small.model_id
    demo = ModelChoice(provider_id="demo", model_id="demo")
    assert registry.small_models(demo) == [demo]


@pytest.mark.parametrize(
    ("text", "provider_id", "model_id"),
    [
        ("anthropic/claude-sonnet-4-6", "anthropic", "claude-sonnet-4-6"),
        ("huggingface/zai-org/GLM-5", "huggingface", "zai-org/GLM-5"),
        ("claude-sonnet-4-6", "anthropic", "claude-sonnet-4-6"),
        ("zai-org/GLM-5", "huggingface", "zai-org/GLM-5"),
        ("demo", "demo", "demo"),
    ],
)
async def test_a_model_may_be_named_with_or_without_its_provider(
    connect: Connect, text: str, provider_id: str, model_id: str
) -> None:
    registry = connect({"ANTHROPIC_API_KEY": "k", "HF_TOKEN": "k"})
    assert registry.parse(text) == ModelChoice(provider_id=provider_id, model_id=model_id)


@pytest.mark.parametrize("text", ["claude-sonet-4-6", "openai/gpt-5", "nobody/x", "", "/", "anthropic/"])
async def test_a_name_that_means_nothing_is_refused(connect: Connect, text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        connect({"ANTHROPIC_API_KEY": "k"}).parse(text)
    assert len(refused.value.message) < 300


async def test_a_key_set_at_run_time_connects_its_provider_and_is_never_shown(connect: Connect) -> None:
    registry = connect({"ANTHROPIC_BASE_URL": NOWHERE})
    before = await registry.resolve("demo", "demo")
    assert (await registry.default()).provider_id == "demo"
    await registry.set_key("anthropic", ApiAuth(key=SECRET))
    assert (await registry.default()).provider_id == "anthropic"
    assert by_id(await registry.providers())["anthropic"].source == "api"
    assert SECRET.encode() not in encode(await registry.all_providers())
    first = await registry.resolve("anthropic", "claude-sonnet-4-6")
    assert (await registry.resolve("anthropic", "claude-opus-4-7")).adapter is first.adapter
    assert (await registry.resolve("demo", "demo")).adapter is before.adapter
    assert (await connect().default()).provider_id == "anthropic"
    await registry.set_key("anthropic", ApiAuth(key="sk-other"))
    assert (await registry.resolve("anthropic", "claude-sonnet-4-6")).adapter is not first.adapter
    await registry.remove_key("anthropic")
    assert (await registry.default()).provider_id == "demo"


async def test_a_key_for_a_provider_that_is_not_known_is_refused(connect: Connect) -> None:
    registry = connect()
    assert "anthropic" in await refusal(registry.set_key("antropic", ApiAuth(key=SECRET)))
    assert "empty" in await refusal(registry.set_key("anthropic", ApiAuth(key="")))


async def test_well_known_providers_are_listed_before_they_are_connected(connect: Connect) -> None:
    listed = by_id(await connect({"OPENAI_BASE_URL": NOWHERE}).all_providers())
    assert list(listed)[:2] == ["openai", "demo"]
    assert listed["anthropic"].env == ["ANTHROPIC_API_KEY"] and listed["anthropic"].models == {}
    assert {"huggingface", "openrouter", "groq"} <= set(listed)


async def test_a_login_in_a_base_url_is_not_shown(connect: Connect) -> None:
    registry = connect(provider={"mine": {"options": {"baseURL": f"http://me:{SECRET}@127.0.0.1:9/v1"}}})
    assert SECRET.encode() not in encode(await registry.providers())
