"""Prompts from the page's message form."""

import asyncio
from base64 import b64encode
from collections.abc import Sequence

from msgspec import UNSET
from quart import request
from quart.datastructures import FileStorage

from opencode.errors import BadRequest
from opencode.schema.message import MessageWithParts, UserMessage
from opencode.schema.part import AgentPart, FilePart, TextPart
from opencode.schema.prompt import (
    AgentPartInput,
    CommandBody,
    FilePartInput,
    PartInput,
    PromptBody,
    TextPartInput,
)
from opencode.tool.content_type import is_text, sniff

from ..app_state import services
from .choice import Choice

_READABLE = ("image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain")
_BEGINNING = 8_192
"""Bytes by which a file's type is known."""


async def prompt_from_form(kept: Sequence[FilePartInput] = ()) -> PromptBody:
    """Return the prompt in the request's form, with the files `kept` of an edited message.

    Raises BadRequest if it is empty or a file has a type that models cannot read.
    """
    form = await request.form
    text = form.get("text", "").replace("\r\n", "\n").strip()
    files = [file for file in (await request.files).getlist("files") if file.filename]
    parts: list[PartInput] = [TextPartInput(text=text)] if text else []
    parts += [*kept, *[await asyncio.to_thread(_file, file) for file in files]]  # up to 20 MB each
    if not parts:
        raise BadRequest("The message is empty: write something, or attach a file.")
    chosen = {name: form.get(name) or UNSET for name in ("model", "agent", "variant")}
    if command := await _command(text):
        name, arguments = command
        attached = [part for part in parts if isinstance(part, FilePartInput)]
        body = CommandBody(command=name, arguments=arguments, parts=attached, **chosen)
        return await services().prompts.commands.prompt(body)
    return PromptBody(parts=parts, **chosen)


async def _command(text: str) -> tuple[str, str] | None:
    """Return the name and arguments of the command in a text, None if it does not begin with a known one."""
    if not text.startswith("/"):
        return None
    name, _, arguments = text.removeprefix("/").partition(" ")
    known = {command.name for command in await services().prompts.commands.list()}
    return (name, arguments.strip()) if name in known else None


def _file(file: FileStorage) -> FilePartInput:
    """Return an uploaded file, by its content; raises BadRequest if it is nothing that models read."""
    data = file.read()
    name = file.filename or "file"
    declared = (file.mimetype or "").lower()
    mime = sniff(data[:_BEGINNING], declared)
    if mime is None and is_text(data[:_BEGINNING], declared):
        mime = "text/plain"
    if mime not in _READABLE:
        raise BadRequest(f"{name} can't be read: attach PNG, JPEG, GIF or WebP images, PDFs, or text files.")
    return FilePartInput(mime=mime, url=f"data:{mime};base64,{b64encode(data).decode()}", filename=name)


def files_of(message: MessageWithParts) -> list[FilePartInput]:
    """Return a message's files, to be sent again."""
    return [
        FilePartInput(mime=part.mime, url=part.url, filename=part.filename)
        for part in message.parts
        if isinstance(part, FilePart)
    ]


def prompt_from_message(message: MessageWithParts, chosen: Choice) -> PromptBody:
    """Return a stored user message as a new prompt; raises BadRequest for an assistant message.

    `chosen`: the model, effort and agent that answer instead of the message's own.
    """
    info = message.info
    if not isinstance(info, UserMessage):
        raise BadRequest("Only your own messages can be answered again.")
    parts: list[PartInput] = []
    for part in message.parts:
        match part:
            case TextPart(text=text, synthetic=synthetic) if synthetic is not True:
                parts.append(TextPartInput(text=text))
            case FilePart(mime=mime, url=url, filename=filename):
                parts.append(FilePartInput(mime=mime, url=url, filename=filename))
            case AgentPart(name=name):
                parts.append(AgentPartInput(name=name))
    return PromptBody(
        parts=parts,
        model=chosen.model or info.model,
        variant=(chosen.variant or UNSET) if chosen.model else UNSET,
        agent=chosen.agent or info.agent,
        system=info.system,
        tools=info.tools,
        format=info.format,
    )
