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


def outlined(part: Part) -> Part:
    """Return a part without the content of its files; the part itself if they are small."""
    if isinstance(part, FilePart):
        return _outlined_file(part)
    if isinstance(part, ToolPart) and isinstance(part.state, ToolStateCompleted) and part.state.attachments:
        files = [_outlined_file(file) for file in part.state.attachments]
        if any(new is not old for new, old in zip(files, part.state.attachments, strict=True)):
            return structs.replace(part, state=structs.replace(part.state, attachments=files))
    return part


def _outlined_file(file: FilePart) -> FilePart:
    if not file.url.startswith("data:") or len(file.url) < SMALLEST:
        return file
    known = summary(file.url)
    return structs.replace(
        file,
        url=f"data:;size={known.size};version={known.version},",
        mime=file.mime[:LONGEST_NAME],
        filename=file.filename[:LONGEST_NAME] if file.filename else file.filename,
    )
