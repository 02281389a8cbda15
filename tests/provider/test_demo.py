import time

import msgspec
import pytest

from opencode.errors import ModelAPIError
from opencode.provider.base import (
    AssistantTurn,
    Finish,
    ModelRequest,
    ReasoningDelta,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolDefinition,
    ToolOutput,
    UserTurn,
)
from opencode.provider.demo.adapter import DEMO_MODELS, DemoAdapter
from opencode.schema.base import JsonObject

ALL_TOOLS = ("websearch", "webfetch", "todowrite")


def asking(*turns: str | AssistantTurn | UserTurn, tools: tuple[str, ...] = ALL_TOOLS) -> ModelRequest:
    return ModelRequest(
        model=DEMO_MODELS["demo"],
        turns=tuple(UserTurn((Text(turn),)) if isinstance(turn, str) else turn for turn in turns),
        tools=tuple(ToolDefinition(name, "", {"type": "object"}) for name in tools),
    )


async def play(request: ModelRequest) -> list[StreamEvent]:
    return [event async for event in DemoAdapter(tokens_per_second=0).stream(request)]


def text_of(events: list[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def calls_of(events: list[StreamEvent]) -> list[tuple[str, JsonObject]]:
    names = {event.call_id: event.name for event in events if isinstance(event, ToolCallStart)}
    ends = [event for event in events if isinstance(event, ToolCallEnd)]
    return [(names[end.call_id], msgspec.json.decode(end.raw)) for end in ends]


def finish_of(events: list[StreamEvent]) -> Finish:
    assert isinstance(events[-1], Finish)
    assert sum(isinstance(event, Finish) for event in events) == 1
    return events[-1]


@pytest.mark.parametrize(
    ("message", "tool", "value"),
    [
        ("search quart streaming", "websearch", {"query": "quart streaming"}),
        ("Search for bread", "websearch", {"query": "bread"}),
        ("fetch https://example.com/a", "webfetch", {"url": "https://example.com/a", "format": "markdown"}),
        ('"search two words"', "websearch", {"query": "two words"}),
        ("https://example.com", "webfetch", {"url": "https://example.com", "format": "markdown"}),
    ],
)
async def test_a_plain_command_calls_the_tool(message: str, tool: str, value: JsonObject) -> None:
    events = await play(asking(message))
    assert isinstance(events[0], ReasoningDelta)
    assert calls_of(events) == [(tool, value)]
    assert finish_of(events).reason == "tool-calls"


async def test_it_asks_and_has_others_do_things_when_told_to() -> None:
    tools = ("question", "task")
    ((name, value),) = calls_of(await play(asking("ask me: tea or green coffee?", tools=tools)))
    assert (name, value["questions"][0]["question"]) == ("question", "tea or green coffee?")
    assert [option["label"] for option in value["questions"][0]["options"]] == ["tea", "green coffee"]
    ((name, value),) = calls_of(await play(asking("task: search for bread", tools=tools)))
    assert (name, value["prompt"], value["subagent_type"]) == ("task", "search for bread", "general")


async def test_a_conversation_is_condensed_to_what_the_user_said() -> None:
    told = "<conversation>\nUser:\nsearch bread\n\nAssistant:\nFound.\n\nUser:\nfail\n</conversation>"
    events = await play(asking(told, tools=()))
    assert "- search bread\n- fail" in text_of(events)


@pytest.mark.parametrize(
    "message", ["todo: buy bread, bake cake", "todo buy bread; bake cake", "todos: buy bread,bake cake"]
)
async def test_todos_are_written_as_a_list(message: str) -> None:
    [(tool, value)] = calls_of(await play(asking(message)))
    assert tool == "todowrite"
    assert [todo["content"] for todo in value["todos"]] == ["buy bread", "bake cake"]


async def test_commands_on_several_lines_are_parallel_calls_with_their_own_ids() -> None:
    events = await play(asking("search a\nfetch https://b.example\ntodo: c"))
    assert [name for name, _ in calls_of(events)] == ["websearch", "webfetch", "todowrite"]
    assert len({event.call_id for event in events if isinstance(event, ToolCallStart)}) == 3


async def test_the_deltas_of_a_call_make_its_input() -> None:
    events = await play(asking("search a very long query that takes several deltas"))
    [end] = [event for event in events if isinstance(event, ToolCallEnd)]
    assert "".join(event.text for event in events if isinstance(event, ToolCallDelta)) == end.raw


async def test_a_tool_that_the_agent_lacks_is_not_called() -> None:
    events = await play(asking("search a", tools=("webfetch",)))
    assert calls_of(events) == []
    assert "websearch" in text_of(events)
    assert finish_of(events).reason == "stop"


async def after(tool: str, value: JsonObject, output: str, *, is_error: bool = False) -> str:
    request = asking(
        "go",
        AssistantTurn((ToolCall("call_1", tool, value),)),
        UserTurn((ToolOutput("call_1", tool, output, is_error),)),
    )
    events = await play(request)
    assert finish_of(events).reason == "stop"
    return text_of(events)


async def test_a_search_is_answered_with_its_sources_as_links() -> None:
    found = "## 1. [Quart](https://quart.example/)\nAn async framework\n\n2. Docs https://docs.example/a."
    text = await after("websearch", {"query": "quart"}, found)
    assert "[Quart](https://quart.example/)" in text
    assert "[docs.example/a](https://docs.example/a)" in text


async def test_a_fetched_page_is_answered_with_its_first_lines_and_its_address() -> None:
    text = await after("webfetch", {"url": "https://a.example/x"}, "# Title\n\nFirst line.\n" + "more\n" * 50)
    assert "(https://a.example/x)" in text
    assert "> # Title" in text and "> First line." in text
    assert text.count("more") < 10


async def test_written_todos_are_answered_as_a_checklist() -> None:
    text = await after("todowrite", {"todos": [{"content": "a"}, {"content": "b"}]}, "[]")
    assert "- [ ] a\n- [ ] b" in text


async def test_a_failed_call_is_said_to_have_failed_without_the_advice_to_models() -> None:
    output = "The host 'a.example' has no address. Check its spelling, or search for the page."
    text = await after("webfetch", {"url": "https://a.example"}, output, is_error=True)
    assert text == "`webfetch` failed:\n\n> The host 'a.example' has no address.  "
    output = "The search engines can't be reached. Do without the search, and tell the user that it failed."
    text = await after("websearch", {"query": "x"}, output, is_error=True)
    assert "tell the user" not in text and "EXA_API_KEY" in text


@pytest.mark.parametrize(
    ("tool", "value", "output", "expected"),
    [
        ("websearch", {"query": "x"}, "Nothing was found for 'x'. Try other words.", "No results for *x*."),
        (
            "question",
            {"questions": [{"question": "Tea?"}]},
            'The user has answered: "Tea?"="Yes". Go on with the answers in mind.',
            "You answered: **Yes**",
        ),
        (
            "task",
            {"prompt": "p"},
            "Done.\n\n[task_id: ses_1, to go on with this task]",
            "The other agent answered:\n\n> Done.  ",
        ),
        (
            "webfetch",
            {"url": "https://a.example"},
            "[The page has no text. It may need JavaScript, which web fetch does not run.]",
            "[a.example](https://a.example) has no text.",
        ),
        ("weather_today", {}, "Sunny", "`weather_today` returned:\n\n> Sunny  "),
    ],
)
async def test_results_are_told_in_words_of_its_own(
    tool: str, value: JsonObject, output: str, expected: str
) -> None:
    assert await after(tool, value, output) == expected


async def test_the_address_is_the_configured_one_where_no_client_is_known() -> None:
    demo = DemoAdapter(tokens_per_second=0, address="https://me-my.hf.space")
    text = text_of([event async for event in demo.stream(asking("hello"))])
    assert "curl -X PUT https://me-my.hf.space/auth/anthropic" in text


async def test_anything_else_is_answered_with_what_it_is_and_how_to_set_a_key() -> None:
    events = await play(asking("Hello, what can you help me with?"))
    text = text_of(events)
    assert "demo" in text and "> Hello, what can you help me with?" in text
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "HF_TOKEN", "OPENAI_BASE_URL", "/auth/anthropic"):
        assert name in text
    tokens = finish_of(events).tokens
    assert tokens.input > 0 and tokens.output > 100 and tokens.reasoning > 0


async def test_reminders_added_by_the_server_are_not_taken_for_the_users_words() -> None:
    events = await play(asking("<system-reminder>search nothing</system-reminder>\nhi"))
    assert calls_of(events) == []
    assert "> hi" in text_of(events) and "system-reminder" not in text_of(events)


async def test_fail_fails_once_and_for_good() -> None:
    with pytest.raises(ModelAPIError) as failed:
        await play(asking("fail"))
    assert not failed.value.retryable


async def test_a_prompt_that_failed_does_not_make_the_next_one_fail() -> None:
    both = UserTurn((Text("fail"), Text("hello")))
    assert "demo model" in text_of(await play(asking(both)))


async def test_a_title_is_the_users_first_words() -> None:
    words = "How do I stream server-sent events from a Quart application behind a proxy?"
    request = asking("Generate a title for this conversation:\n", words, tools=())
    title = text_of(await play(request))
    assert title == "How do I stream server-sent events from a Quart"
    assert len(title) <= 50


async def test_without_tools_a_message_is_still_answered() -> None:
    assert "demo" in text_of(await play(asking("hello", tools=())))


async def test_the_stream_keeps_its_pace() -> None:
    started = time.monotonic()
    events = [event async for event in DemoAdapter(tokens_per_second=2_000).stream(asking("markdown"))]
    tokens = finish_of(events).tokens
    assert time.monotonic() - started >= (tokens.output + tokens.reasoning) / 2_000
    assert len(events) > 50
