"""From stored messages to what a model is sent."""

from typing import Any

from msgspec import UNSET

from opencode.agent.agents import default_prompt
from opencode.agent.context import CLEARED, INTERRUPTED, NO_CONTENT, system_prompt, turns
from opencode.provider.base import (
    AssistantTurn,
    Attachment,
    Reasoning,
    Text,
    ToolCall,
    ToolOutput,
    UserTurn,
)
from opencode.schema.agent import Agent
from opencode.schema.error import UnknownData, UnknownError
from opencode.schema.message import MessageWithParts, UserMessage
from opencode.schema.part import (
    AgentPart,
    FilePart,
    ReasoningPart,
    SubtaskPart,
    TimeSpan,
    ToolPart,
    ToolStateCompleted,
    ToolStatePending,
)
from opencode.schema.provider import Model
from tests.provider.wire_case import model

from .conversation import SESSION, assistant, call, failed_call, text, user

IDENTITY: dict[str, Any] = {"id": "prt_8", "session_id": SESSION, "message_id": "msg_1"}


def one() -> Model:
    """Return the model that wrote the answers."""
    return model("one")


def file(url: str, mime: str, filename: str | None = None) -> FilePart:
    return FilePart(**IDENTITY, mime=mime, url=url, filename=filename or UNSET)


def reasoning(words: str) -> ReasoningPart:
    return ReasoningPart(**IDENTITY, text=words, time=TimeSpan(start=1, end=2), metadata={"signature": "s"})


def contents(*history: MessageWithParts, by: Model | None = None) -> list[tuple[Any, ...]]:
    """Return what each turn holds, and check that the turns alternate, the user's first."""
    found = turns(history, by or one())
    kinds = [UserTurn, AssistantTurn] * len(found)
    assert [type(turn) for turn in found] == kinds[: len(found)]
    return [turn.content for turn in found]


def test_the_system_prompt_is_the_agents_then_the_instructions_the_day_and_the_prompts_own() -> None:
    info = user(1).info
    assert isinstance(info, UserMessage)
    info.system = "Be brief."
    agent = Agent(name="a", mode="primary", permission=[], options={}, prompt="You build.")
    first, second, day, last = system_prompt(agent, info, ["Instructions.", " \n"])
    assert (first, second, last) == ("You build.", "Instructions.", "Be brief.")
    assert day.startswith("Today is ")
    assert day.endswith(" (UTC).")


def test_an_agent_without_a_prompt_has_the_default_agents() -> None:
    info = user(1).info
    assert isinstance(info, UserMessage)
    for prompt in (UNSET, ""):
        agent = Agent(name="a", mode="primary", permission=[], options={}, prompt=prompt)
        assert system_prompt(agent, info, [])[0] == default_prompt()


def test_messages_of_one_side_in_a_row_are_one_turn() -> None:
    assert contents(user(1, text("a")), user(2, text("b")), assistant(3, text("c"))) == [
        (Text("a"), Text("b")),
        (Text("c"),),
    ]


def test_a_conversation_begins_with_the_user() -> None:
    assert contents(assistant(1, text("left over")), user(2, text("a"))) == [(Text("a"),)]


def test_an_answer_that_failed_before_its_first_word_is_left_out() -> None:
    assert contents(user(1, text("a")), assistant(2, text("  ")), user(3, text("b"))) == [
        (Text("a"), Text("b"))
    ]


def test_a_prompt_without_content_says_so() -> None:
    assert contents(user(1)) == [(Text(NO_CONTENT),)]
    assert contents(user(1, text("hidden", ignored=True))) == [(Text(NO_CONTENT),)]
    assert contents(user(1, text(""), text("a"))) == [(Text("a"),)]


def test_agents_that_a_prompt_names_are_asked_for_in_words() -> None:
    subtask = SubtaskPart(**IDENTITY, prompt="Look", description="d", agent="explore")
    named = AgentPart(**IDENTITY, name="general")
    assert contents(user(1, subtask, named)) == [
        (
            Text("Have the agent explore do this task:\n\nLook"),
            Text("(Use the task tool to have the agent general work on this.)"),
        )
    ]


