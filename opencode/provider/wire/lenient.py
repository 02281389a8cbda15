"""Reads JSON into a type field by field: what does not fit costs that field and nothing else.

Strict decoding is several times quicker and succeeds for almost every event, so this is for what it refused.
"""

import json
import math
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from .payload import whole_text

T = TypeVar("T", bound=msgspec.Struct)

_WITHOUT = object()
"""Stands for a value that does not fit."""
_CONTINUED = frozenset(
    {
        "content",
        "text",
        "delta",
        "thinking",
        "reasoning",
        "reasoning_content",
        "arguments",
        "partial_json",
    }
)
"""Fields whose text goes on in the next event, on any wire."""


def lenient(payload: bytes, type_: type[T]) -> T:
    """Return the JSON object `payload` as a struct; raises ValueError if it is no JSON object.

    A field of another type takes its default. A whole number may be written as a fraction or as a string; one
    object may stand in the place of a list of them; list items that do not fit are left out. `null` is the
    field's default. Invalid characters become U+FFFD, also halves of surrogate pairs, except at the edges of
    a text that the next event may go on with: EventBatch joins these.
    """
    value = json.loads(payload.decode("utf-8", "replace"))
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    read: T = _struct(value, type_)
    return read


def _struct(value: dict[str, Any], type_: type[T]) -> T:
    read = {}
    for field in msgspec.structs.fields(type_):
        item = _read(value.get(field.encode_name), inspect.type_info(field.type), field.encode_name)
        if item is not _WITHOUT:
            read[field.name] = item
        elif field.required:
            raise ValueError(f"no {field.encode_name}")
    return type_(**read)


def _read(value: Any, kind: inspect.Type, name: str) -> Any:
    """Return the value of the field `name` as `kind`, or _WITHOUT if it does not fit."""
    read = _WITHOUT
    match kind:
        case _ if value is None:
            pass
        case inspect.UnionType(types=types):
            known = (_read(value, each, name) for each in types if not isinstance(each, inspect.NoneType))
            read = next((item for item in known if item is not _WITHOUT), _WITHOUT)
        case inspect.StructType(cls=cls) if isinstance(value, dict):
            with suppress(ValueError):
                read = _struct(value, cls)
        case inspect.ListType(item_type=item_type):
            items = value if isinstance(value, list) else [value]
            read = [item for each in items if (item := _read(each, item_type, name)) is not _WITHOUT]
        case inspect.IntType():
            read = _count(value)
        case inspect.StrType() if isinstance(value, str):
            read = _characters(value, name)
        case inspect.BoolType() if isinstance(value, bool):
            read = value
        case inspect.AnyType():
            read = _characters(value, name)
    return read


def _characters(value: Any, name: str) -> Any:
    """Return a JSON value without halves of characters, but for the edges of texts that go on."""
    if isinstance(value, dict):
        return {whole_text(key): _characters(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_characters(item, name) for item in value]
    if not isinstance(value, str) or value.isascii():
        return value
    if name not in _CONTINUED:
        return whole_text(value)
    first = value[0] if "\udc00" <= value[0] <= "\udfff" else ""
    last = value[-1] if "\ud800" <= value[-1] <= "\udbff" else ""
    return first + whole_text(value[len(first) : len(value) - len(last)]) + last


def _count(value: Any) -> Any:
    """Return a whole number that may be written as a fraction or a string, or _WITHOUT."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return _WITHOUT
    return round(number) if math.isfinite(number) and not isinstance(value, bool) else _WITHOUT
