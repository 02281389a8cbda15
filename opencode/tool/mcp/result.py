"""An MCP tool's result as a tool result: text for the model, images and PDFs as attachments."""

import base64
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import msgspec

from opencode.errors import ToolError
from opencode.schema.base import JsonObject, encode

from ..base import ToolAttachment, ToolResult
from ..page import sniff
from .content import File, items_in, joined
from .failure import Redactor
from .files import MAX_FILE, decoded, is_base64, without_files

MAX_FILES = 10

MAX_ERROR = 10_000
"""Characters of a failed call's message."""

MAX_DEPTH = 100
"""Levels of structured content that are looked through."""

_MAX_COMPARED = 300
_MAX_SEARCHED = 50_000
"""Values of structured content that are looked for in the text beside it, and characters of that."""

_LONGEST_WORD = 8
"""Characters of values that must stand in the text as words of their own: a 1 is part of many numbers."""

_OF_THE_PROTOCOL = frozenset(
    {"_meta", "content", "structuredContent", "isError", "resultType", "ttlMs", "cacheScope"}
)


def tool_result(tool: str, result: JsonObject, redact: Redactor) -> ToolResult:
    """Return a result as models and clients get it; files that can't be shown are named in the text.

    Raises ToolError if the tool reports an error. One with pictures is a result: errors have no attachments.
    """
    reading = _Reading()
    reading.read(result)
    output = joined(reading.texts)
    if result.get("isError") not in (None, False, 0, "false", ""):
        message = redact(output)[:MAX_ERROR] or f"{tool} failed without a message."
        if not reading.files:
            raise ToolError(message)
        output = f"[The tool reported an error.]\n\n{message}"
    if not output:
        output = f"[{len(reading.files)} attached]" if reading.files else "[The tool returned no output.]"
    return ToolResult(output, attachments=tuple(reading.files))


class _Reading:
    """The texts and attachments of a result so far."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.files: list[ToolAttachment] = []
        self._contents: set[bytes] = set()

    def read(self, result: JsonObject) -> None:
        for item in items_in(result.get("content")):
            match item:
                case str():
                    self._add_text(without_files(item, self._shown))
                case File():
                    self._add_file(item)
                case _:
                    self._add_text(item.text)
        structured = result.get("structuredContent")
        if structured is not None:
            self._add_data(structured)
        others = {key: value for key, value in result.items() if key not in _OF_THE_PROTOCOL}
        if others and not self.texts and not self.files:
            self._add_data(others)  # of servers that do not know where a result's content belongs

    def _add_text(self, text: str) -> None:
        if len(text) < 20 or text not in self.texts:
            self.texts.append(text)

    def _add_file(self, file: File) -> None:
        if problem := self._attach(file.mime, file.content, file.name):
            self._add_text(f"[{file.name or 'A file'} ({file.mime}) was omitted: {problem}.]")

    def _attach(self, mime: str, content: bytes, name: str | None = None) -> str:
        """Attach a file, unless it is there already; return why it can't be attached, or "".

        Its content is checked: a provider refuses every request of a conversation with a damaged file in it.
        """
        if content in self._contents:
            return ""
        if len(content) > MAX_FILE:
            return f"larger than {MAX_FILE // 1024 // 1024} MB"
        sniffed = sniff(content)
        if sniffed is None:
            return "only PNG, JPEG, GIF and WebP images and PDFs can be shown"
        if len(self.files) >= MAX_FILES:
            return f"more than {MAX_FILES} files"
        self._contents.add(content)
        url = f"data:{sniffed};base64,{base64.b64encode(content).decode()}"
        self.files.append(ToolAttachment(sniffed, url, name))
        return ""

    def _shown(self, content: bytes) -> str:
        """Attach a file that stood in a text; return what stands there instead."""
        problem = self._attach("", content)
        return f"[a file was omitted: {problem}]" if problem else "[attached]"

    def _add_data(self, data: Any) -> None:
        """Add structured content, unless a text says it already."""
        if any(_says(text, data) for text in self.texts):
            return
        self._add_text(encode(self._without_files(data, 0)).decode())

    def _without_files(self, data: Any, depth: int) -> Any:
        if isinstance(data, str):
            text = without_files(data, self._shown)
            if is_base64(text):
                size = len(decoded(text) or b"")
                return f"[{size} bytes that are no text were left out]"
            return text
        if depth > MAX_DEPTH:
            return "…"
        if isinstance(data, dict):
            return {key: self._without_files(value, depth + 1) for key, value in data.items()}
        return [self._without_files(value, depth + 1) for value in data] if isinstance(data, list) else data


def _says(text: str, data: Any) -> bool:
    """Return whether a text has the values of structured content: servers may write both into a result."""
    said: list[Any] = [text]
    with suppress(msgspec.DecodeError, RecursionError):
        said.append(msgspec.json.decode(text))
    if any(data in (value, {"result": value}) for value in said):
        return True
    text = text[:_MAX_SEARCHED]
    values = list(islice(_values(data, 0), _MAX_COMPARED))
    return bool(values) and all(_has(text, value) for value in values)


def _has(text: str, value: str) -> bool:
    if value not in text or len(value) > _LONGEST_WORD:
        return value in text
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None


def _values(data: Any, depth: int) -> Iterator[str]:
    """Yield the scalars of structured content as a text would have them."""
    if isinstance(data, dict | list) and depth <= MAX_DEPTH:
        for value in data.values() if isinstance(data, dict) else data:
            yield from _values(value, depth + 1)
    elif isinstance(data, str):
        if data:
            yield data
    elif data is not None:
        yield encode(data).decode()
