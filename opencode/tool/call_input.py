"""A call's input as models write it, as the JSON object that was meant.

Only what can be meant in one way is changed: wrappings (a code fence, JSON inside a JSON string, a tool name
around the input), and values that do not fit the schema but whose content does.
"""

import json
import math
import re
from typing import Any

import msgspec

from opencode.schema.base import JsonObject

from .schema_types import Schema, fields_of, items_of, types_of

MAX_DEPTH = 64
"""Nested lists and objects of an input; what reads it later recurses."""
_MAX_WRAPS = 4
_MAX_SCHEMA_DEPTH = 24
_MAX_LENIENT = 1_000_000
"""Characters of an input that is read leniently; more must be valid JSON."""
_MAX_FITTED = 65_536
"""Characters of an input that is fitted to its schema; more takes too long for the event loop."""

_FENCE = re.compile(r"```[A-Za-z]*[ \t]*\n?(.*?)\n?[ \t]*```", re.DOTALL)
_TOKENS = re.compile(r"(?:<\|\w{1,30}\|>\s*)+$")
"""Tokens of a chat template behind the JSON, such as `<|call|>`."""
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*+\\?(?:"|\Z))|,(?=\s*[}\]])', re.DOTALL)
"""A string, also one without an end (so that a search takes linear time), or a comma before a bracket."""
_INTEGER = re.compile(r"-?\d{1,15}")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")
_ARRAY = frozenset({"array"})
_OBJECT = frozenset({"object"})
_NOTHING = frozenset({"", "null", "None", "undefined"})
_WRAPPERS = frozenset({"input", "arguments", "args", "parameters", "params", "tool_input", "kwargs"})
_LABELS = frozenset({"name", "type", "tool", "tool_name", "function"})


class InputError(ValueError):
    """The input is not a JSON object; the message says what is wrong with it."""


def read_input(raw: str, name: str, schema: Schema) -> JsonObject:
    """Return the input of a call of the tool `name` as an object that fits `schema` as far as it can.

    `raw`: JSON text, "" for none. Raises InputError.
    """
    value = _unwrapped(_decoded(raw), name, schema)
    if not isinstance(value, dict):
        raise InputError("must be a JSON object")
    if not _is_shallow(value):
        raise InputError(f"is nested more than {MAX_DEPTH} levels deep")
    if len(raw) > _MAX_FITTED:
        return value
    fitted: JsonObject = _fitted(value, schema, schema, 0)
    return fitted if _is_shallow(fitted) else value


def stored_input(raw: str) -> JsonObject:
    """Return what is stored of an input that `read_input` refuses: always an object."""
    try:
        value = msgspec.json.decode(raw or "{}")
        if isinstance(value, dict) and _is_shallow(value):
            msgspec.json.encode(value)
            return value
    except (ValueError, OverflowError, RecursionError):
        pass
    return {"invalid": raw.encode("utf-8", "replace").decode()}


def _decoded(raw: str) -> Any:
    """Return the JSON value in a text; raises InputError."""
    text = raw.strip()
    if "<|" in text[-200:]:
        text = text[:-200] + _TOKENS.sub("", text[-200:])
    if text.startswith("```") and (fenced := _FENCE.fullmatch(text)):
        text = fenced[1].strip()
    if text in _NOTHING:
        return {}
    try:
        return _finite(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError) as error:
        fault = str(error)
    try:
        if len(text) > _MAX_LENIENT:
            raise InputError(f"is not valid JSON: {fault}")
        return _finite(_lenient(text))
    except (ValueError, RecursionError, OverflowError):
        # The fault of the strict decoder is told: it has a position in what the model wrote.
        raise InputError(f"is not valid JSON: {fault}") from None


def _finite(value: Any) -> Any:
    """Return a value that can be written as JSON again; raises ValueError for numbers beyond 64 bits."""
    msgspec.json.encode(value)
    return value


def _lenient(text: str) -> Any:
    """Decode JSON with line breaks inside strings, trailing commas, or the same object several times."""
    if len(text) > 1 and text[0] in "{[":
        text = _TRAILING_COMMA.sub(lambda match: match[1] or "", text)
    text.encode()  # a lone surrogate can't be stored
    decoder = json.JSONDecoder(strict=False, parse_constant=_no_constant, parse_float=_float)
    values: list[Any] = []
    at = 0
    while at < len(text) and len(values) < _MAX_WRAPS:
        value, at = decoder.raw_decode(text, at)
        if value != {} and value not in values:
            values.append(value)
        while at < len(text) and text[at].isspace():
            at += 1
    if len(values) != 1 or at < len(text):
        raise ValueError("more than one value")
    return values[0]


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _float(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError("a number is out of range")
    return value


def _unwrapped(value: Any, name: str, schema: Schema) -> Any:
    """Return the input without what was put around it: a string, a list, the tool's name, `arguments`."""
    fields = fields_of(schema, schema)
    for _ in range(_MAX_WRAPS):
        if isinstance(value, str):
            try:
                value = _decoded(value)
            except InputError:
                return value
        elif value is None:
            value = {}
        elif isinstance(value, list):
            wrapped = _from_list(value, fields)
            if wrapped is value:
                return value
            value = wrapped
        elif isinstance(value, dict) and (inner := _wrapped(value, name, fields)) is not None:
            value = inner
        else:
            return value
    return value


def _from_list(value: list[Any], fields: JsonObject) -> Any:
    """Return the object that a list stands for: its only item, or the tool's only field."""
    if len(value) == 1 and isinstance(value[0], dict) and value[0] and value[0].keys() <= fields.keys():
        return value[0]
    if len(fields) == 1:
        ((field, schema),) = fields.items()
        if types_of(schema, schema) == _ARRAY:
            return {field: value}
    return value


def _wrapped(value: JsonObject, name: str, fields: JsonObject) -> Any:
    """Return what is inside of `{"arguments": {…}}`, also with the tool's name beside it; None if nothing."""
    rest = {key: item for key, item in value.items() if key not in _LABELS or key in fields}
    labels = value.keys() - rest.keys()
    if len(rest) != 1 or any(value[label] not in (name, "function", "tool_use") for label in labels):
        return None
    ((key, inner),) = rest.items()
    if key in fields or key not in (*_WRAPPERS, name) or not fields:
        return None
    if isinstance(inner, dict) and (inner.keys() & fields.keys() or not inner):
        return inner
    if isinstance(inner, str) and (inner.lstrip().startswith("{") or inner in _NOTHING):
        return inner
    return None


def _fitted(value: Any, schema: Schema, root: Schema, depth: int) -> Any:
    """Return a value in the type that its schema asks for, if its content can have that type in one way."""
    types = types_of(schema, root)
    if types is None or depth > _MAX_SCHEMA_DEPTH:
        return value
    if isinstance(value, str) and "string" not in types:
        value = _from_string(value, types)
    if isinstance(value, dict) and types == _ARRAY and types_of(items_of(schema, root), root) == _OBJECT:
        value = [value]
    if isinstance(value, list) and "array" in types:
        items = items_of(schema, root)
        return [_fitted(item, items, root, depth + 1) for item in value]
    if isinstance(value, dict) and "object" in types:
        return _fitted_object(value, schema, root, depth)
    return value


def _fitted_object(value: JsonObject, schema: Schema, root: Schema, depth: int) -> JsonObject:
    """Return an object with fitting fields, without optional ones that hold nothing."""
    fields = fields_of(schema, root)
    required = fields_of(schema, root, required=True)
    fitted: JsonObject = {}
    for key, item in value.items():
        if key not in fields:
            fitted[key] = item
            continue
        types = types_of(fields[key], root, choices=True)
        nothing = item is None or (isinstance(item, str) and item.strip() in _NOTHING)
        if nothing and key not in required and types is not None and not _takes(item, types):
            continue
        fitted[key] = _fitted(item, fields[key], root, depth + 1)
    return fitted


def _takes(nothing: str | None, types: frozenset[str]) -> bool:
    return ("null" if nothing is None else "string") in types


def _from_string(text: str, types: frozenset[str]) -> Any:
    """Return what a string stands for where none is allowed, or the string."""
    plain = text.strip()
    if "null" in types and plain in _NOTHING:
        return None
    if "boolean" in types and plain.lower() in ("true", "false"):
        return plain.lower() == "true"
    if types & {"integer", "number"} and _INTEGER.fullmatch(plain):
        return int(plain)
    if "number" in types and _NUMBER.fullmatch(plain):
        return float(plain)
    return _from_json(text, types) if plain.startswith(("[", "{", "```")) else text


def _from_json(text: str, types: frozenset[str]) -> Any:
    try:
        value = _decoded(text)
    except InputError:
        return text
    fits = (isinstance(value, list) and "array" in types) or (isinstance(value, dict) and "object" in types)
    return value if fits and _is_shallow(value) else text


def _is_shallow(value: Any) -> bool:
    """Return whether a value has at most MAX_DEPTH levels; counts them without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        if not level:
            return True
        inner = (item for outer in level for item in (outer.values() if isinstance(outer, dict) else outer))
        level = [item for item in inner if isinstance(item, dict | list)]
    return not level
