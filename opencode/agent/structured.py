"""Structured output: the model gives an answer that matches a JSON schema as a call of one required tool."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from opencode.errors import BadRequest, ToolError
from opencode.provider.base import ToolDefinition
from opencode.schema.base import JsonObject, given
from opencode.schema.message import JsonSchemaFormat
from opencode.tool.base import ToolResult

TOOL = "StructuredOutput"
DEFAULT_RETRIES = 2

INSTRUCTION = (
    f"The user wants the final answer as data. When you are ready, call {TOOL} exactly once with input that "
    "matches its schema. Do not answer in text."
)


def definition(form: JsonSchemaFormat) -> ToolDefinition:
    """Return the tool whose input is the answer."""
    return ToolDefinition(TOOL, "Gives the final answer as data that matches this schema.", form.schema)


def check_schema(form: JsonSchemaFormat) -> None:
    """Raise BadRequest if the schema is not a valid JSON Schema of an object."""
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415 - only such prompts need it

    try:
        Draft202012Validator.check_schema(form.schema)
    except SchemaError as error:
        raise BadRequest(f"format.schema is not a valid JSON Schema: {error.message[:500]}") from None
    except RecursionError:
        raise BadRequest("format.schema is nested too deeply; make it flatter.") from None
    if reference := next(_remote_references(form.schema), None):
        raise BadRequest(
            f"format.schema: $ref {reference[:200]!r} leads to another document, which is not fetched. Put "
            'what it names into "$defs".'
        )
    if form.schema.get("type") != "object":
        raise BadRequest('format.schema must describe an object: give it "type": "object".')


def _remote_references(schema: object) -> Iterator[str]:
    """Yield the references to other documents. None is ever fetched, wherever it leads."""
    if isinstance(schema, dict):
        reference = schema.get("$ref", schema.get("$dynamicRef"))
        if isinstance(reference, str) and not reference.startswith("#"):
            yield reference
        for key, value in schema.items():
            if key not in ("const", "enum", "default", "examples"):  # data, not schemas
                yield from _remote_references(value)
    elif isinstance(schema, list):
        yield from (each for value in schema for each in _remote_references(value))


class Answer:
    """The structured answer of one step. `value`: the last valid answer; `failures`: the invalid attempts."""

    def __init__(self, form: JsonSchemaFormat) -> None:
        self._schema = form.schema
        self.retries = given(form.retry_count, DEFAULT_RETRIES)
        self.value: JsonObject | UnsetType = UNSET
        self.failures = 0

    def submit(self, raw: str) -> ToolResult:
        """Set the value from the input of a call; raise ToolError, which tells the model what to correct."""
        mismatch = self._mismatch(raw)
        if mismatch is not None:
            self.failures += 1
            raise ToolError(f"{mismatch} Call {TOOL} again.")
        self.value = msgspec.json.decode(raw)
        return ToolResult("Answer accepted.", title="Answer", metadata={"valid": True, "truncated": False})

    def _mismatch(self, raw: str) -> str | None:
        """Return how the input differs from the schema, None if it matches."""
        from jsonschema import Draft202012Validator  # noqa: PLC0415
        from referencing import Registry  # noqa: PLC0415
        from referencing.exceptions import Unresolvable  # noqa: PLC0415

        try:
            value = msgspec.json.decode(raw)
        except msgspec.DecodeError as error:
            return f"The input is not valid JSON: {error}."
        registry: Registry[Any] = Registry()  # empty: without one, the validator fetches what a $ref names
        try:
            found = list(Draft202012Validator(self._schema, registry=registry).iter_errors(value))
        except Unresolvable as error:
            return f"The schema can't be applied: {error}."
        except RecursionError:
            return "The input is nested too deeply."
        errors = [f"{error.json_path}: {error.message}" for error in found]
        return f"The input does not match the schema: {'; '.join(errors[:5])}." if errors else None