def test_every_call_has_its_output_in_the_turn_after_it() -> None:
    pending = ToolPart(**IDENTITY, call_id="call_9", tool="todo", state=ToolStatePending(input={}, raw="{"))
    history = [user(1, text("a")), assistant(2, call("page"), failed_call("refused"), pending)]
    assert contents(*history)[1:] == [
        (
            ToolCall("call_1", "webfetch", {"url": "x"}, {}),
            ToolCall("call_2", "webfetch", {"url": "x"}, {}),
            ToolCall("call_9", "todo", {}, {}),
        ),
        (
            ToolOutput("call_1", "webfetch", "page"),
            ToolOutput("call_2", "webfetch", "refused", is_error=True),
            ToolOutput("call_9", "todo", INTERRUPTED, is_error=True),
        ),
    ]


def test_output_that_was_cleared_says_so() -> None:
    history = [user(1, text("a")), assistant(2, call("page", compacted=True))]
    assert contents(*history)[2] == (ToolOutput("call_1", "webfetch", CLEARED),)


def test_files_of_an_output_are_attached_where_the_model_reads_them_and_named_where_not() -> None:
    part = call("page")
    assert isinstance(part.state, ToolStateCompleted)
    part.state.attachments = [
        file("data:image/png;base64,aGk=", "image/png"),
        file("data:audio/mp3;base64,aGk=", "audio/mp3", "song.mp3"),
    ]
    picture = Attachment("image/png", "data:image/png;base64,aGk=", data="aGk=")
    reader = one()
    reader.capabilities.input.image = True
    both = contents(user(1, text("a")), assistant(2, part), by=reader)[2][0]
    assert both.attachments == (picture,)
    assert both.output == (
        "page\n[song.mp3 (audio/mp3) was left out: one does not accept files of this type. "
        "Tell the user if it matters.]"
    )


def test_reasoning_goes_back_only_to_the_model_that_wrote_it() -> None:
    history = [user(1, text("a")), assistant(2, reasoning("hm"), text("b"))]
    assert contents(*history)[1] == (Reasoning("hm", {"signature": "s"}), Text("b"))
    assert contents(*history, by=model("two"))[1] == (Text("b"),)
    elsewhere = one()
    elsewhere.provider_id = "other"
    assert contents(*history, by=elsewhere)[1] == (Text("b"),)


def test_reasoning_of_an_answer_that_failed_does_not_go_back() -> None:
    error = UnknownError(data=UnknownData(message="cut"))
    history = [user(1, text("a")), assistant(2, reasoning("hm"), text("b"), error=error)]
    assert contents(*history)[1] == (Text("b"),)


def test_reasoning_without_a_text_goes_back_before_the_part_that_followed_it() -> None:
    said, called = text("b"), call("page")
    said.metadata = {"before": [{"signature": "s"}, {"signature": "t"}, "no metadata"]}
    called.metadata = {"before": [{"signature": "u"}]}
    history = [user(1, text("a")), assistant(2, said, called)]
    answer = contents(*history)[1]
    assert [item for item in answer if isinstance(item, Reasoning)] == [answer[0], answer[1], answer[3]]
    assert answer[0] == Reasoning("", {"signature": "s"})
    assert answer[3] == Reasoning("", {"signature": "u"})
    assert not any(isinstance(item, Reasoning) for item in contents(*history, by=model("two"))[1])


def test_what_a_provider_notes_on_a_call_goes_back_only_to_its_model() -> None:
    part = call("page")
    part.metadata = {"signature": "s"}
    history = [user(1, text("a")), assistant(2, part)]
    assert contents(*history)[1] == (ToolCall("call_1", "webfetch", {"url": "x"}, {"signature": "s"}),)
    assert contents(*history, by=model("two"))[1] == (ToolCall("call_1", "webfetch", {"url": "x"}, {}),)


def test_what_a_provider_notes_on_a_text_goes_back_only_to_its_model() -> None:
    part = text("b")
    part.metadata = {"openai": {"phase": "commentary"}}
    history = [user(1, text("a")), assistant(2, part)]
    assert contents(*history)[1] == (Text("b", {"openai": {"phase": "commentary"}}),)
    assert contents(*history, by=model("two"))[1] == (Text("b"),)


def test_a_prompt_of_blanks_says_that_it_is_empty() -> None:
    assert contents(user(1, text(" \n"))) == [(Text(NO_CONTENT),)]


def test_a_pdf_is_sent_to_models_that_read_pdfs_alone() -> None:
    part = file("https://example.com/x.pdf", "application/pdf")
    (content,) = contents(user(1, part))
    assert content == (
        Text(
            "[A file (application/pdf) was left out: one does not accept files of this type. "
            "Tell the user if it matters.]"
        ),
    )
    reader = one()
    reader.capabilities.input.pdf = True
    assert contents(user(1, part), by=reader) == [(Attachment("application/pdf", part.url),)]
