"""An MCP tool's result as a tool result: text for the model, images and PDFs as attachments."""

import base64
import binascii
from collections.abc import Iterable, Iterator

import msgspec
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
)

from ..base import ToolAttachment, ToolResult
from ..page import sniff

MAX_FILE = 5 * 1024 * 1024
"""Bytes of one attachment."""

MAX_FILES = 10


def words(blocks: Iterable[ContentBlock]) -> str:
    """Return the text of content blocks, without their files."""
    return "\n\n".join(text for block in blocks for text in _texts(block) if text.strip())


def tool_result(result: CallToolResult) -> ToolResult:
    """Return a result as models and clients get it; files that can't be shown are named in the text."""
    texts: list[str] = []
    files: list[ToolAttachment] = []
    for block in result.content:
        texts += _texts(block)
        for mime, data, name in _blobs(block):
            file = _attachment(mime, data, name)
            if isinstance(file, ToolAttachment) and len(files) < MAX_FILES:
                files.append(file)
            else:
                reason = file if isinstance(file, str) else f"more than {MAX_FILES} files"
                texts.append(f"[{name or 'A file'} ({mime}) was omitted: {reason}.]")
    output = "\n\n".join(text for text in texts if text.strip())
    if not output and result.structured_content is not None:
        output = msgspec.json.encode(result.structured_content).decode()
    if not output:
        output = f"[{len(files)} attached]" if files else "[The tool returned no output.]"
    return ToolResult(output, attachments=tuple(files))


def _texts(block: ContentBlock) -> Iterator[str]:
    match block:
        case TextContent():
            yield block.text
        case ResourceLink():
            yield f"[{block.title or block.name}]({block.uri})"
        case EmbeddedResource() if not isinstance(block.resource, BlobResourceContents):
            yield block.resource.text


def _blobs(block: ContentBlock) -> Iterator[tuple[str, str, str | None]]:
    """Yield the files of a block: type, content in base64, name."""
    match block:
        case ImageContent() | AudioContent():
            yield block.mime_type, block.data, None
        case EmbeddedResource() if isinstance(block.resource, BlobResourceContents):
            resource = block.resource
            name = str(resource.uri).rstrip("/").rpartition("/")[2]
            yield resource.mime_type or "application/octet-stream", resource.blob, name or None


def _attachment(mime: str, data: str, name: str | None) -> ToolAttachment | str:
    """Return a file as an attachment, or the reason why it can't be one.

    Its content is checked: a provider refuses every request of a conversation with a damaged file in it.
    """
    if len(data) > MAX_FILE * 4 // 3 + 4:
        return f"larger than {MAX_FILE // 1024 // 1024} MB"
    try:
        content = base64.b64decode(data, validate=True)
    except binascii.Error:
        return "its base64 is invalid"
    sniffed = sniff(content)
    if sniffed is None:
        return "only PNG, JPEG, GIF and WebP images and PDFs can be shown"
    return ToolAttachment(sniffed, f"data:{sniffed};base64,{base64.b64encode(content).decode()}", name)
