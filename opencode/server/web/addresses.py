"""URLs as the page shows them."""

from urllib.parse import urlsplit


def host(url: str) -> str:
    """Return a URL's host without `www.`; text that is not a URL is returned unchanged."""
    try:
        return (urlsplit(url).hostname or url).removeprefix("www.")
    except ValueError:
        return url
