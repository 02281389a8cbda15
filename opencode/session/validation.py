"""Limits on what clients send, checked before anything is stored."""

import re
import string
from collections.abc import Iterable

from msgspec import UNSET, UnsetType, structs

from opencode.config import MEGABYTE, Limits
from opencode.errors import BadRequest, BodyTooLarge
from opencode.schema.base import JsonObject, encode, given
from opencode.schema.message import AssistantMessage, Message, UserMessage
from opencode.schema.part import (
    FilePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolPart,
    ToolStateCompleted,
)
from opencode.schema.prompt import FilePartInput, PartInput, PromptBody, TextPartInput
from opencode.schema.session import PermissionRule, Todo

MAX_PARTS = 1_000
MAX_TITLE = 1_000
MAX_METADATA = 256 * 1024
MAX_RULES = 1_000
MAX_ADDRESS = 8_000

FILE_HEAD = 512
"""Bytes of a file's name, type and source that do not count as text."""

MAX_TODOS = 1_000

ANSWER_BYTES = 4 * MEGABYTE
"""The limit for an assistant message, if the one for user messages is lower: it contains tool output."""

_BASE64 = f"{string.ascii_letters}{string.digits}+/".encode()
_SLICE = 2**20
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def check_prompt(body: PromptBody, parts: list[PartInput], limits: Limits) -> None:
    """Raise BodyTooLarge if a prompt exceeds the limits of parts, text or files."""
    size = _instructions_size(body) + sum(map(_part_size, parts))
    _check("The message", len(parts), size, limits.message)
    _check_files("The message", [part for part in parts if isinstance(part, FilePartInput)], limits)


def check_parts(info: Message, parts: list[Part], limits: Limits, place: str) -> None:
    """Raise BodyTooLarge if a message of an import or a changed part exceeds the limits of a prompt.

    `place`: the name of the message or part in the error.
    """
    size = sum(_part_size(part) for part in parts)
    limit = limits.message
    if isinstance(info, AssistantMessage):
        limit = max(limit, ANSWER_BYTES)
    else:
        size += _instructions_size(info)
    _check(place, len(parts), size, limit)
    files = _files(parts)
    _check_files(place, files, limits)
    for file in files:
        check_url(file.url, given(file.filename, place))


def _check(place: str, parts: int, size: int, limit: int) -> None:
    if parts > MAX_PARTS:
        raise BodyTooLarge(f"{place} has {parts:,} parts; the limit is {MAX_PARTS:,}.")
    if size > limit:
        raise BodyTooLarge(
            f"{place} has {_kilobytes(size)} KB of text; the limit is {_kilobytes(limit)} KB "
            "(OPENCODE_MAX_MESSAGE_KB). Send less, or attach a part of it as a file."
        )


def _check_files(place: str, files: list[FilePartInput] | list[FilePart], limits: Limits) -> None:
    if len(files) > limits.attachments:
        raise BodyTooLarge(
            f"{place} has {len(files)} files; send at most {limits.attachments} with one message "
            "(OPENCODE_MAX_ATTACHMENTS)."
        )
    for file in files:
        if _content_size(file.url) > limits.attachment:
            raise BodyTooLarge(
                f"{given(file.filename, 'A file')} is larger than {limits.attachment // MEGABYTE} MB, the "
                "limit for one file (OPENCODE_MAX_ATTACHMENT_MB). Send a smaller file."
            )


def _files(parts: Iterable[Part]) -> list[FilePart]:
    files: list[FilePart] = []
    for part in parts:
        if isinstance(part, FilePart):
            files.append(part)
        elif isinstance(part, ToolPart) and isinstance(part.state, ToolStateCompleted):
            files += given(part.state.attachments, [])
    return files


def _instructions_size(prompt: PromptBody | UserMessage) -> int:
    """Return the size of what a prompt says beside its parts."""
    system = len(given(prompt.system, "").encode())
    return system + sum(len(encode(field)) for field in (prompt.format, prompt.tools) if field)


