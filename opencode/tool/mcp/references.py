"""`$ref` in a tool's schema: followed within the document, never out of it."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from opencode.schema.base import JsonObject

_DEFINITIONS = ("$defs", "definitions")


class References:
    """The references of one document."""

    def __init__(self, document: Any) -> None:
        self._document = document if isinstance(document, dict) else {}

    def resolved(self, schema: JsonObject, within: frozenset[str]) -> tuple[JsonObject, frozenset[str]]:
        """Return a schema with its `$ref` replaced, unless that names a definition, which is kept.

        A reference is left out if it leads nowhere, out of the document, or to a schema that this one is part
        of. `within`: the references that were replaced so far; the new ones are added to what is returned.
        """
        while "$ref" in schema:
            reference = schema["$ref"]
            others = {key: value for key, value in schema.items() if key != "$ref"}
            if _definition(self._document, reference) is not None:
                break
            target = self._target(reference)
            if target is None or reference in within:
                return others, within
            schema, within = {**target, **others}, within | {reference}
        return schema, within

    def _target(self, reference: Any) -> JsonObject | None:
        """Return the schema in this document that a reference leads to."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        pointer = unquote(reference[1:])
        if pointer and not pointer.startswith("/"):
            return next((each for each in _definitions(self._document) if _is_called(each, pointer)), None)
        found: Any = self._document
        for step in pointer.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            elif isinstance(found, dict) and name in found:
                found = found[name]
            else:
                return None
        return found if isinstance(found, dict) else None


def definition(document: JsonObject, schema: JsonObject) -> JsonObject:
    """Return a schema, or the definition that it refers to."""
    found = _definition(document, schema.get("$ref"))
    return {**found, **{key: value for key, value in schema.items() if key != "$ref"}} if found else schema


def _definition(document: JsonObject, reference: Any) -> JsonObject | None:
    """Return the definition that a reference of the plain form `#/$defs/name` names."""
    if not isinstance(reference, str):
        return None
    for key in _DEFINITIONS:
        start = f"#/{key}/"
        named = document.get(key)
        if reference.startswith(start) and isinstance(named, dict):
            found = named.get(reference.removeprefix(start))
            return found if isinstance(found, dict) else None
    return None


def _definitions(document: JsonObject) -> Iterator[JsonObject]:
    for key in _DEFINITIONS:
        named = document.get(key)
        yield from (
            each for each in (named.values() if isinstance(named, dict) else ()) if isinstance(each, dict)
        )


def _is_called(schema: JsonObject, anchor: str) -> bool:
    return schema.get("$anchor") == anchor or f"#{anchor}" in (schema.get("$id"), schema.get("id"))
