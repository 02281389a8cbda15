"""The items of an MCP tool's result, and a prompt's: each read for what it holds, whatever its form."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from opencode.schema.base import JsonObject, encode

from .files import decoded, readable


class File(NamedTuple):
    """Bytes with the type that the server says they are of, and perhaps a name."""

    mime: str
    content: bytes
    name: str | None = None


class Note(NamedTuple):
    """What could not be read, for the model."""

    text: str


Item = str | File | Note


def items_in(content: Any) -> Iterator[Item]:
    """Yield what the content of a result or a prompt's message holds; one item may stand for a list."""
    for block in content if isinstance(content, list) else [content]:
        yield from _items(block)


def words(content: Any) -> str:
    """Return the text of content, without its files."""
    items = (item for item in items_in(content) if not isinstance(item, File))
    return joined(item if isinstance(item, str) else item.text for item in items)


def joined(texts: Iterable[str]) -> str:
    """Return texts as one, with an empty line between them."""
    return "\n\n".join(text for text in texts if text.strip())


def _items(block: Any) -> Iterator[Item]:
    if isinstance(block, str):
        yield block
    if not isinstance(block, dict):
        return
    match block.get("type"):
        case "text" | None if "text" in block:
            yield _as_text(block["text"])
        case "image" | "audio":
            yield _file(block.get("data"), block.get("mimeType"), block.get("name"), f"{block['type']}/*")
        case "resource" if isinstance(block.get("resource"), dict):
            yield from _resource(block["resource"])
        case "resource_link":
            yield _link(block)
        case kind:
            if isinstance(block.get("text"), str):
                yield block["text"]
            else:
                yield Note(f"[An item of the type {str(kind)[:80]!r} can't be read and was left out.]")


def _resource(resource: JsonObject) -> Iterator[Item]:
    if isinstance(resource.get("text"), str):
        yield resource["text"]
    elif "blob" in resource:
        name = str(resource.get("uri", "")).rstrip("/").rpartition("/")[2] or None
        yield _file(resource["blob"], resource.get("mimeType"), name, "application/octet-stream")
    else:
        yield _link(resource)


def _link(link: JsonObject) -> Item:
    label = _as_text(link.get("title") or link.get("name") or link.get("uri"))
    description = link.get("description")
    more = f": {description}" if isinstance(description, str) and description else ""
    return f"[{label}]({_as_text(link.get('uri'))}){more}"


def _file(data: Any, mime: Any, name: Any, otherwise: str) -> Item:
    kind = mime if isinstance(mime, str) and mime else otherwise
    label = name if isinstance(name, str) and name else None
    content = decoded(data)
    if content is None:
        return Note(f"[{label or 'A file'} ({kind}) was omitted: its base64 is invalid.]")
    text = readable(content, kind)
    return File(kind, content, label) if text is None else text


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else encode(value).decode()
