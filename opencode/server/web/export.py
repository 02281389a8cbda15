"""A conversation as a Markdown document."""

import re
from collections.abc import Iterator

from opencode.schema.error import failure_text
from opencode.schema.message import AssistantMessage, MessageWithParts
from opencode.schema.part import FilePart, Part, ReasoningPart, TextPart, ToolPart, ToolStateError
from opencode.schema.session import Session

from .names import name
from .render import clock
from .tool_view import TEXT, cut, json_text


def as_markdown(session: Session, messages: list[MessageWithParts]) -> str:
    """Return a conversation as Markdown, tool calls included."""
    lines = [f"# {_escaped(name(session))}", "", f"{clock(session.time.created)}"]
    follows_user = False
    for message in messages:
        is_user = not isinstance(message.info, AssistantMessage)
        if is_user or follows_user or len(lines) == 3:
            lines += ["", "## You" if is_user else f"## {_escaped(message.info.agent.capitalize())}"]
        follows_user = is_user
        for part in message.parts:
            for text in _lines(part):
                lines += ["", text]
        if message.failure:
            lines += ["", f"> **{_escaped(failure_text(message.failure))}**"]
    return "\n".join(lines) + "\n"


def _lines(part: Part) -> Iterator[str]:
    match part:
        case TextPart(text=text, synthetic=synthetic) if text.strip() and synthetic is not True:
            yield text.strip()
        case ReasoningPart(text=text) if text.strip():
            yield "<details><summary>Thought</summary>\n\n" + text.strip() + "\n\n</details>"
        case ToolPart(tool=tool, state=state):
            yield f"**{_escaped(tool)}** {_escaped(json_text(state.input)[:300])}" + (
                f": {_escaped(cut(state.error, TEXT))}" if isinstance(state, ToolStateError) else ""
            )
        case FilePart(filename=name, mime=mime):
            yield f"*Attached: {_escaped(name or mime)}*"


def _escaped(text: str) -> str:
    """Return plain text as one line of Markdown in which nothing is markup."""
    return re.sub(r"[\\`*_\[\]<>#&|~]", r"\\\g<0>", " ".join(text.split()))
