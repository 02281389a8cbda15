"""The type of a file or a fetched body: by its first bytes, since declared types are often wrong."""

import re

from .charset import decode, is_binary

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_PDF_WITHIN = 1024
"""Readers look for a PDF's header in the first kilobyte (ISO 32000-1, appendix H)."""
_MEDIA = ("image/", "audio/", "video/", "font/", "model/")
_TEXT_MEDIA = frozenset({"image/svg+xml"})
_TEXT = frozenset(
    f"application/{name}"
    for name in (
        *("json", "jsonl", "x-ndjson", "json5", "xml", "yaml", "x-yaml", "toml", "sql", "graphql"),
        *("javascript", "x-javascript", "ecmascript", "typescript", "x-sh", "csv", "xhtml+xml", "rtf"),
    )
)
UNKNOWN = frozenset(
    {
        *("", "application/octet-stream", "binary/octet-stream", "application/binary", "application/unknown"),
        *("application/x-download", "application/force-download", "application/download", "unknown/unknown"),
        *("application/x-octet-stream", "application/x-unknown", "multipart/form-data", "*/*"),
    }
)
"""Types that say nothing about the content."""
HTML = frozenset({"text/html", "application/xhtml+xml"})

_HTML_START = re.compile(
    r"(?:<!doctype html|<(?:html|head|body|script|iframe|h1|div|font|table|style|title|meta|p)(?=[\s>])|"
    r"<\?xml[^>]*>\s*<(?:!doctype )?html)",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"\s*<!--(?:(?!-->).){0,2000}-->", re.DOTALL)


def content_type(body: bytes, declared: str) -> str:
    """Return a body's type: a picture's or PDF's by its bytes, else the declared one if it says anything.

    `declared`: lower-case, without parameters. Text of no type is `text/html` or `text/plain`.
    """
    if found := sniff(body, declared):
        return found
    if declared not in UNKNOWN and "/" in declared:
        return declared
    if is_binary(body, strictly=True):
        return declared if "/" in declared else "application/octet-stream"
    return "text/html" if _begins_as_html(body) else "text/plain"


def sniff(body: bytes, declared: str = "") -> str | None:
    """Return the type of an image or PDF by its first bytes, None if it is neither."""
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "image/webp"
    if found := next((mime for signature, mime in _SIGNATURES if body.startswith(signature)), None):
        return found
    before, mark, _ = body[: _PDF_WITHIN + 5].partition(b"%PDF-")
    sure = declared == "application/pdf" or not before.strip(b" \t\r\n\f\0\xef\xbb\xbf")
    return "application/pdf" if mark and sure else None


def is_text(body: bytes, mime: str) -> bool:
    """Return whether a body of a type is text: what is declared as text, and what is text by its bytes."""
    declared = mime.startswith("text/") or mime in _TEXT or mime in _TEXT_MEDIA
    declared = declared or mime.endswith(("+json", "+xml", "+yaml"))
    if not declared and mime.startswith(_MEDIA):
        return False
    return not is_binary(body, strictly=not declared)


def _begins_as_html(body: bytes) -> bool:
    start = decode(body[:4096])
    while match := _COMMENT.match(start):
        start = start[match.end() :]
    return bool(_HTML_START.match(start.lstrip()))
