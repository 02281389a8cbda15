"""The sources that an answer names, in the forms of the vendors, as `[{"url", "title"}]`."""

from typing import Any

MOST = 100
"""Sources that are kept of one answer."""
_LONGEST = 2_000
"""Characters of an address or a title; a longer address is left out."""


class Citations:
    """The sources of an answer, each once, in order."""

    def __init__(self) -> None:
        self._titles: dict[str, str] = {}

    def add(self, value: Any) -> None:
        """Add an address, an object with `url` (and `title`), OpenAI's `url_citation`, or a list of these."""
        for item in value if isinstance(value, list) else [value]:
            inner = item.get("url_citation") if isinstance(item, dict) else None
            source = inner if isinstance(inner, dict) else item
            if isinstance(source, str):
                self._source(source, "")
            elif isinstance(source, dict):
                self._source(source.get("url"), source.get("title") or source.get("name"))

    def take(self) -> list[dict[str, str]]:
        """Return the sources since the last call, for the `citations` of the text that ends now."""
        titles, self._titles = self._titles, {}
        return [{"url": url, "title": title} for url, title in titles.items()]

    def _source(self, url: Any, title: Any) -> None:
        if not isinstance(url, str) or not url.startswith(("https://", "http://")) or len(url) > _LONGEST:
            return
        if url in self._titles or len(self._titles) < MOST:
            title = title.strip()[:_LONGEST] if isinstance(title, str) else ""
            self._titles[url] = self._titles.get(url) or title
