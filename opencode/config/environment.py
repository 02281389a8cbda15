"""Parsers of environment variables' values. Each raises ValueError with what the value must be."""

import ipaddress
import re
from collections.abc import Callable
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_ORIGIN = re.compile(r"https?://[^/@?#\s*]+")
_HOST_NAME = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")

SECRET_CHARACTERS = 16

MCP_KINDS = ("local", "remote")


def text(value: str) -> str:
    return value


def optional_text(value: str) -> str | None:
    return value or None


def secret(value: str) -> str | None:
    """Return a text to make encryption keys of; the error does not show it."""
    if value and len(value) < SECRET_CHARACTERS:
        raise ValueError(
            f"must have at least {SECRET_CHARACTERS} characters; `openssl rand -hex 32` prints a good one"
        )
    return value or None


def integer(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from `low` to `high`."""

    def parse(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {value!r}")
        return number

    return parse


def decimal(value: str) -> float:
    if not value.replace(".", "", 1).isdecimal():
        raise ValueError(f"must be a number, 0 or greater, not {value!r}")
    return float(value)


def choice(*known: str) -> Callable[[str], str]:
    """Return a parser that accepts the known words in upper or lower case and returns them as listed."""

    def parse(value: str) -> str:
        for word in known:
            if value.lower() == word.lower():
                return word
        raise ValueError(f"must be {', '.join(known[:-1])} or {known[-1]}, not {value!r}")

    return parse


def user_name(value: str) -> str:
    if ":" in value:
        raise ValueError("must not contain a colon: in Basic auth a colon ends the user name")
    return value


def networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(item.strip()) for item in value.split(",") if item.strip())
    except ValueError as error:
        raise ValueError(f"must be comma-separated networks, such as 10.0.0.0/8: {error}") from None


def origins(value: str) -> frozenset[str]:
    items = [item.strip().rstrip("/").lower() for item in value.split(",") if item.strip()]
    for item in items:
        if not _ORIGIN.fullmatch(item):
            raise ValueError(f"must be comma-separated origins, such as https://app.example, not {item!r}")
    return frozenset(items)


def http_address(value: str) -> str:
    address = value.strip().rstrip("/")
    if address and not _ORIGIN.fullmatch(address.lower()):
        raise ValueError(f"must be an address such as http://10.0.0.5:7860, not {value!r}")
    return address


def host_names(value: str) -> frozenset[str]:
    names = [item.strip().rstrip(".").lower() for item in value.split(",") if item.strip()]
    for name in names:
        if not _HOST_NAME.fullmatch(name):
            raise ValueError(
                "must be comma-separated host names without port, such as chat.example.org or "
                f"*.example.org, not {name!r}"
            )
    return frozenset(names)


def mcp_kinds(value: str) -> frozenset[str]:
    kinds = frozenset(item.strip().lower() for item in value.split(",") if item.strip())
    if not kinds <= frozenset(MCP_KINDS):
        raise ValueError(f"must be local, remote, or local,remote, not {value!r}")
    return kinds


def base_url(value: str) -> str | None:
    """Return the address of an HTTP API; the error shows the value unless it may hold a login or a key."""
    if not value:
        return None
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or re.search(r"\s", value):
        shown = "" if re.search(r"[@?#]", value) else f", not {value!r}"
        raise ValueError(f"must be an address that begins with http:// or https://{shown}")
    return value
