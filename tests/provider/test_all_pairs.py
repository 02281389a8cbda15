"""A conversation that began with any provider goes on with any other, as strict servers see it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec import UNSET, structs

from opencode.agent.context import turns
from opencode.provider.adapters import ANTHROPIC, COMPATIBLE, OPENAI
from opencode.provider.base import ModelRequest
from opencode.provider.chat.request import chat_body
from opencode.provider.messages.request import messages_body
from opencode.provider.responses.request import responses_body
from opencode.schema.error import UnknownData, UnknownError
from opencode.schema.message import MessageWithParts
from opencode.schema.part import (
    CompletedTime,
    FilePart,
    Part,
    ReasoningPart,
    RunTime,
    TextPart,
    TimeSpan,
    ToolPart,
    ToolStateCompleted,
    ToolStateError,
    ToolStatePending,
)
from opencode.schema.provider import Model, ModelApi
from tests.agent.conversation import SESSION, assistant, user

from . import strict_servers as strict
from .strict_servers import PLAIN, Strict
from .wire_case import LOOKUP, model

BODIES: dict[str, Callable[[ModelRequest], dict[str, Any]]] = {
    OPENAI: responses_body,
    ANTHROPIC: messages_body,
}
BUDGET = {"thinking": {"type": "enabled", "budgetTokens": 2_000}}
LONG = "call_" + "x" * 100


@dataclass(frozen=True)
class Vendor:
    """A provider: where it is, what its readers keep of an answer, and what its server refuses.

    `ids`: the ids of four calls, which some providers give twice. `kept`: the metadata of reasoning, of
    calls and of text.
    """

    name: str
    provider: str
    model_id: str
    npm: str
    url: str
    rules: Strict
    ids: tuple[str, str, str, str] = ("call_1", "call_2", "call_3", "call_4")
    kept: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = ({}, {}, {})

    def __str__(self) -> str:
        return self.name

    def model(self) -> Model:
        known = structs.replace(
            model(self.model_id, reasoning=True),
            provider_id=self.provider,
            api=ModelApi(id=self.model_id, url=self.url, npm=self.npm),
        )
        known.capabilities.input.image = True
        return known


def details(name: str) -> dict[str, Any]:
    return {
        "reasoning_details": [{"type": "reasoning.encrypted", "data": f"sealed by {name}", "index": 0}],
        "reasoning_field": "reasoning",
    }


CONTENT = {"reasoning_field": "reasoning_content"}
THINKS = PLAIN | {"reasoning_content"}
SAYS = PLAIN | {"reasoning"}
DETAILS = SAYS | {"reasoning_details"}
CHAT = strict.COMPATIBLE
CACHED = frozenset({"text", "image_url", "file", "cache_control"})
KIMI_IDS = ("functions.lookup:0", "functions.lookup:1", "functions.lookup:0", "functions.lookup:1")

VENDORS = [
    Vendor(
        "openai",
        "openai",
        "gpt-5.2",
        OPENAI,
        "https://api.openai.com/v1",
        Strict("responses", strict.RESPONSES, parts=frozenset({"encrypted_content"}), own="openai"),
        kept=(
            {"openai": {"itemId": "rs_1", "reasoningEncryptedContent": "sealed by openai"}},
            {},
            {"openai": {"itemId": "msg_1", "phase": "commentary"}, "citations": []},
        ),
    ),
    Vendor(
        "openai-chat",
        "openai",
        "gpt-5.2",
        COMPATIBLE,
        "https://api.openai.com/v1",
        Strict("chat", strict.OPENAI_CHAT, system="developer"),
        ids=(LONG + "1", LONG + "2", LONG + "3", LONG + "4"),
    ),
    Vendor(
        "anthropic",
        "anthropic",
        "claude-sonnet-4-5",
        ANTHROPIC,
        "https://api.anthropic.com",
        Strict("messages", strict.MESSAGES, own="anthropic"),
        ids=("toolu_1", "toolu_2", "toolu_3", "toolu_4"),
        kept=({"anthropic": {"signature": "signed by anthropic"}}, {}, {}),
    ),
    Vendor(
        "kimi-messages",
        "kimi-for-coding",
        "k2p5",
        ANTHROPIC,
        "https://api.kimi.com/coding",
        Strict("messages", strict.MESSAGES),
        ids=KIMI_IDS,
    ),
    Vendor(
        "gemini",
        "google",
        "gemini-3-flash-preview",
        COMPATIBLE,
        "https://generativelanguage.googleapis.com/v1beta/openai",
        Strict("chat", CHAT, signed_calls=True, own="google"),
        kept=({}, {"extra_content": {"google": {"thought_signature": "signed by google"}}}, {}),
    ),
    Vendor(
        "openrouter-gemini",
        "openrouter",
        "google/gemini-3-flash-preview",
        COMPATIBLE,
        "https://openrouter.ai/api/v1",
        Strict("chat", CHAT, DETAILS, own="openrouter-gemini"),
        ids=("tool_lookup_a", "tool_lookup_b", "tool_lookup_c", "tool_lookup_d"),
        kept=(details("openrouter-gemini"), {}, {}),
    ),
    Vendor(
        "openrouter-claude",
        "openrouter",
        "anthropic/claude-sonnet-4.5",
        COMPATIBLE,
        "https://openrouter.ai/api/v1",
        Strict("chat", CHAT, DETAILS, own="openrouter-claude", parts=CACHED),
        kept=(details("openrouter-claude"), {}, {}),
    ),
    Vendor(
        "mistral",
        "mistral",
        "mistral-large-latest",
        COMPATIBLE,
        "https://api.mistral.ai/v1",
        Strict(
            "chat",
            strict.MISTRAL,
            call_id="[a-zA-Z0-9]{9}",
            user_after_tool=False,
            parts=frozenset({"text", "image_url", "document_url", "thinking"}),
        ),
        ids=("abcdefghi", "ABCDEFGHI", "123456789", "a1b2c3d4e"),
    ),
    Vendor(
        "devstral-elsewhere",
        "mine",
        "mistralai/Devstral-Small-2",
        COMPATIBLE,
        "http://127.0.0.1:8000/v1",
        Strict("chat", CHAT, SAYS, call_id="[a-zA-Z0-9]{9}", user_after_tool=False),
        ids=("abcdefghi", "abcdefghi", "abcdefghi", "abcdefghi"),
        kept=({"reasoning_field": "reasoning"}, {}, {}),
    ),
    Vendor(
        "deepseek",
        "mine",
        "deepseek-v4-pro",
        COMPATIBLE,
        "http://127.0.0.1:8001/v1",
        Strict("chat", CHAT, THINKS, needs="reasoning_content"),
        ids=("call_00_a", "call_01_b", "call_00_a", "call_01_b"),
        kept=(CONTENT, {}, {}),
    ),
    Vendor(
        "kimi",
        "moonshotai",
        "kimi-k2.5",
        COMPATIBLE,
        "https://api.moonshot.ai/v1",
        Strict("chat", CHAT, THINKS, needs="reasoning_content"),
        ids=KIMI_IDS,
        kept=(CONTENT, {}, {}),
    ),
    Vendor(
        "groq",
        "groq",
        "deepseek-r1-distill-llama-70b",
        "@ai-sdk/groq",
        "https://api.groq.com/openai/v1",
        Strict("chat", CHAT, SAYS),
        ids=("", "", "", ""),
        kept=({"reasoning_field": "reasoning"}, {}, {}),
    ),
    Vendor(
        "cerebras",
        "cerebras",
        "gpt-oss-120b",
        "@ai-sdk/cerebras",
        "https://api.cerebras.ai/v1",
        Strict("chat", CHAT, SAYS),
        ids=("9f1e", "9f1f", "9f1e", "9f1f"),
        kept=({"reasoning_field": "reasoning"}, {}, {}),
    ),
    Vendor(
        "perplexity",
        "perplexity",
        "sonar-pro",
        "@ai-sdk/perplexity",
        "https://api.perplexity.ai",
        Strict("chat", CHAT - {"stream_options"}, tools=False),
    ),
    Vendor(
        "deepseek-responses",
        "mine",
        "deepseek-v4",
        OPENAI,
        "http://127.0.0.1:8002/v1",
        Strict("responses", strict.RESPONSES, own="deepseek"),
        kept=({"openai": {"itemId": "rs_deepseek"}}, {}, {}),
    ),
]
IDS = [vendor.name for vendor in VENDORS]
IDENTITY: dict[str, Any] = {"id": "prt_1", "session_id": SESSION, "message_id": "msg_1"}
PNG = "data:image/png;base64,aW1n"


def text(words: str, metadata: dict[str, Any]) -> TextPart:
    return TextPart(**IDENTITY, text=words, metadata=metadata or UNSET)


def reasoning(words: str, metadata: dict[str, Any]) -> ReasoningPart:
    return ReasoningPart(**IDENTITY, text=words, time=TimeSpan(start=1, end=2), metadata=metadata or UNSET)


def call(call_id: str, state: Any, metadata: dict[str, Any], tool: str = "lookup") -> ToolPart:
    return ToolPart(**IDENTITY, call_id=call_id, tool=tool, state=state, metadata=metadata or UNSET)


def done(output: str, *files: FilePart) -> ToolStateCompleted:
    time = CompletedTime(start=1, end=2)
    attachments = list(files) or UNSET
    return ToolStateCompleted(
        input={"word": "x"}, output=output, title="", metadata={}, time=time, attachments=attachments
    )


def history(vendor: Vendor) -> list[MessageWithParts]:
    """Return a conversation with this vendor: reasoning, parallel calls, images, failed and aborted calls."""
    thought, noted, said = vendor.kept
    first, second, third, fourth = vendor.ids
    picture = FilePart(**IDENTITY, mime="image/png", url=PNG)
    failed = ToolStateError(input={"word": "y"}, error="refused", time=RunTime(start=1, end=2))
    aborted = UnknownError(data=UnknownData(message="aborted"))

    def answer(number: int, *parts: Part, **fields: Any) -> MessageWithParts:
        message = assistant(number, *parts, **fields)
        message.info.provider_id = vendor.provider  # type: ignore[union-attr]
        message.info.model_id = vendor.model_id  # type: ignore[union-attr]
        return message

    return [
        user(1, text("look", {}), picture),
        answer(
            2,
            reasoning("I look twice.", thought),
            text("I look.\n", said),
            call(first, done("found", picture), noted),
            call(second, done(""), {}),
        ),
        answer(3, reasoning("And again.", thought), call(third, failed, noted, tool="functions.look up")),
        answer(4, reasoning("Enough.", thought), text("That is all. ", said), reasoning("Hm.", {})),
        user(5, text("more", {})),
        answer(6, reasoning("Only thoughts.", thought)),
        user(7, text("well?", {})),
        answer(
            8,
            reasoning("cut", {}),
            call(fourth, ToolStatePending(input={}, raw='{"wo'), {}),
            error=aborted,
        ),
        user(9, text("go on", {})),
    ]


def body(vendor: Vendor, conversation: list[MessageWithParts], **fields: Any) -> dict[str, Any]:
    target = vendor.model()
    request = ModelRequest(
        model=target,
        turns=turns(conversation, target),
        system=("Be brief.", "Be kind."),
        tools=(LOOKUP,) if vendor.rules.tools else (),
        temperature=0.5,
        top_p=0.9,
        session_id="ses_1",
        **fields,
    )
    return BODIES.get(vendor.npm, chat_body)(request)


@pytest.mark.parametrize("target", VENDORS, ids=IDS)
@pytest.mark.parametrize("origin", VENDORS, ids=IDS)
def test_a_conversation_goes_on_with_any_provider(origin: Vendor, target: Vendor) -> None:
    whole = history(origin)
    assert target.rules.refusals(body(target, whole)) == []
    options = BUDGET if target.rules.wire == "messages" else {}
    for steps in (2, 3):  # in the middle of a turn, as where a chain of models falls back
        assert target.rules.refusals(body(target, whole[:steps], options=options)) == []


@pytest.mark.parametrize("second", VENDORS, ids=IDS)
@pytest.mark.parametrize("first", VENDORS, ids=IDS)
def test_a_conversation_that_changed_providers_goes_back_to_the_first(first: Vendor, second: Vendor) -> None:
    both = [*history(first), *history(second)]
    assert first.rules.refusals(body(first, both)) == []


@pytest.mark.parametrize(
    "vendor", [vendor for vendor in VENDORS if vendor.kept[0] or vendor.kept[1]], ids=str
)
def test_what_a_provider_kept_of_its_own_answers_goes_back_to_it(vendor: Vendor) -> None:
    sent = json.dumps(body(vendor, history(vendor)))
    thought, noted, _ = vendor.kept
    if "reasoning_details" in thought or "anthropic" in thought or noted:
        assert f"ed by {vendor.rules.own}" in sent
    elif vendor.rules.wire == "chat":
        assert f'"{thought["reasoning_field"]}": "I look twice."' in sent
    else:
        assert '"type": "reasoning"' in sent


@pytest.mark.parametrize("target", VENDORS, ids=IDS)
def test_the_beginning_of_a_conversation_stays_the_same_from_step_to_step(target: Vendor) -> None:
    """Providers cache what a request has in common with the last one."""
    for origin in VENDORS:
        key = "input" if target.rules.wire == "responses" else "messages"
        whole = history(origin)
        early, late = (body(target, part)[key] for part in (whole[:2], whole[:4]))
        plain = [json.loads(json.dumps(item)) for item in (early, late)]
        assert uncached(plain[1])[: len(plain[0])] == uncached(plain[0])


def uncached(value: Any) -> Any:
    """Return a value without cache breakpoints, and with a text that is marked as a text."""
    if isinstance(value, dict):
        marked = value.get("content")
        if isinstance(marked, list) and len(marked) == 1 and marked[0].get("type") == "text":
            value = {**value, "content": marked[0]["text"]}
        return {key: uncached(inner) for key, inner in value.items() if key != "cache_control"}
    return [uncached(inner) for inner in value] if isinstance(value, list) else value
