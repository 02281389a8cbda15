"""Checks against a client's JSON schema: its `pattern` is a stranger's regular expression."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec
from jsonschema import Draft202012Validator, SchemaError
from referencing import Registry
from referencing._core import Resolver
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from opencode.schema.base import JsonObject

from .jobs import SchemaJob

_SHOWN_ERRORS = 5
_LONGEST = 500
"""Characters of one error: it may quote the whole answer."""


def mismatch(job: SchemaJob) -> str | None:
    """Return what is wrong with the answer, or without one with the schema; None if nothing is."""
    return _schema_fault(job.schema) if job.answer is None else _answer_fault(job.schema, job.answer)


def _schema_fault(schema: JsonObject) -> str | None:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"it is not a valid JSON Schema: {_short(error.message)}"
    for reference, resolver in _references(schema):
        if not reference.startswith("#"):
            return (
                f"$ref {reference[:200]!r} leads to another document, which is not fetched. Put what it "
                'names into "$defs"'
            )
        try:
            resolver.lookup(reference)
        except Unresolvable:
            return f"$ref {reference[:200]!r} leads nowhere in the schema"
    if schema.get("type") != "object":
        return 'it must describe an object: give it "type": "object"'
    return None


def _references(schema: JsonObject) -> Iterator[tuple[str, Resolver[Any]]]:
    """Yield each reference of a schema, and what resolves it. Nothing is ever fetched."""
    root = DRAFT202012.create_resource(schema)
    registry: Registry[Any] = Registry()
    waiting = [(schema, registry.resolver_with_root(root))]
    while waiting:
        at, resolver = waiting.pop()
        if isinstance(at, dict):
            for key in ("$ref", "$dynamicRef"):
                if isinstance(reference := at.get(key), str):
                    yield reference, resolver
        waiting += [
            (below, resolver.in_subresource(DRAFT202012.create_resource(below)))
            for below in DRAFT202012.subresources_of(at)
        ]


def _answer_fault(schema: JsonObject, answer: str) -> str | None:
    try:
        value = msgspec.json.decode(answer)
    except msgspec.DecodeError as error:
        return f"it is not valid JSON: {error}"
    registry: Registry[Any] = Registry()  # empty: without one, the validator fetches what a $ref names
    try:
        found = list(
            islice(Draft202012Validator(schema, registry=registry).iter_errors(value), _SHOWN_ERRORS)
        )
    except Unresolvable as error:
        return f"the schema can't be applied: {error}"
    errors = [f"{error.json_path}: {_short(error.message)}" for error in found]
    return f"it does not match the schema: {'; '.join(errors)}" if errors else None


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
