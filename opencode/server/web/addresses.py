"""Addresses as people read them."""

from urllib.parse import urlsplit


def host(url: str) -> str:
    """Return an address's host, as people know sites; what is no address, as it is."""
    try:
        return (urlsplit(url).hostname or url).removeprefix("www.")
    except ValueError:
        return url