def _part_size(part: Part | PartInput) -> int:
    """Return the size of a part in bytes, without the content of files."""
    match part:
        case TextPart() | ReasoningPart() | TextPartInput():
            return len(part.text.encode()) + _metadata_size(part.metadata)
        case FilePart() | FilePartInput():
            return max(0, len(encode(structs.replace(part, url=""))) - FILE_HEAD)
        case ToolPart(state=ToolStateCompleted() as state):
            return len(encode(structs.replace(state, attachments=UNSET))) + _metadata_size(part.metadata)
        case _:
            return len(encode(part))


def _metadata_size(metadata: JsonObject | UnsetType) -> int:
    return len(encode(metadata)) if metadata else 0


def check_url(url: str, name: str) -> None:
    """Raise BadRequest if a file's URL is neither a valid data: URL nor an http(s) URL."""
    if url.startswith("https://") or url.startswith("http://"):
        if len(url) > MAX_ADDRESS:
            raise BadRequest(f"{name}: url has {len(url):,} characters; the limit is {MAX_ADDRESS:,}.")
        return
    if not url.startswith("data:"):
        raise BadRequest(f"{name}: url must be a data: URL with the content, or an https:// URL.")
    head, comma, body = url.partition(",")
    if not comma:
        raise BadRequest(f"{name}: the data: URL has no comma before its content.")
    if len(head) > MAX_ADDRESS:
        raise BadRequest(f"{name}: the data: URL has {len(head):,} characters before its content.")
    if head.endswith(";base64") and (problem := _base64_problem(body)):
        raise BadRequest(f"{name}: the content is not valid base64: {problem}.")


def _base64_problem(text: str) -> str:
    """Return what is wrong with base64, "" if nothing is; a fifth of the time that decoding takes.

    It is looked at in slices, since each look makes copies.
    """
    if len(text) % 4:
        return "its length is not a multiple of 4, which padding with = makes it"
    if not text.isascii():
        return "it has characters other than A-Z, a-z, 0-9, + and /"
    slices = (text[start : start + _SLICE] for start in range(0, len(text), _SLICE))
    padding = b"".join(each.encode().translate(None, _BASE64)[:3] for each in slices)
    if padding not in (b"", b"=", b"==") or not text.endswith(padding.decode()):
        return "it has characters other than A-Z, a-z, 0-9, + and /, or = before its end"
    return ""


def clean_title(title: str) -> str:
    """Return a title on one line: control characters become spaces. Raises BadRequest."""
    if len(title) > MAX_TITLE:
        raise BadRequest(f"title has {len(title):,} characters; the limit is {MAX_TITLE:,}.")
    return _CONTROL.sub(" ", title).strip()


def check_metadata(metadata: JsonObject) -> None:
    """Raise BodyTooLarge if a session's metadata is too large: every event of the session carries it."""
    if (size := len(encode(metadata))) > MAX_METADATA:
        raise BodyTooLarge(f"metadata has {_kilobytes(size)} KB; the limit is {_kilobytes(MAX_METADATA)} KB.")


def check_todos(todos: list[Todo]) -> None:
    """Raise BodyTooLarge if a todo list has too many items or bytes."""
    if len(todos) > MAX_TODOS or len(encode(todos)) > MAX_METADATA:
        raise BodyTooLarge(
            f"The todo list is too large: send at most {MAX_TODOS:,} items and {_kilobytes(MAX_METADATA)} KB."
        )


def check_rules(rules: list[PermissionRule]) -> None:
    """Raise BadRequest or BodyTooLarge if a session has too many permission rules, or too long ones."""
    if len(rules) > MAX_RULES:
        raise BadRequest(
            f"The session would have {len(rules):,} permission rules; the limit is {MAX_RULES:,}. Start a "
            "new session with only the rules it needs."
        )
    if (size := len(encode(rules))) > MAX_METADATA:
        raise BodyTooLarge(
            f"The permission rules have {_kilobytes(size)} KB; the limit is {_kilobytes(MAX_METADATA)} KB."
        )


def _content_size(url: str) -> int:
    head, _, body = url.partition(",")
    return len(body) * 3 // 4 - body[-2:].count("=") if head.endswith(";base64") else len(body)


def _kilobytes(size: int) -> str:
    return f"{-(-size // 1024):,}"
