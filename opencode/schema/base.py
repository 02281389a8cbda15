"""Base of the wire types: field names, optional fields and the JSON encoder."""

from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")

JsonObject = dict[str, Any]


def wire_name(name: str) -> str:
    """Return the JSON name of a field: `session_id` is `sessionID`, `provider_id` is `providerID`."""
    head, *tail = name.rstrip("_").split("_")
    return head + "".join("ID" if word == "id" else word.capitalize() for word in tail)


class Wire(msgspec.Struct, kw_only=True, rename=wire_name):
    """Base of every type on the wire. Optional fields are `X | UnsetType = UNSET`: omitted, never `null`."""


encode = msgspec.json.Encoder().encode
"""Return a value as compact UTF-8 JSON."""


def given(value: T | UnsetType, default: T) -> T:
    """Return an optional wire field, or `default` if it was omitted."""
    return default if value is UNSET else value


def optional(value: T | None) -> T | UnsetType:
    """Return a value as an optional wire field: `None` means omitted."""
    return UNSET if value is None else value
