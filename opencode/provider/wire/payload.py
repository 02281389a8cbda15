"""JSON to and from models: fast if it is valid, with invalid characters replaced if not."""

import json
from typing import Any

from opencode.schema.base import encode


def encode_json(value: Any) -> bytes:
    """Return a value's JSON. A lone surrogate, which UTF-8 can't hold, becomes U+FFFD."""
    try:
        return encode(value)
    except UnicodeEncodeError:
        return encode(whole_characters(value))


def repaired(payload: bytes) -> bytes | None:
    """Return JSON with its invalid characters replaced by U+FFFD; None if it is not JSON at all."""
    try:
        value = json.loads(payload.decode("utf-8", "replace"))
    except ValueError:
        return None
    return encode(whole_characters(value))


def whole_characters(value: Any) -> Any:
    """Return a JSON value with the halves of surrogate pairs that stand alone replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {whole_characters(key): whole_characters(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [whole_characters(item) for item in value]
    return value
