"""Links to what a provider's own tools have found, as they are shown."""

from typing import Any

from opencode.config.http_url import is_http_url

MAX_TITLE = 300
MAX_URL = 2_000


def source_link(source: Any) -> str:
    """Return an object with `url` (and `title`) as a Markdown link; "" if it has no web address."""
    url = source.get("url") if isinstance(source, dict) else None
    if not isinstance(url, str) or len(url) > MAX_URL or not is_http_url(url):
        return ""
    url = url.replace("<", "%3C").replace(">", "%3E")
    title = source.get("title")
    if not isinstance(title, str) or not title.strip():
        return f"<{url}>"
    words = " ".join(title.split())[:MAX_TITLE]
    for mark in "\\[]`*_<>":
        words = words.replace(mark, f"\\{mark}")
    return f"[{words}](<{url}>)"
