"""Values of environment variables; a wrong one is refused with a line that names it."""

import ipaddress
import re
from collections.abc import Mapping

from opencode.errors import SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def integer(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name)
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise SettingsError(f"{name} must be a whole number from {low} to {high}, not {text!r}.")
    return value


def choice(env: Mapping[str, str], name: str, default: str, known: tuple[str, ...]) -> str:
    value = (env.get(name) or default).upper()
    if value not in known:
        raise SettingsError(f"{name} must be one of {', '.join(known)}, not {value!r}.")
    return value


def networks(env: Mapping[str, str], name: str) -> tuple[Network, ...]:
    try:
        return tuple(
            ipaddress.ip_network(text.strip()) for text in env.get(name, "").split(",") if text.strip()
        )
    except ValueError as error:
        raise SettingsError(f"{name} must be a comma-separated list of networks: {error}.") from None


def database_url(env: Mapping[str, str], name: str) -> str | None:
    """Return a PostgreSQL address as SQLAlchemy takes it; refused without telling its password."""
    text = env.get(name)
    if not text:
        return None
    if (found := _DATABASE.fullmatch(text)) is None:
        raise SettingsError(
            f"{name} must be an address such as postgresql://user:password@host:5432/database; "
            "in a user or password @ is written as %40, / as %2F, # as %23 and ? as %3F."
        )
    return f"postgresql://{found[1]}"


_DATABASE = re.compile(r"postgres(?:ql)?://((?:[^@/?#]*@)?(?:[\w.,-]|:\d|\[[\da-fA-F:.]+\])+\d*/[^@/]+)")
_ORIGIN = re.compile(r"https?://[^/@?#\s*]+")


def origins(env: Mapping[str, str], name: str) -> frozenset[str]:
    origins = [text.strip().rstrip("/").lower() for text in env.get(name, "").split(",") if text.strip()]
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"{name} must be comma-separated origins, such as https://app.example, not {origin!r}."
            )
    return frozenset(origins)
