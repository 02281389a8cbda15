"""JSON to and from models: fast if it is valid, with invalid characters replaced if not."""

from typing import Any

from opencode.schema.base import encode


def encode_json(value: Any) -> bytes:
    """Return a value's JSON. A lone surrogate, which UTF-8 can't hold, becomes U+FFFD."""
    try:
        return encode(value)
    except UnicodeEncodeError:
        return encode(whole_characters(value))


def whole_characters(value: Any) -> Any:
    """Return a JSON value with the halves of surrogate pairs that stand alone replaced by U+FFFD."""
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, dict):
        return {whole_characters(key): whole_characters(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [whole_characters(item) for item in value]
    return value


def whole_text(text: str) -> str:
    """Return a text whose halves of surrogate pairs are joined, or U+FFFD where one stands alone."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
