"""Structured output: an answer that matches a JSON schema, as a call of one required tool or as JSON text."""

import re

import msgspec
from msgspec import UNSET, UnsetType

from opencode.errors import BadRequest, ToolError
from opencode.offload.jobs import SchemaJob
from opencode.offload.pool import NotDone, Pool, Reason
from opencode.provider.base import ToolDefinition
from opencode.schema.base import JsonObject, encode, given
from opencode.schema.message import JsonSchemaFormat
from opencode.tool.base import ToolResult
from opencode.tool.call_input import InputError, read_input

TOOL = "StructuredOutput"
DEFAULT_RETRIES = 2

INSTRUCTION = (
    f"The user wants the final answer as data. When you are ready, call {TOOL} exactly once with input that "
    "matches its schema. Do not answer in text."
)

IN_WORDS = (
    "The user wants the final answer as data. Reply with one JSON object that matches this JSON schema, and "
    "with nothing else: {schema}"
)
"""The instruction for a model that takes no tools."""

ASK_AGAIN = (
    "That was not the answer as data: {mismatch}. Reply with the JSON object that matches the schema and "
    "nothing else, or call {tool} with it, if you have that tool."
)

_FENCED = re.compile(r"```[A-Za-z]*[ \t]*\n(.*?)\n[ \t]*```", re.DOTALL)

SchemaPool = Pool[SchemaJob, str | None]
"""Checks schemas and answers: the schema is a stranger's, and so are its regular expressions."""

_CAUSES: dict[Reason, str] = {
    "size": "it is too large",
    "wait": "the server is busy",
    "time": "that takes too long",
    "memory": "that takes too much memory",
    "depth": "it is nested too deeply",
    "failed": "the check failed",
}


def definition(form: JsonSchemaFormat) -> ToolDefinition:
    """Return the tool whose input is the answer."""
    return ToolDefinition(TOOL, "Gives the final answer as data that matches this schema.", form.schema)


def in_words(form: JsonSchemaFormat) -> str:
    """Return the instruction for a model that takes no tools."""
    return IN_WORDS.format(schema=encode(form.schema).decode())


async def check_schema(form: JsonSchemaFormat, schemas: SchemaPool) -> None:
    """Raise BadRequest if the schema is not a valid JSON Schema of an object, or refers to what it lacks."""
    try:
        fault = await schemas.run(SchemaJob(form.schema))
    except NotDone as error:
        fault = f"it can't be checked ({_CAUSES[error.reason]}); make it smaller or simpler"
    if fault is not None:
        raise BadRequest(f"format.schema: {fault}.")


class Answer:
    """The structured answer of one step. `value`: the last valid answer; `failures`: the invalid attempts.

    `schema`: what a valid answer matches.
    """

    def __init__(self, form: JsonSchemaFormat) -> None:
        self.schema = form.schema
        self.retries = given(form.retry_count, DEFAULT_RETRIES)
        self.value: JsonObject | UnsetType = UNSET
        self.failures = 0

    async def submit(self, raw: str, schemas: SchemaPool) -> ToolResult:
        """Set the value from the input of a call; raise ToolError, which tells the model what to correct."""
        mismatch = await self._check(raw, schemas)
        if mismatch is not None:
            self.failures += 1
            raise ToolError(f"The input was not accepted: {mismatch}. Call {TOOL} again.")
        return ToolResult("Answer accepted.", title="Answer", metadata={"valid": True, "truncated": False})

    async def read_text(self, text: str, schemas: SchemaPool) -> str | None:
        """Set the value from an answer in plain text; return what is wrong with it, if anything.

        Servers that do not know `tool_choice` answer so. The text is JSON, or holds it in one code fence.
        """
        fenced = _FENCED.findall(text)
        try:
            value = read_input(fenced[0] if len(fenced) == 1 else text, TOOL, self.schema)
            mismatch = await self._check(encode(value).decode(), schemas) if text.strip() else "it was empty"
        except InputError as error:
            mismatch = f"it {error}"
        if mismatch is not None:
            self.failures += 1
        return mismatch

    async def _check(self, raw: str, schemas: SchemaPool) -> str | None:
        """Set the value if JSON text matches the schema; return what is wrong otherwise."""
        try:
            mismatch = await schemas.run(SchemaJob(self.schema, raw))
        except NotDone as error:
            mismatch = f"it can't be checked ({_CAUSES[error.reason]})"
        if mismatch is None:
            self.value = msgspec.json.decode(raw)
        return mismatch
