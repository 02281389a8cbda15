"""A conversation as a text to keep."""

import re
from collections.abc import Iterator

from opencode.schema.error import failure_text
from opencode.schema.message import AssistantMessage, MessageWithParts
from opencode.schema.part import FilePart, Part, ReasoningPart, TextPart, ToolPart, ToolStateError
from opencode.schema.session import Session

from .render import clock


def as_markdown(session: Session, messages: list[MessageWithParts]) -> str:
    """Return a whole conversation as Markdown, tool calls included."""
    lines = [f"# {_words(session.title)}", "", f"{clock(session.time.created)}"]
    asked_last = False
    for message in messages:
        asks = not isinstance(message.info, AssistantMessage)
        if asks or asked_last or len(lines) == 3:
            lines += ["", "## You" if asks else f"## {_words(message.info.agent.capitalize())}"]
        asked_last = asks
        for part in message.parts:
            for text in _lines(part):
                lines += ["", text]
        if message.failure:
            lines += ["", f"> **{_words(failure_text(message.failure))}**"]
    return "\n".join(lines) + "\n"


def _lines(part: Part) -> Iterator[str]:
    match part:
        case TextPart(text=text, synthetic=synthetic) if text.strip() and synthetic is not True:
            yield text.strip()
        case ReasoningPart(text=text) if text.strip():
            yield "<details><summary>Thought</summary>\n\n" + text.strip() + "\n\n</details>"
        case ToolPart(tool=tool, state=state):
            yield f"**{_words(tool)}** {_words(str(state.input)[:300])}" + (
                f": {_words(state.error)}" if isinstance(state, ToolStateError) else ""
            )
        case FilePart(filename=name, mime=mime):
            yield f"*Attached: {_words(name or mime)}*"


def _words(text: str) -> str:
    """Return what is no Markdown itself as words of it: on one line, and nothing in it is markup."""
    return re.sub(r"[\\`*_\[\]<>#&|~]", r"\\\g<0>", " ".join(text.split()))
