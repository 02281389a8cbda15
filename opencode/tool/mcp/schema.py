"""Input schemas of MCP tools, rewritten into the JSON Schema that all providers accept.

Servers write every draft of JSON Schema; a provider refuses the whole request for one schema that it does
not like. What can't be said in the common form is dropped, because the server checks its input itself. A
`$ref` that leaves the document is never fetched.
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from opencode.schema.base import JsonObject

from .alternatives import as_object
from .references import References

MAX_DEPTH = 24
"""Levels of nested schemas; deeper ones accept anything."""

MAX_NODES = 5_000
"""Schemas within one, references followed; further ones accept anything."""

_FIELD = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_ALIASES = {
    **dict.fromkeys(("str", "text", "date", "datetime", "char", "uuid", "uri", "file", "enum"), "string"),
    **dict.fromkeys(("int", "long", "int32", "int64"), "integer"),
    **dict.fromkeys(("float", "double", "decimal"), "number"),
    **dict.fromkeys(("bool",), "boolean"),
    **dict.fromkeys(("list", "tuple", "set"), "array"),
    **dict.fromkeys(("dict", "map", "record"), "object"),
    **dict.fromkeys(("none", "undefined"), "null"),
}
_NAMED = ("properties", "$defs", "definitions", "dependentSchemas", "patternProperties")
_SINGLE = (
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_SEVERAL = ("allOf", "anyOf", "oneOf")
_DROPPED = frozenset(
    {
        *("$anchor", "$comment", "$dynamicAnchor", "$dynamicRef", "$id", "$recursiveAnchor", "$recursiveRef"),
        *("$schema", "$vocabulary", "additionalItems", "dependencies", "divisibleBy", "id", "prefixItems"),
    }
)


class InputSchema:
    """A tool's input schema. `schema`: for providers. `restored` gives input the names of the server."""

    def __init__(self, given: Any) -> None:
        self._references = References(given)
        self._safe: dict[str, str] = {}
        self._taken = set(_field_names(given))
        self._left = MAX_NODES
        root = self._rewritten(given if isinstance(given, dict) else {}, 0, frozenset({"#"}))
        self.schema = as_object(root)
        self._own = {safe: own for own, safe in self._safe.items()}

    def restored(self, value: Any) -> Any:
        """Return input with the server's own names of fields."""
        if not self._own:
            return value
        if isinstance(value, dict):
            return {self._own.get(key, key): self.restored(each) for key, each in value.items()}
        return [self.restored(each) for each in value] if isinstance(value, list) else value

    def _rewritten(self, schema: Any, depth: int, within: frozenset[str]) -> JsonObject:
        """Rewrite a schema, at a depth, which is part of those that the references `within` lead to."""
        if schema is False:
            return {"not": {}}
        self._left -= 1
        if not isinstance(schema, dict) or depth > MAX_DEPTH or self._left < 0:
            return {}
        schema, within = self._references.resolved(schema, within)
        kept = {key: value for key, value in schema.items() if key not in _DROPPED}
        for key in [key for key in kept if key in _NAMED]:
            kept[key] = self._named(key, kept[key], depth, within)
        for key in [key for key in kept if key in _SINGLE]:
            if not isinstance(kept[key], dict | bool):
                del kept[key]
            elif kept[key] is not False:
                kept[key] = self._rewritten(kept[key], depth + 1, within)
        for key in [key for key in kept if key in _SEVERAL]:
            options = kept[key] if isinstance(kept[key], list) else [kept[key]]
            schemas = (each for each in options if isinstance(each, dict | bool))
            kept[key] = [self._rewritten(each, depth + 1, within) for each in schemas]
            if not kept[key]:
                del kept[key]
        self._mend_object(kept, schema)
        _mend_scalars(kept)
        self._mend_array(kept, schema, depth, within)
        return kept

    def _named(self, key: str, schemas: Any, depth: int, within: frozenset[str]) -> JsonObject:
        """Rewrite schemas by name, with names of fields that providers accept."""
        if not isinstance(schemas, dict):
            return {}
        rename = self._safe_name if key in ("properties", "dependentSchemas") else str
        return {rename(name): self._rewritten(schema, depth + 1, within) for name, schema in schemas.items()}

    def _safe_name(self, name: str) -> str:
        if _FIELD.fullmatch(name):
            return name
        if name not in self._safe:
            base = re.sub(r"[^a-zA-Z0-9_.-]", "_", name)[:64] or "_"
            safe = base
            if safe in self._taken:
                safe = f"{base[:55]}_{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"
            self._taken.add(safe)
            self._safe[name] = safe
        return self._safe[name]

    def _mend_object(self, kept: JsonObject, schema: JsonObject) -> None:
        """Rename required fields as their properties are; draft 3 has `required` in each property."""
        required = kept.get("required")
        names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        properties = schema.get("properties")
        if isinstance(properties, dict):
            names += [
                name
                for name, field in properties.items()
                if isinstance(field, dict) and field.get("required") is True
            ]
        kept.pop("required", None)
        if names:
            kept["required"] = list(dict.fromkeys(self._safe_name(name) for name in names))
        dependent = kept.pop("dependentRequired", None)
        if isinstance(dependent, dict):
            kept["dependentRequired"] = {
                self._safe_name(name): list(dict.fromkeys(self._safe_name(each) for each in needed))
                for name, needed in dependent.items()
                if isinstance(needed, list) and all(isinstance(each, str) for each in needed)
            }

    def _mend_array(self, kept: JsonObject, schema: JsonObject, depth: int, within: frozenset[str]) -> None:
        """Write a tuple as a list of a length, with items of its types: providers know no other lists."""
        items = schema.get("items")
        first = items if isinstance(items, list) else schema.get("prefixItems")
        if isinstance(first, list):
            types = [self._rewritten(each, depth + 1, within) for each in first]
            rest = schema.get("additionalItems" if isinstance(items, list) else "items")
            if isinstance(rest, dict):
                types.append(self._rewritten(rest, depth + 1, within))
            options = [each for index, each in enumerate(types) if each not in types[:index]]
            kept["items"] = options[0] if len(options) == 1 else {"anyOf": options} if options else {}
            if rest is False:
                kept.setdefault("maxItems", len(first))
            order = ", ".join(str(each.get("description") or each.get("type") or "any") for each in types)
            note = f"A list in this order: {order}."
            kept["description"] = " ".join(filter(None, [_text(kept.get("description")), note]))
            kept.setdefault("type", "array")
        elif "items" in kept and not isinstance(kept["items"], dict):
            kept["items"] = {}
        if kept.get("type") == "array" or (isinstance(kept.get("type"), list) and "array" in kept["type"]):
            kept.setdefault("items", {})


