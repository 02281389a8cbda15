"""Addresses in text: which may be linked, and where bare ones stand, found in one pass."""

import re
from collections.abc import Iterator
from html import escape
from urllib.parse import urlsplit

LONGEST = 2_000
"""Characters of the longest bare address that becomes a link."""

SCHEMES = {"http", "https", "mailto"}

EXTERNAL = ' rel="noopener noreferrer nofollow" target="_blank"'
"""A link opens a new tab and sends no referrer."""

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*)\s*:")
_CONTROL = re.compile(r"[\x00-\x20]")
_BEGINNING = re.compile(r"(?<![A-Za-z0-9])(?:[hH][tT][tT][pP][sS]?://|[wW]{3}\.)|@")
_DOMAIN = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){0,20}")
_REST = re.compile(
    r"[^\s<>\"`“”«»…\u3000-\u3004\u3008-\u3020\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]*"
)
_LOCAL = re.compile(r"[A-Za-z0-9._+-]{1,64}\Z")
_PUNCTUATION = frozenset("?!.,:*_~'\";")
_CLOSING = {")": "(", "]": "[", "}": "{"}


def host(url: str) -> str:
    """Return a URL's host without `www.`; text that is not a URL is returned unchanged."""
    try:
        return (urlsplit(url[:LONGEST]).hostname or url).removeprefix("www.")
    except ValueError:
        return url


def is_allowed(url: str) -> bool:
    """Return whether an address may be linked: of a harmless scheme, or relative."""
    scheme = _SCHEME.match(_CONTROL.sub("", url))
    return scheme is None or scheme[1].lower() in SCHEMES


def linked(text: str) -> str:
    """Return text as HTML in which bare addresses are links."""
    if _BEGINNING.search(text) is None:
        return escape(text)
    pieces, copied = list[str](), 0
    for begin, end, target in _addresses(text):
        pieces.append(escape(text[copied:begin]))
        pieces.append(f'<a href="{escape(target)}"{EXTERNAL}>{escape(text[begin:end])}</a>')
        copied = end
    pieces.append(escape(text[copied:]))
    return "".join(pieces)


def _addresses(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the begin, the end and the target of each bare address."""
    at = 0
    while found := _BEGINNING.search(text, at):
        begin, after = found.start(), found.end()
        if found[0] == "@":
            local = _LOCAL.search(text[max(at, begin - 65) : begin])
            end = _domain_end(text, after, dots=1)
            if local and end:
                yield begin - len(local[0]), end, f"mailto:{local[0]}{text[begin:end]}"
            at = end or after
            continue
        is_bare = found[0][-1] == "."
        domain = _domain_end(text, after, dots=1 if is_bare else 0)
        if not domain:
            at = after
            continue
        end = at = _REST.match(text, domain).end()  # type: ignore[union-attr]  # matches the empty text
        if end - begin <= LONGEST:
            end = _trimmed(text, domain, end)
            yield begin, end, f"http://{text[begin:end]}" if is_bare else text[begin:end]


def _domain_end(text: str, begin: int, *, dots: int) -> int:
    """Return where a domain with at least so many dots ends; 0 if there is none."""
    domain = _DOMAIN.match(text, begin)
    if domain is None or domain[0].count(".") < dots or domain[0].startswith("-"):
        return 0
    return begin + len(domain[0].rstrip("_-")) if domain[0].strip("_-") else 0


def _trimmed(text: str, begin: int, end: int) -> int:
    """Return an address's end without punctuation and closing brackets that belong to the sentence."""
    surplus = {
        close: text.count(close, begin, end) - text.count(opening, begin, end)
        for close, opening in _CLOSING.items()
    }
    while end > begin:
        last = text[end - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in _PUNCTUATION:
            break
        end -= 1
    return end
