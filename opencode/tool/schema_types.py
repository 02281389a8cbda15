"""What a JSON Schema says of a value's type: as much as is certain, None or nothing for the rest."""

from typing import Any

from opencode.schema.base import JsonObject

Schema = JsonObject | bool

_MAX_STEPS = 16
_MAX_NESTED = 2
_MAX_OPTIONS = 16
"""Alternatives within alternatives: more are not looked into, because references multiply them."""
_TYPE_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
_TYPE_NAMES |= {list: "array", dict: "object"}


def types_of(schema: Any, root: Schema, *, choices: bool = False, nested: int = 0) -> frozenset[str] | None:
    """Return the names of the JSON types that a schema allows; None if it may allow any.

    `choices`: a string that must be one of several values does not count as a string.
    """
    schema = _resolved(schema, root)
    if not isinstance(schema, dict) or nested > _MAX_NESTED:
        return None
    if "enum" in schema or "const" in schema:
        return _types_of_values(schema.get("enum", [schema.get("const")]), choices)
    if "type" in schema:
        named = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return frozenset(name for name in named if isinstance(name, str))
    options = schema.get("anyOf", schema.get("oneOf"))
    if isinstance(options, list) and 0 < len(options) <= _MAX_OPTIONS:
        found: frozenset[str] = frozenset()
        for option in options:
            types = types_of(option, root, choices=choices, nested=nested + 1)
            if types is None:
                return None
            found |= types
        return found
    return frozenset({"object"}) if isinstance(schema.get("properties"), dict) else None


def _types_of_values(values: Any, choices: bool) -> frozenset[str] | None:
    if not isinstance(values, list):
        return None
    names = frozenset(_TYPE_NAMES[type(value)] for value in values if type(value) in _TYPE_NAMES)
    return names - {"string"} if choices and "" not in values else names


def fields_of(schema: Any, root: Schema, *, required: bool = False) -> JsonObject:
    """Return an object schema's fields, each with its schema; {} if they are not certain."""
    schema = _of_type(schema, root, "object")
    fields = schema.get("properties")
    if not isinstance(fields, dict):
        return {}
    if not required:
        return fields
    names = schema.get("required")
    known = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return {name: fields[name] for name in known if name in fields}


def items_of(schema: Any, root: Schema) -> Schema:
    """Return the schema of an array's items; True, which allows anything, if it is not certain."""
    items = _of_type(schema, root, "array").get("items")
    return items if isinstance(items, dict) else True


def _of_type(schema: Any, root: Schema, name: str) -> JsonObject:
    """Return a schema, or the only one of its alternatives, that allows the type `name`; else {}."""
    for _ in range(_MAX_NESTED):
        schema = _resolved(schema, root)
        if not isinstance(schema, dict):
            return {}
        options = schema.get("anyOf", schema.get("oneOf"))
        if "properties" in schema or "items" in schema or not isinstance(options, list):
            return schema
        if len(options) > _MAX_OPTIONS:
            return {}
        fitting = [option for option in options if name in (types_of(option, root) or {name})]
        if len(fitting) != 1:
            return {}
        schema = fitting[0]
    return {}


def _resolved(schema: Any, root: Schema) -> Any:
    """Follow references to other places of the same document."""
    for _ in range(_MAX_STEPS):
        if not isinstance(schema, dict) or not isinstance(reference := schema.get("$ref"), str):
            return schema
        target: Any = root
        if not reference.startswith("#"):
            return True
        for step in reference[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, dict) else None
        schema = target
    return True