def _mend_scalars(kept: JsonObject) -> None:
    """Mend types, bounds, texts and patterns."""
    if "type" in kept:
        kept["type"] = _type(kept["type"])
        if kept["type"] is None:
            del kept["type"]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        is_draft_4 = isinstance(kept.get(exclusive), bool)
        if is_draft_4 and kept.pop(exclusive) and bound in kept:
            kept[exclusive] = kept.pop(bound)
    for key in ("title", "description"):
        if key in kept and not isinstance(kept[key], str):
            kept[key] = _text(kept[key])
    for key in [key for key in kept if key in _VALUES and not _VALUES[key](kept[key])]:
        del kept[key]
    if isinstance(kept.get("patternProperties"), dict):
        kept["patternProperties"] = {
            key: each for key, each in kept["patternProperties"].items() if _is_pattern(key)
        }


def _type(given: Any) -> Any:
    """Return a type, or a list of them, as JSON Schema knows it; None if there is none."""
    names = given if isinstance(given, list) else [given]
    lower = [name.lower() for name in names if isinstance(name, str)]
    known = [_ALIASES.get(name, name) for name in lower]
    types = list(dict.fromkeys(name for name in known if name in _TYPES))
    return (types[0] if len(types) == 1 else types) if types else None


def _is_pattern(pattern: Any) -> bool:
    if not isinstance(pattern, str) or len(pattern) > 500:
        return False
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _field_names(schema: Any, depth: int = 0) -> Iterator[str]:
    """Yield all keys in a schema, the names of its fields among them."""
    if depth > 2 * MAX_DEPTH:
        return
    if isinstance(schema, dict):
        yield from schema
    for each in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _field_names(each, depth + 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_COUNTS = ("Contains", "Items", "Length", "Properties")
_VALUES: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(_BOUNDS, _is_number),
    **dict.fromkeys([f"{end}{count}" for end in ("min", "max") for count in _COUNTS], _is_count),
    **dict.fromkeys(("deprecated", "readOnly", "uniqueItems", "writeOnly"), _is_flag),
    **dict.fromkeys(("contentEncoding", "contentMediaType", "format"), _is_text),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    "enum": lambda value: isinstance(value, list) and bool(value),
    "examples": lambda value: isinstance(value, list),
    "pattern": _is_pattern,
}
"""What the meta-schema demands of keywords whose values are no schemas."""
