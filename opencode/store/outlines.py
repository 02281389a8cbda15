"""Outlines: parts without the content of their files, which may be tens of megabytes.

In an outline, a file's `data:` URL says only how large the content is and which version of it this is. Pages
show conversations from outlines, and link to the content, see `files`.
"""

import re
from hashlib import blake2b

import msgspec
from msgspec import structs

from opencode.schema.part import FilePart, Part, ToolPart, ToolStateCompleted

SMALLEST = 4_096
"""Characters of a URL that are not worth an outline."""

LONGEST_NAME = 300
"""Characters that an outline keeps of a file's name and type."""

_SAMPLE = 4_096
"""About as many characters of a URL decide on its version."""

_OUTLINE = re.compile(r"data:;size=(\d{1,18});version=([0-9a-f]{16}),")


class FileSummary(msgspec.Struct, frozen=True):
    """What an outline says of a file. `size`: bytes of the content. `version`: changes with the content."""

    size: int
    version: str


def summary(url: str) -> FileSummary:
    """Return the summary of a `data:` URL, which may be an outline's.

    The version is made of evenly spread characters: all of a large file's would take too long.
    """
    if (outline := _OUTLINE.fullmatch(url)) is not None:
        return FileSummary(int(outline[1]), outline[2])
    sample = url[:: max(1, len(url) // _SAMPLE)]
    digest = blake2b(f"{len(url)}:{sample}:{url[-64:]}".encode("utf-8", "replace"), digest_size=8)
    return FileSummary(content_size(url), digest.hexdigest())


def content_size(url: str) -> int:
    """Return the bytes of a `data:` URL's content; of one that is not base64 only about as many."""
    comma = url.find(",")
    length = len(url) - comma - 1
    if url.endswith(";base64", 0, comma):
        return max(0, length * 3 // 4 - url.count("=", max(comma + 1, len(url) - 2)))
    return length


def is_outline(url: str) -> bool:
    """Return whether a URL looks like that of a file whose content is elsewhere."""
    return _OUTLINE.fullmatch(url) is not None


def outlined(part: Part) -> Part:
    """Return a part without the content of its large files, and with short names of them."""
    return _with_files(part, [_shortened(file) for file in files_of(without_content(part)[0])])


def without_content(part: Part) -> tuple[Part, dict[int, str]]:
    """Return a part without the content of its large files, and their URLs by number."""
    files = files_of(part)
    large = {
        number: file.url
        for number, file in enumerate(files)
        if len(file.url) >= SMALLEST and file.url.startswith("data:") and "," in file.url
    }
    outlines = [
        structs.replace(file, url=_outline(file.url)) if number in large else file
        for number, file in enumerate(files)
    ]
    return _with_files(part, outlines), large


def files_of(part: Part) -> list[FilePart]:
    """Return a part's files: itself, or those of a tool's result."""
    if isinstance(part, FilePart):
        return [part]
    if isinstance(part, ToolPart) and isinstance(part.state, ToolStateCompleted):
        return part.state.attachments or []
    return []


def _with_files(part: Part, files: list[FilePart]) -> Part:
    """Return a part with other files; the part itself if they are the same."""
    if all(new is old for new, old in zip(files, files_of(part), strict=True)):
        return part
    if isinstance(part, FilePart):
        return files[0]
    assert isinstance(part, ToolPart) and isinstance(part.state, ToolStateCompleted)
    return structs.replace(part, state=structs.replace(part.state, attachments=files))


def _outline(url: str) -> str:
    known = summary(url)
    return f"data:;size={known.size};version={known.version},"


def _shortened(file: FilePart) -> FilePart:
    if len(file.mime) <= LONGEST_NAME and len(file.filename or "") <= LONGEST_NAME:
        return file
    name = file.filename[:LONGEST_NAME] if file.filename else file.filename
    return structs.replace(file, mime=file.mime[:LONGEST_NAME], filename=name)
