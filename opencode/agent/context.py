"""Builds a model request's content from stored messages: the system prompt and the conversation's turns."""

import base64
import binascii
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

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

from .compaction import since_summary
from .subtask import task_result

INTERRUPTED = "The call was interrupted before it returned a result."
NO_CONTENT = "(empty message)"
SUMMARY_REQUEST = "Summarize the conversation so far."
CLEARED = "[This output was cleared to save context. Call the tool again if you need it.]"

UserContent = Text | Attachment | ToolOutput
AssistantContent = Text | Reasoning | ToolCall


def system_prompt(agent: Agent, user: UserMessage, instructions: Iterable[str]) -> tuple[str, ...]:
    """Return the system blocks: the agent's prompt, `instructions`, today's date and `user.system`."""
    today = datetime.now(UTC).strftime("%A, %d %B %Y")
    blocks = [given(agent.prompt, ""), *instructions, f"Today is {today} (UTC).", given(user.system, "")]
    return tuple(block for block in blocks if block.strip())


def turns(history: Iterable[MessageWithParts], model: Model) -> tuple[UserTurn | AssistantTurn, ...]:
    """Return the conversation as alternating turns, for `model`.

    The output of each tool call is in the next user turn; a call without a result gets an error. Reasoning is
    sent only to the model that wrote it. Answers without content are left out.
    """
    conversation: list[tuple[bool, list[UserContent] | list[AssistantContent]]] = []
    for message in since_summary(list(history)):
        if isinstance(message.info, UserMessage):
            _add(conversation, True, list(_user_content(message.parts, model)))
        else:
            _add(conversation, False, list(_assistant_content(message.info, message.parts, model)))
            if calls := [part for part in message.parts if isinstance(part, ToolPart)]:
                _add(conversation, True, list(_tool_outputs(calls, model)))
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


def _user_content(parts: Iterable[Part], model: Model) -> Iterator[UserContent]:
    empty = True
    for part in parts:
        if isinstance(part, TextPart) and part.text and part.ignored is not True:
            empty = False
            yield Text(part.text)
        elif isinstance(part, FilePart):
            empty = False
            yield _readable(file_content(part), model)
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
        if isinstance(part, TextPart):
            if part.text.strip():
                yield Text(part.text)
        elif isinstance(part, ReasoningPart):
            if same_model and message.error is UNSET:
                yield Reasoning(part.text, given(part.metadata, {}))
        elif isinstance(part, ToolPart) and task_result(part) is None:
            metadata = given(part.metadata, {}) if same_model else {}
            yield ToolCall(part.call_id, part.tool, part.state.input, metadata)


def _tool_outputs(calls: Iterable[ToolPart], model: Model) -> Iterator[ToolOutput]:
    for part in calls:
        if task_result(part) is not None:
            continue
        state = part.state
        if isinstance(state, ToolStateCompleted) and state.time.compacted:
            yield ToolOutput(part.call_id, part.tool, CLEARED)
        elif isinstance(state, ToolStateCompleted):
            files = [_readable(file_content(file), model) for file in given(state.attachments, [])]
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


def _readable(content: Text | Attachment, model: Model) -> Text | Attachment:
    """Return the content, or a note that it was left out if the model does not accept that type of file."""
    if isinstance(content, Text):
        return content
    kind = "pdf" if content.mime == "application/pdf" else content.mime.partition("/")[0]
    if getattr(model.capabilities.input, kind, False):
        return content
    return Text(
        f"[{content.filename or 'A file'} ({content.mime}) was left out: {model.name} does not accept "
        "files of this type. Tell the user if it matters.]"
    )


def file_content(part: FilePart) -> Text | Attachment:
    """Return a file as model input: text as text, anything else as an attachment."""
    filename = part.filename or None
    if not part.url.startswith("data:"):
        return Attachment(part.mime, part.url, filename=filename)
    head, _, body = part.url[5:].partition(",")
    is_base64 = head.endswith(";base64")
    if not part.mime.startswith("text/") and part.mime not in ("application/json", "application/xml"):
        data = body if is_base64 else base64.b64encode(unquote_to_bytes(body)).decode()
        return Attachment(part.mime, part.url, data=data, filename=filename)
    try:
        content = base64.b64decode(body) if is_base64 else unquote_to_bytes(body)
    except binascii.Error:
        content = b"(unreadable)"
    text = content.decode("utf-8", errors="replace")
    return Text(f'<file name="{filename or "attachment"}" type="{part.mime}">\n{text}\n</file>')
