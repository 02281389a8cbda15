"""What vendors want otherwise, and how opencode.json overrides it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from opencode.errors import ModelAPIError
from opencode.provider.base import (
    AssistantTurn,
    Attachment,
    ModelRequest,
    Reasoning,
    Text,
    ToolCall,
    ToolOutput,
    UserTurn,
)
from opencode.provider.chat.request import chat_body
from opencode.provider.messages.request import messages_body
from opencode.provider.quirks import OWN_OPTIONS, Quirks, quirks_of
from opencode.provider.responses.request import responses_body
from opencode.provider.vendors import VENDORS
from opencode.schema.provider import Model, ModelApi

from .wire_case import LOOKUP, asking, model

BODIES = [chat_body, messages_body, responses_body]
LOOKED = (
    UserTurn((Text("look"),)),
    AssistantTurn((ToolCall("abcdefghi", "lookup", {}),)),
    UserTurn((ToolOutput("abcdefghi", "lookup", "found"), Text("so?"))),
)


def at(provider: str, model_id: str, url: str = "http://127.0.0.1:1/v1", npm: str = "") -> Model:
    api = ModelApi(id=model_id, url=url, npm=npm)
    return structs.replace(model(model_id, reasoning=True), provider_id=provider, api=api)


def quirks(known: Model, **options: Any) -> Quirks:
    return quirks_of(known, options, VENDORS)


def test_every_entry_of_the_table_has_valid_quirks() -> None:
    for entry in VENDORS:
        msgspec.convert(entry.quirks, Quirks)


def test_the_documentation_names_every_quirk_and_option() -> None:
    table = (Path(__file__).parents[2] / "docs/providers.md").read_text()
    quirk_names = {field.encode_name for field in msgspec.structs.fields(Quirks)}
    assert {name for name in quirk_names | OWN_OPTIONS if f"`{name}`" not in table} == set()


def test_a_server_of_ones_own_with_an_unknown_model_has_no_quirks() -> None:
    assert quirks(at("mine", "my-model")) == Quirks()


@pytest.mark.parametrize(
    ("provider", "model_id", "url"),
    [
        ("mistral", "any", ""),
        ("mine", "any", "https://api.mistral.ai/v1"),
        ("mine", "any", "https://eu.api.mistral.ai:443/v1"),
        ("mine", "mistralai/Mistral-Small-3", "http://127.0.0.1:1/v1"),
        ("mine", "devstral", ""),
        ("mine", "ministral-8b", ""),
        ("mine", "open-mixtral-8x7b", ""),
    ],
)
def test_a_vendor_is_found_by_provider_host_and_model(provider: str, model_id: str, url: str) -> None:
    assert quirks(at(provider, model_id, url)).call_id_length == 9


@pytest.mark.parametrize(
    "url",
    ["https://api.mistral.ai.example.com/v1", "https://notapi.mistral.ai.test", "https://x/api.mistral.ai"],
)
def test_a_host_that_only_looks_like_a_vendors_is_another(url: str) -> None:
    assert quirks(at("mine", "any", url)) == Quirks()


def test_the_package_names_a_vendor_too() -> None:
    assert quirks(at("mine", "any", npm="@ai-sdk/mistral")).forced_call == "any"


def test_a_hosts_rules_count_for_the_models_that_it_serves() -> None:
    assert quirks(at("mine", "deepseek-r1")).reasoning_field == "reasoning_content"
    assert quirks(at("groq", "deepseek-r1")).reasoning_field == "reasoning"
    assert quirks(at("openrouter", "openai/gpt-5")).output_limit == "max_tokens"


def test_opencode_json_overrides_quirks() -> None:
    changed = quirks(at("mistral", "any"), quirks={"bridge": "", "callIdLength": 0})
    assert (changed.bridge, changed.call_id_length, changed.forced_call) == ("", 0, "any")


@pytest.mark.parametrize("own", [{"brigde": ""}, {"bridge": 1}, "bridge", ["bridge"]])
@pytest.mark.parametrize("body", BODIES)
def test_a_quirk_that_does_not_exist_is_told(body: Any, own: Any) -> None:
    with pytest.raises(ModelAPIError, match=r"options\.quirks of the model test/test-model in opencode"):
        body(asking(options={"quirks": own}))


@pytest.mark.parametrize("body", BODIES)
def test_options_of_this_servers_own_are_never_sent(body: Any) -> None:
    own = {
        "quirks": {},
        "serverTools": [],
        "cacheTtl": "5m",
        "toolStreaming": False,
        "thinkTags": False,
        "setCacheKey": False,
        "includeUsage": True,
    }
    assert own.keys() == OWN_OPTIONS
    assert body(asking(options={**own, "some_option": 1})) == {**body(asking()), "some_option": 1} | (
        {"messages": body(asking(options=own))["messages"]} if body is messages_body else {}
    )


def roles(request: ModelRequest) -> list[str]:
    return [message["role"] for message in chat_body(request)["messages"]]


def test_something_of_the_assistants_stands_between_a_result_and_a_user_for_mistral() -> None:
    assert roles(asking(*LOOKED)) == ["user", "assistant", "tool", "user"]
    mistral = at("mistral", "mistral-small-latest")
    assert roles(asking(*LOOKED, model=mistral)) == ["user", "assistant", "tool", "assistant", "user"]
    body = chat_body(asking(*LOOKED, model=mistral, tools=(LOOKUP,), tool_choice="required"))
    assert body["tool_choice"] == "any"
    assert "stream_options" not in body


def test_mistral_gets_reasoning_as_parts_and_pdfs_as_documents() -> None:
    pdf = Attachment("application/pdf", "data:", data="cGRm", filename="b.pdf")
    answer = AssistantTurn((Reasoning("hm", {}), Text("b")))
    request = asking(
        UserTurn((Text("a"), pdf)), answer, UserTurn((Text("c"),)), model=at("mistral", "magistral")
    )
    user, assistant, _ = chat_body(request)["messages"]
    document = {"type": "document_url", "document_url": "data:application/pdf;base64,cGRm"}
    assert user["content"][1] == document
    assert assistant["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "b"},
    ]


def test_calls_of_other_models_get_the_stand_in_for_geminis_signature() -> None:
    gemini = at("google", "gemini-3-flash-preview")
    two = AssistantTurn((ToolCall("a", "lookup", {}), ToolCall("b", "lookup", {})))
    answered = UserTurn((ToolOutput("a", "lookup", "x"), ToolOutput("b", "lookup", "y")))
    first, second = chat_body(asking(LOOKED[0], two, answered, model=gemini))["messages"][1]["tool_calls"]
    assert first["extra_content"] == {"google": {"thought_signature": "skip_thought_signature_validator"}}
    assert "extra_content" not in second
    signed = {"extra_content": {"google": {"thought_signature": "mine"}}}
    own = AssistantTurn((ToolCall("a", "lookup", {}, signed), ToolCall("b", "lookup", {})))
    first, second = chat_body(asking(LOOKED[0], own, answered, model=gemini))["messages"][1]["tool_calls"]
    assert (first["extra_content"], "extra_content" in second) == (signed["extra_content"], False)


def test_reasoning_goes_back_in_the_field_that_it_came_in() -> None:
    answer = AssistantTurn((Reasoning("hm", {"reasoning_field": "reasoning"}), Text("b")))
    request = asking(LOOKED[0], answer, UserTurn((Text("c"),)))
    assert chat_body(request)["messages"][1] == {"role": "assistant", "content": "b", "reasoning": "hm"}


def test_reasoning_details_go_back_as_the_array_that_they_were() -> None:
    text = {"type": "reasoning.text", "text": "hm", "index": 0}
    sealed = {"type": "reasoning.encrypted", "data": "x", "index": 1}
    answer = AssistantTurn(
        (
            Reasoning("hm", {"reasoning_details": [text], "reasoning_field": "reasoning"}),
            ToolCall("a", "lookup", {}, {"reasoning_details": [sealed]}),
        )
    )
    known = at("openrouter", "google/gemini-3-flash-preview")
    message = chat_body(asking(LOOKED[0], answer, UserTurn((Text("c"),)), model=known))["messages"][1]
    assert message["reasoning_details"] == [text, sealed]
    assert "reasoning" not in message


def test_claude_behind_a_gateway_is_told_what_may_be_cached() -> None:
    claude = at("openrouter", "anthropic/claude-sonnet-4.5")
    body = chat_body(asking(*LOOKED, model=claude, system=("Be brief.",), options={"cacheTtl": "1h"}))
    mark = {"type": "ephemeral", "ttl": "1h"}
    assert body["messages"][0]["content"] == [{"type": "text", "text": "Be brief.", "cache_control": mark}]
    assert body["messages"][-1]["content"] == [{"type": "text", "text": "so?", "cache_control": mark}]
    assert str(body).count("cache_control") == 3
    body = chat_body(asking(*LOOKED[:2], UserTurn(LOOKED[2].content[:1]), model=claude))
    assert body["messages"][-1] == {
        "role": "tool",
        "tool_call_id": "abcdefghi",
        "content": "found",
        "cache_control": {"type": "ephemeral"},
    }


@pytest.mark.parametrize(("effort", "sampled"), [("low", False), ("none", True)])
def test_openais_reasoning_models_take_no_sampling_while_they_reason(effort: str, sampled: bool) -> None:
    options = {"reasoningEffort": effort}
    for body in (chat_body, responses_body):
        sent = body(asking(model=at("openai", "gpt-5.2"), temperature=0.5, top_p=0.9, options=options))
        assert ("temperature" in sent, "top_p" in sent) == (sampled, sampled)


def test_a_proxy_that_needs_tools_gets_one_that_does_nothing() -> None:
    body = chat_body(asking(*LOOKED, model=at("litellm", "claude")))
    assert [tool["function"]["name"] for tool in body["tools"]] == ["unused"]
    assert "tools" not in chat_body(asking(model=at("litellm", "claude")))


def test_claude_streams_the_input_of_calls_at_its_makers_and_where_it_is_asked_for() -> None:
    def streamed(known: Model, **options: Any) -> bool:
        (tool,) = messages_body(asking(tools=(LOOKUP,), model=known, options=options))["tools"]
        return tool.get("eager_input_streaming", False)

    own = at("anthropic", "claude-sonnet-4-6", "https://api.anthropic.com")
    assert streamed(own)
    assert not streamed(own, toolStreaming=False)
    assert not streamed(at("mine", "claude-sonnet-4-6"))
    assert streamed(at("mine", "claude-sonnet-4-6"), toolStreaming=True)


def test_thinking_without_a_signature_goes_back_to_models_that_sign_none() -> None:
    answer = AssistantTurn((Reasoning("hm", {}), Text("b")))
    turns = (LOOKED[0], answer, UserTurn((Text("c"),)))
    kimi = messages_body(asking(*turns, model=at("kimi-for-coding", "k2p5")))
    assert kimi["messages"][1]["content"][0] == {"type": "thinking", "thinking": "hm", "signature": ""}


def test_thinking_is_left_out_where_another_models_calls_are_being_answered() -> None:
    options = {"thinking": {"type": "enabled", "budgetTokens": 2_000}}
    answered = (*LOOKED[:2], UserTurn(LOOKED[2].content[:1]))
    assert "thinking" not in messages_body(asking(*answered, options=options))
    assert "thinking" in messages_body(asking(*LOOKED, options=options))
    signed = {"anthropic": {"signature": "s"}}
    own = AssistantTurn((Reasoning("hm", signed), *LOOKED[1].content))  # type: ignore[misc]
    assert "thinking" in messages_body(asking(LOOKED[0], own, answered[2], options=options))


def test_server_tools_are_written_as_each_api_names_them() -> None:
    options = {"serverTools": ["web_search", {"type": "web_fetch", "maxUses": 3}, {"type": "new_20270101"}]}
    body = messages_body(asking(tools=(LOOKUP,), options=options, session_id="ses_1"))
    assert body["tools"][:3] == [
        {"type": "web_search_20250305", "name": "web_search"},
        {"type": "web_fetch_20250910", "name": "web_fetch", "max_uses": 3},
        {"type": "new_20270101"},
    ]
    assert body["tools"][3]["name"] == "lookup"
    own = {"type": "web_search", "searchContextSize": "low"}
    options = {"serverTools": ["code_execution", own]}
    assert "tools" not in responses_body(asking(options=options)), "a title needs no search"
    body = responses_body(asking(options=options, session_id="ses_1"))
    assert body["tools"] == [
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "web_search", "search_context_size": "low"},
    ]


@pytest.mark.parametrize("tools", [["web_serch"], [1], [{"name": "x"}], "web_serch"])
def test_a_server_tool_that_does_not_exist_is_told(tools: Any) -> None:
    with pytest.raises(ModelAPIError, match=r"serverTools .* It has: web_search"):
        messages_body(asking(options={"serverTools": tools}, session_id="ses_1"))


def test_cache_breakpoints_last_as_long_as_asked_for() -> None:
    body = messages_body(asking(system=("s",), tools=(LOOKUP,), options={"cacheTtl": "1h"}))
    assert str(body).count("'ttl': '1h'") == 3


def test_options_are_written_as_each_api_names_them() -> None:
    options = {"serviceTier": "flex", "parallelToolCalls": False, "textVerbosity": "low", "seed": 1}
    body = chat_body(asking(options={**options, "reasoningSummary": "auto"}))
    sent = {"service_tier": "flex", "parallel_tool_calls": False, "verbosity": "low", "seed": 1}
    assert sent.items() <= body.items() and "reasoningSummary" not in body
    body = responses_body(asking(options={**options, "maxToolCalls": 2, "thinking": {}, "verbosity": "high"}))
    assert (body["max_tool_calls"], body["text"], "thinking" in body) == (2, {"verbosity": "low"}, False)
    body = messages_body(
        asking(options={"metadata": {"user_id": "u"}, "serviceTier": "auto", "reasoningEffort": "x"})
    )
    assert (body["metadata"], body["service_tier"], "reasoning_effort" in body) == (
        {"user_id": "u"},
        "auto",
        False,
    )


def test_nothing_of_an_earlier_response_is_referred_to() -> None:
    options = {"previousResponseId": "resp_1", "conversation": "c", "store": True, "background": True}
    body = responses_body(asking(options=options))
    assert body["store"] is False
    assert not {"previous_response_id", "conversation", "background"} & body.keys()


def test_the_phase_of_a_message_goes_back() -> None:
    said = AssistantTurn(
        (
            Text("I look.", {"openai": {"itemId": "msg_1", "phase": "commentary"}}),
            Text("Done.", {"openai": {"itemId": "msg_2", "phase": "final_answer"}}),
            Text("More.", {"citations": []}),
        )
    )
    body = responses_body(asking(LOOKED[0], said, UserTurn((Text("c"),))))
    phases = [item.get("phase") for item in body["input"] if item["role"] == "assistant"]
    assert phases == ["commentary", "final_answer", None]


def test_reasoning_goes_back_as_text_to_servers_that_do_not_encrypt_it() -> None:
    said = AssistantTurn((Reasoning("hm", {"openai": {"itemId": "rs_1"}}), ToolCall("a", "lookup", {})))
    turns = (LOOKED[0], said, UserTurn((ToolOutput("a", "lookup", "x"),)))
    body = responses_body(asking(*turns, model=at("mine", "deepseek-v4")))
    content = [{"type": "reasoning_text", "text": "hm"}]
    assert body["input"][1] == {"type": "reasoning", "id": "rs_1", "summary": [], "content": content}
    assert [item["type"] for item in responses_body(asking(*turns))["input"]][1] == "function_call"


def test_what_the_providers_own_tools_did_goes_back_while_they_are_allowed() -> None:
    call = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "x"}}
    result = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []}
    cut = {**call, "id": "srv_2"}
    kept = [Reasoning("Searching.", {"anthropic": {"block": block}}) for block in (call, result, cut)]
    turns = (LOOKED[0], AssistantTurn((*kept, Text("found"))), UserTurn((Text("c"),)))
    allowed = messages_body(asking(*turns, options={"serverTools": ["web_search"]}))
    assert allowed["messages"][1]["content"] == [call, result, {"type": "text", "text": "found"}]
    assert messages_body(asking(*turns))["messages"][1]["content"] == [{"type": "text", "text": "found"}]
    paused = messages_body(asking(*turns[:2], options={"serverTools": ["web_search"]}))
    assert cut in paused["messages"][-1]["content"], "an answer that was paused goes on where it was"
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    searched = AssistantTurn((Reasoning("Searching.", {"openai": {"item": item}}),))
    assert responses_body(asking(LOOKED[0], searched, LOOKED[0]))["input"][1] == item
