"""Builds a model request's content from stored messages: the system prompt and the conversation's turns."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from msgspec import UNSET

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
from opencode.schema.base import given
from opencode.schema.message import AssistantMessage, MessageWithParts, UserMessage
from opencode.schema.part import (
    AgentPart,
    CompactionPart,
    FilePart,
    Part,
    ReasoningPart,
    SubtaskPart,
    TextPart,
    ToolPart,
    ToolStateCompleted,
    ToolStateError,
)
from opencode.schema.provider import Model
from opencode.tool.task import TASK

from .agents import default_prompt
from .compaction import since_summary
from .files import readable, refused_files
from .subtask import task_result

INTERRUPTED = "The call was interrupted before it returned a result."
NO_CONTENT = "(empty message)"
SUMMARY_REQUEST = "Summarize the conversation so far."
CLEARED = "[This output was cleared to save context. Call the tool again if you need it.]"

UserContent = Text | Attachment | ToolOutput
AssistantContent = Text | Reasoning | ToolCall


def system_prompt(
    agent: Agent, user: UserMessage, instructions: Iterable[str], usual: str = ""
) -> tuple[str, ...]:
    """Return the system blocks: the agent's prompt, `instructions`, today's date and `user.system`.

    An agent without a prompt has that of the default one. `usual`: what counts without `user.system`.
    """
    today = datetime.now(UTC).strftime("%A, %d %B %Y")
    prompt = given(agent.prompt, "") or default_prompt()
    blocks = [prompt, *instructions, f"Today is {today} (UTC).", given(user.system, usual)]
    return tuple(block for block in blocks if block.strip())


def turns(
    history: Iterable[MessageWithParts], model: Model, refusals: Iterable[str] = ()
) -> tuple[UserTurn | AssistantTurn, ...]:
    """Return the conversation as alternating turns, for `model`.

    The output of each tool call is in the next user turn; a call without a result gets an error. Reasoning is
    sent only to the model that wrote it. Answers without content are left out. Files that the provider
    refused are replaced by notes; `refusals`: its errors for the answer that is asked for now.
    """
    history = list(history)
    refused = refused_files(history, model, refusals)
    conversation: list[tuple[bool, list[UserContent] | list[AssistantContent]]] = []
    for message in since_summary(history):
        if isinstance(message.info, UserMessage):
            _add(conversation, True, list(_user_content(message.parts, model, refused)))
        else:
            _add(conversation, False, list(_assistant_content(message.info, message.parts, model)))
            if calls := [part for part in message.parts if isinstance(part, ToolPart)]:
                _add(conversation, True, list(_tool_outputs(calls, model, refused)))
                _add(conversation, True, list(_task_results(calls)))
    while conversation and not conversation[0][0]:
        conversation.pop(0)
    return tuple(
        UserTurn(tuple(content)) if by_user else AssistantTurn(tuple(content))  # type: ignore[arg-type]
        for by_user, content in conversation
    )


def _add(conversation: list[tuple[bool, list]], by_user: bool, content: list) -> None:  # type: ignore[type-arg]
    if not content:
        return
    if conversation and conversation[-1][0] == by_user:
        conversation[-1][1].extend(content)
    else:
        conversation.append((by_user, content))


def _user_content(parts: Iterable[Part], model: Model, refused: Mapping[str, str]) -> Iterator[UserContent]:
    empty = True
    for part in parts:
        if isinstance(part, TextPart) and part.text.strip() and part.ignored is not True:
            empty = False
            yield Text(part.text)
        elif isinstance(part, FilePart):
            empty = False
            yield readable(part, model, refused)
        elif isinstance(part, CompactionPart):
            empty = False
            yield Text(SUMMARY_REQUEST)
        elif isinstance(part, SubtaskPart):
            empty = False
            yield Text(f"Have the agent {part.agent} do this task:\n\n{part.prompt}")
        elif isinstance(part, AgentPart):
            empty = False
            yield Text(f"(Use the {TASK} tool to have the agent {part.name} work on this.)")
    if empty:
        yield Text(NO_CONTENT)


def _assistant_content(
    message: AssistantMessage, parts: Iterable[Part], model: Model
) -> Iterator[AssistantContent]:
    same_model = message.provider_id == model.provider_id and message.model_id == model.id
    for part in parts:
        if same_model and message.error is UNSET:
            yield from _reasoning_before(part)
        if isinstance(part, TextPart):
            if part.text.strip():
                yield Text(part.text, given(part.metadata, {}) if same_model else {})
        elif isinstance(part, ReasoningPart):
            if same_model and message.error is UNSET:
                yield Reasoning(part.text, given(part.metadata, {}))
        elif isinstance(part, ToolPart) and task_result(part) is None:
            metadata = given(part.metadata, {}) if same_model else {}
            yield ToolCall(part.call_id, part.tool, part.state.input, metadata)


def _reasoning_before(part: Part) -> Iterator[Reasoning]:
    """Yield the reasoning without a text that came before a part: `before` in its metadata, see BlockEnd."""
    if isinstance(part, TextPart | ReasoningPart | ToolPart):
        before = given(part.metadata, {}).get("before")
        for metadata in before if isinstance(before, list) else ():
            if isinstance(metadata, dict):
                yield Reasoning("", metadata)


def _tool_outputs(
    calls: Iterable[ToolPart], model: Model, refused: Mapping[str, str]
) -> Iterator[ToolOutput]:
    for part in calls:
        if task_result(part) is not None:
            continue
        state = part.state
        if isinstance(state, ToolStateCompleted) and state.time.compacted:
            yield ToolOutput(part.call_id, part.tool, CLEARED)
        elif isinstance(state, ToolStateCompleted):
            files = [readable(file, model, refused) for file in given(state.attachments, [])]
            attachments = tuple(file for file in files if isinstance(file, Attachment))
            output = "\n".join([state.output, *(file.text for file in files if isinstance(file, Text))])
            yield ToolOutput(part.call_id, part.tool, output, attachments=attachments)
        else:
            reason = state.error if isinstance(state, ToolStateError) else INTERRUPTED
            yield ToolOutput(part.call_id, part.tool, reason, is_error=True)


def _task_results(calls: Iterable[ToolPart]) -> Iterator[Text]:
    for part in calls:
        if (text := task_result(part)) is not None:
            yield Text(text)
