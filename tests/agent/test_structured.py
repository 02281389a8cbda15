"""Answers as data: which schemas are refused, and which answers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from opencode.agent.structured import TOOL, Answer, SchemaPool, check_schema, definition
from opencode.errors import BadRequest, ToolError
from opencode.offload.jobs import JSON_SCHEMA
from opencode.offload.pool import Pool
from opencode.schema.message import JsonSchemaFormat

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "s": {"type": "string"}},
    "required": ["n"],
}


@pytest.fixture
async def schemas() -> AsyncIterator[SchemaPool]:
    pool = Pool("JSON_SCHEMA", JSON_SCHEMA)
    yield pool
    await pool.close()


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def test_the_tool_asks_for_the_schema_that_the_prompt_gave() -> None:
    tool = definition(JsonSchemaFormat(schema=SCHEMA))
    assert (tool.name, tool.parameters) == (TOOL, SCHEMA)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "nonsense"}, "is not a valid JSON Schema"),
        ({"type": "array"}, 'give it "type": "object"'),
        ({}, 'give it "type": "object"'),
        (nested(2_000), "nested too deeply"),
        ({"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}, r"\$ref '#/nowhere' leads nowhere"),
        (
            {"type": "object", "items": [{"$ref": "#x"}], "allOf": [{"$ref": "#x"}]},
            "leads nowhere|not a valid",
        ),
    ],
)
async def test_a_schema_that_can_not_be_asked_for_is_refused_with_what_to_change(
    schema: dict[str, Any], message: str, schemas: SchemaPool
) -> None:
    with pytest.raises(BadRequest, match=message):
        await check_schema(JsonSchemaFormat(schema=schema), schemas)


async def test_a_schema_of_an_object_is_taken(schemas: SchemaPool) -> None:
    await check_schema(JsonSchemaFormat(schema=SCHEMA), schemas)


async def test_an_answer_that_fits_is_kept(schemas: SchemaPool) -> None:
    answer = Answer(JsonSchemaFormat(schema=SCHEMA))
    result = await answer.submit('{"n": 3}', schemas)
    assert (answer.value, answer.failures) == ({"n": 3}, 0)
    assert (result.title, result.metadata) == ("Answer", {"valid": True, "truncated": False})


async def test_an_answer_that_does_not_fit_is_counted_and_the_model_is_told_every_fault(
    schemas: SchemaPool,
) -> None:
    answer = Answer(JsonSchemaFormat(schema=SCHEMA))
    with pytest.raises(ToolError) as refusal:
        await answer.submit('{"n": "x", "s": 1}', schemas)
    assert "$.n: 'x' is not of type 'integer'; $.s: 1 is not of type 'string'." in refusal.value.message
    assert f"Call {TOOL} again." in refusal.value.message
    with pytest.raises(ToolError, match="not valid JSON"):
        await answer.submit("{", schemas)
    assert answer.failures == 2
    assert not answer.value


async def test_no_more_than_five_faults_are_named(schemas: SchemaPool) -> None:
    schema = {"type": "object", "additionalProperties": {"type": "string"}}
    with pytest.raises(ToolError) as refusal:
        await Answer(JsonSchemaFormat(schema=schema)).submit('{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}', schemas)
    assert refusal.value.message.count("is not of type") == 5


def test_a_prompt_says_how_often_a_model_may_try_again_else_it_is_twice() -> None:
    assert Answer(JsonSchemaFormat(schema=SCHEMA)).retries == 2
    assert Answer(JsonSchemaFormat(schema=SCHEMA, retry_count=0)).retries == 0


@pytest.mark.parametrize(
    "reference", ["http://127.0.0.1:1/s.json", "https://example.com/s", "file:///etc/passwd", "other.json"]
)
@pytest.mark.parametrize("place", ["properties", "items", "$defs"])
async def test_a_reference_to_another_document_is_refused_and_never_fetched(
    reference: str, place: str, schemas: SchemaPool
) -> None:
    inner = {"$ref": reference}
    nested = {"items": {"type": "array", "items": inner}, "properties": {"a": inner}, "$defs": {"a": inner}}
    schema = {"type": "object", "properties": {"list": {place: nested[place]}}}
    with pytest.raises(BadRequest, match=r"\$ref .* leads to another document"):
        await check_schema(JsonSchemaFormat(schema=schema), schemas)


async def test_references_within_the_schema_are_followed_and_lost_ones_are_a_mismatch(
    schemas: SchemaPool,
) -> None:
    properties = {"age": {"$ref": "#/$defs/age"}, "$ref": {"type": "string", "const": "http://a"}}
    schema = {"type": "object", "properties": properties, "$defs": {"age": {"type": "integer"}}}
    await check_schema(JsonSchemaFormat(schema=schema), schemas)
    answer = Answer(JsonSchemaFormat(schema=schema))
    await answer.submit('{"age": 7}', schemas)
    assert answer.value == {"age": 7}
    lost = Answer(JsonSchemaFormat(schema={**schema, "$defs": {}}))
    with pytest.raises(ToolError, match="can't be applied"):
        await lost.submit('{"age": 7}', schemas)


@pytest.mark.parametrize(
    "text",
    [
        '{"n": 3}',
        ' \n{"n": 3}\n',
        '```json\n{"n": 3}\n```',
        'Here it is:\n```\n{"n": 3}\n```\nDone.',
        '"{\\"n\\": 3}"',
        '{"n": "3"}',
    ],
)
async def test_json_in_plain_text_is_an_answer(schemas: SchemaPool, text: str) -> None:
    answer = Answer(JsonSchemaFormat(schema=SCHEMA))
    assert await answer.read_text(text, schemas) is None
    assert (answer.value, answer.failures) == ({"n": 3}, 0)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Three.", "not valid JSON"),
        ("", "empty"),
        ("[3]", "JSON object"),
        ('{"n": "x"}', "not of type"),
        ('The answer is {"n": 3}.', "not valid JSON"),
        ('```\n{"n": 3}\n```\nor\n```\n{"n": 4}\n```', "not valid JSON"),
    ],
)
async def test_text_that_is_no_answer_is_counted_and_its_fault_is_told(
    schemas: SchemaPool, text: str, fault: str
) -> None:
    answer = Answer(JsonSchemaFormat(schema=SCHEMA))
    assert fault in (await answer.read_text(text, schemas) or "")
    assert answer.failures == 1
    assert not answer.value
