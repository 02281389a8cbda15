"""What every wire type shares: naming, optional fields, and one encoder for the whole server."""

from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")

JsonObject = dict[str, Any]


def wire_name(name: str) -> str:
    """Return the wire's spelling of a field: `session_id` is `sessionID`, `provider_id` is `providerID`."""
    head, *tail = name.rstrip("_").split("_")
    return head + "".join("ID" if word == "id" else word.capitalize() for word in tail)


class Wire(msgspec.Struct, kw_only=True, rename=wire_name):
    """Base of every type on the wire. Optional fields are `X | UnsetType = UNSET`: left out, never `null`."""


encode = msgspec.json.Encoder().encode
"""Returns a value as compact UTF-8 JSON."""


def given(value: T | UnsetType, default: T) -> T:
    """Return an optional wire field, or `default` where it was left out."""
    return default if value is UNSET else value


def optional(value: T | None) -> T | UnsetType:
    """Return a value as an optional wire field: `None` means left out."""
    return UNSET if value is None else value
