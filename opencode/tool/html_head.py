"""What the head of a web page tells a browser: its character set, and where it leads on to."""

import html
import re
from collections.abc import Iterator
from urllib.parse import urljoin

import msgspec

HEAD = 256 * 1024
"""Bytes of a page in which its declarations are looked for."""

_MAX_TAGS = 300
_MAX_TAG = 2_000
_MARK = re.compile(
    r"<!--|<(script|style|noscript|template|textarea|title|iframe|xmp)\b|<(meta|base)(?=[\s/])", re.IGNORECASE
)
_ENDS = {
    name: re.compile(f"</{name}", re.IGNORECASE)
    for name in ("script", "style", "noscript", "template", "textarea", "title", "iframe", "xmp")
}
_COMMENT_END = re.compile("-->")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]*)))?""")
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([\w:.+-]+)""", re.IGNORECASE)
_XML = re.compile(rb"""^\s*<\?xml[^<>]{0,200}?encoding\s*=\s*["']([\w:.+-]+)""", re.IGNORECASE)
_REFRESH = re.compile(
    r"""\s*(?:(\d{1,9})|(?=\.))[\d.]*\s*[;,]?\s*(?:url\s*=\s*)?(?:"([^"]*)|'([^']*)|(.*))""", re.I | re.DOTALL
)


class Refresh(msgspec.Struct, frozen=True):
    """A page's order to go to another one after `seconds`."""

    seconds: int
    url: str


def declared_charset(body: bytes) -> str | None:
    """Return the character set in a page's XML declaration or `<meta>`, as it is written there."""
    if xml := _XML.match(body[:1024]):
        return xml[1].decode("ascii", "replace")
    start = body[:HEAD]
    if b"charset" not in start.lower():
        return None
    for tag, attributes in _tags(start.decode("latin-1")):
        if tag != "meta":
            continue
        if name := attributes.get("charset", "").strip():
            return name
        if attributes.get("http-equiv", "").lower() == "content-type" and (
            match := _CHARSET.search(attributes.get("content", ""))
        ):
            return match[1]
    return None


def refresh_of(text: str, url: str) -> Refresh | None:
    """Return where a page at `url` leads on to by `<meta http-equiv="refresh">`; None if nowhere."""
    base = url
    for tag, attributes in _tags(text[:HEAD]):
        if tag == "base" and base == url and (href := attributes.get("href")):
            base = _joined(url, href) or url
        elif tag == "meta" and attributes.get("http-equiv", "").strip().lower() == "refresh":
            match = _REFRESH.match(attributes.get("content", "")[:_MAX_TAG])
            written = (match[2] or match[3] or match[4] or "").strip() if match else ""
            target = _joined(base, written) if written else None
            if match and target and target.lower().startswith(("http://", "https://")):
                return Refresh(int(match[1] or 0), target)
    return None


def _joined(base: str, written: str) -> str | None:
    try:
        return urljoin(base, written)
    except ValueError:
        return None


def _tags(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the `meta` and `base` tags of a page's start, each with its attributes.

    Comments and elements without markup are passed over; the search takes linear time.
    """
    at = count = 0
    while count < _MAX_TAGS and (mark := _MARK.search(text, at)):
        count += 1
        if mark[2]:
            tag = text[mark.end() : mark.end() + _MAX_TAG]
            attributes, at = _attributes(tag, mark.end())
            yield mark[2].lower(), attributes
            continue
        end = (_ENDS[mark[1].lower()] if mark[1] else _COMMENT_END).search(text, mark.end())
        if end is None:
            return
        at = end.end()


def _attributes(tag: str, start: int) -> tuple[dict[str, str], int]:
    """Return the attributes of a tag, and where it ends."""
    attributes: dict[str, str] = {}
    at = 0
    while at < len(tag) and tag[at] != ">":
        if match := _ATTRIBUTE.match(tag, at):
            value = next((group for group in match.groups()[1:] if group is not None), "")
            attributes.setdefault(match[1].lower(), html.unescape(value))
            at = match.end()
        else:
            at += 1
    return attributes, start + at
