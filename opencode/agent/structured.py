"""Answers that fit a JSON schema: the model gives them as a call of one tool that it must make."""

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
    f"The user wants the final answer as data. When you are ready, call {TOOL} exactly once with an input "
    "that fits its schema. Do not answer in text."
)


def definition(form: JsonSchemaFormat) -> ToolDefinition:
    """Return the tool that takes the answer."""
    return ToolDefinition(TOOL, "Gives the final answer, as data that fits this schema.", form.schema)


def check_schema(form: JsonSchemaFormat) -> None:
    """Raise BadRequest where the schema itself is no valid JSON Schema of an object."""
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415 - only such prompts need it

    try:
        Draft202012Validator.check_schema(form.schema)
    except SchemaError as error:
        raise BadRequest(f"format.schema is not a valid JSON Schema: {error.message[:500]}") from None
    except RecursionError:
        raise BadRequest("format.schema is nested too deeply; make it flatter.") from None
    if form.schema.get("type") != "object":
        raise BadRequest('format.schema must describe an object: give it "type": "object".')


class Answer:
    """Takes the answer of one step. `value` is what fitted; `failures` counts what did not."""

    def __init__(self, form: JsonSchemaFormat) -> None:
        self._schema = form.schema
        self.retries = given(form.retry_count, DEFAULT_RETRIES)
        self.value: JsonObject | UnsetType = UNSET
        self.failures = 0

    def take(self, raw: str) -> ToolResult:
        """Keep the answer; raises ToolError that tells the model what does not fit."""
        fault = self._fault(raw)
        if fault is not None:
            self.failures += 1
            raise ToolError(f"{fault} Call {TOOL} again.")
        self.value = msgspec.json.decode(raw)
        return ToolResult(
            "The answer was taken.", title="Answer", metadata={"valid": True, "truncated": False}
        )

    def _fault(self, raw: str) -> str | None:
        from jsonschema import Draft202012Validator  # noqa: PLC0415

        try:
            value = msgspec.json.decode(raw)
        except msgspec.DecodeError as error:
            return f"The input is not valid JSON: {error}."
        faults = [
            f"{fault.json_path}: {fault.message}"
            for fault in Draft202012Validator(self._schema).iter_errors(value)
        ]
        return f"The input does not fit the schema: {'; '.join(faults[:5])}." if faults else None
