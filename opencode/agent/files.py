"""Files as a model gets them: text as text, pictures and PDFs attached, a note in the place of others."""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_to_bytes

from msgspec import UNSET

from opencode.provider.base import Attachment, ModelRequest, Text, ToolOutput, UserTurn
from opencode.provider.wire.attachment_errors import names_attachment
from opencode.schema.base import given
from opencode.schema.message import AssistantMessage, MessageWithParts
from opencode.schema.part import FilePart, Part, RetryPart, ToolPart, ToolStateCompleted
from opencode.schema.provider import Model
from opencode.tool.charset import decoded
from opencode.tool.content_type import HTML, is_text, sniff

from .fallback import FALLBACK

_MEDIA = ("image", "audio", "video", "pdf")
_BEGINNING = 8_192
"""Characters of base64 by which a file's type is known; a multiple of four."""
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w:.+-]+)""", re.IGNORECASE)
_LONGEST_REASON = 300


def file_content(part: FilePart) -> Text | Attachment:
    """Return a file as model input, by its content: its type may be wrong."""
    filename = part.filename or None
    mime, _, parameters = part.mime.partition(";")
    mime = mime.strip().lower()
    if not part.url.startswith("data:"):
        return Attachment(mime, part.url, filename=filename)
    comma = part.url.find(",")  # the content is cut out once, and only if it is needed: it may be large
    head, start = part.url[5:comma], part.url[comma + 1 : comma + 1 + _BEGINNING]
    is_base64 = head.endswith(";base64")
    try:
        beginning = _bytes(start, is_base64)
        found = sniff(beginning, mime)
        if found is None and is_text(beginning, mime):
            charset = _CHARSET.search(parameters) or _CHARSET.search(head)
            content = _bytes(part.url[comma + 1 :], is_base64)
            return _text(content, charset and charset[1], filename, mime)
        if found is not None or _kind(mime) in _MEDIA:
            body = part.url[comma + 1 :]
            data = body if is_base64 else base64.b64encode(unquote_to_bytes(body)).decode()
            return Attachment(found or mime, part.url, data=data, filename=filename)
    except binascii.Error:
        return Text(f'<file name="{filename or "attachment"}" type="{mime}">\n(unreadable)\n</file>')
    return Text(
        f"[{filename or 'A file'} ({mime}) was left out: it is a binary file, of which models read pictures "
        "and PDFs alone. Tell the user if it matters.]"
    )


def readable(part: FilePart, model: Model, refused: Mapping[str, str]) -> Text | Attachment:
    """Return a file as input for `model`, or a note in its place if the model does not accept it.

    `refused`: what `refused_files` returned.
    """
    content = file_content(part)
    if isinstance(content, Text):
        return content
    name = content.filename or "A file"
    if (reason := refused.get(part.id)) is not None:
        return Text(
            f"[{name} ({content.mime}) was left out: the provider of {model.name} refused it: {reason} Tell "
            "the user if it matters.]"
        )
    if getattr(model.capabilities.input, _kind(content.mime), False):
        return content
    return Text(
        f"[{name} ({content.mime}) was left out: {model.name} does not accept files of this type. Tell the "
        "user if it matters.]"
    )


def refused_files(
    history: Iterable[MessageWithParts], model: Model, refusals: Iterable[str] = ()
) -> dict[str, str]:
    """Return the ids of the files that the provider of `model` refused, each with its reason.

    An answer that was asked for again without files has a retry part for each refusal. The first means the
    files that no answer of this model had been given before; a further one, or one without such files, means
    all. `refusals`: the provider's errors for the answer that is asked for now.
    """
    refused: dict[str, str] = {}
    known: list[str] = []
    new: list[str] = []

    def refuse(reason: str) -> None:
        named = [each for each in (new or known) if each not in refused] or known
        refused.update(dict.fromkeys(named, _sentence(reason)))

    for message in history:
        info = message.info
        if isinstance(info, AssistantMessage) and (info.provider_id, info.model_id) == (
            model.provider_id,
            model.id,
        ):
            reasons = [part.error.data.message for part in message.parts if _is_refusal(part)]  # type: ignore[union-attr]
            for reason in reasons:
                refuse(reason)
                new.clear()
            if info.finish and info.error is UNSET:
                new.clear()
        files = [file.id for file in _files(message.parts)]
        known += files
        new += files
    for reason in refusals:
        refuse(reason)
        new.clear()
    return refused


def has_files(request: ModelRequest) -> bool:
    """Return whether a request has files that are not sent as text."""
    items = (item for turn in request.turns if isinstance(turn, UserTurn) for item in turn.content)
    return any(
        isinstance(item, Attachment) or (isinstance(item, ToolOutput) and item.attachments) for item in items
    )


def _is_refusal(part: Part) -> bool:
    if not isinstance(part, RetryPart) or FALLBACK in given(part.error.data.metadata, {}):
        return False
    return names_attachment(part.error.data.message, given(part.error.data.response_body, ""))


def _sentence(reason: str) -> str:
    reason = " ".join(reason.split())[:_LONGEST_REASON]
    return reason if reason.endswith((".", "!", "…")) else f"{reason}."


def _files(parts: Iterable[Part]) -> Iterable[FilePart]:
    for part in parts:
        if isinstance(part, FilePart):
            yield part
        elif isinstance(part, ToolPart) and isinstance(part.state, ToolStateCompleted):
            yield from given(part.state.attachments, [])


def _kind(mime: str) -> str:
    return "pdf" if mime == "application/pdf" else mime.partition("/")[0]


def _bytes(body: str, is_base64: bool) -> bytes:
    return base64.b64decode(body) if is_base64 else unquote_to_bytes(body)


def _text(body: bytes, charset: str | None, filename: str | None, mime: str) -> Text:
    """Return a text file; a character set other than UTF-8 is named, because it may be wrong."""
    text = decoded(body, charset, markup=mime in HTML or mime.endswith("xml"))
    named = f"{text.charset}{' (guessed)' if text.guessed else ''}"
    encoding = "" if text.charset == "utf-8" else f' encoding="{named}"'
    return Text(f'<file name="{filename or "attachment"}" type="{mime}"{encoding}>\n{text.text}\n</file>')
