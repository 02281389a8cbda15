"""Answers as data: which schemas are refused, and which answers."""

from typing import Any

import pytest

from opencode.agent.structured import TOOL, Answer, check_schema, definition
from opencode.errors import BadRequest, ToolError
from opencode.schema.message import JsonSchemaFormat

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "s": {"type": "string"}},
    "required": ["n"],
}


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
    ],
)
def test_a_schema_that_can_not_be_asked_for_is_refused_with_what_to_change(
    schema: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadRequest, match=message):
        check_schema(JsonSchemaFormat(schema=schema))


def test_a_schema_of_an_object_is_taken() -> None:
    check_schema(JsonSchemaFormat(schema=SCHEMA))


def test_an_answer_that_fits_is_kept() -> None:
    answer = Answer(JsonSchemaFormat(schema=SCHEMA))
    result = answer.submit('{"n": 3}')
    assert (answer.value, answer.failures) == ({"n": 3}, 0)
    assert (result.title, result.metadata) == ("Answer", {"valid": True, "truncated": False})


def test_an_answer_that_does_not_fit_is_counted_and_the_model_is_told_every_fault() -> None:
    answer = Answer(JsonSchemaFormat(schema=SCHEMA))
    with pytest.raises(ToolError) as refusal:
        answer.submit('{"n": "x", "s": 1}')
    assert "$.n: 'x' is not of type 'integer'; $.s: 1 is not of type 'string'." in refusal.value.message
    assert f"Call {TOOL} again." in refusal.value.message
    with pytest.raises(ToolError, match="not valid JSON"):
        answer.submit("{")
    assert answer.failures == 2
    assert not answer.value


def test_no_more_than_five_faults_are_named() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "string"}}
    with pytest.raises(ToolError) as refusal:
        Answer(JsonSchemaFormat(schema=schema)).submit('{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}')
    assert refusal.value.message.count("is not of type") == 5


def test_a_prompt_says_how_often_a_model_may_try_again_else_it_is_twice() -> None:
    assert Answer(JsonSchemaFormat(schema=SCHEMA)).retries == 2
    assert Answer(JsonSchemaFormat(schema=SCHEMA, retry_count=0)).retries == 0


@pytest.mark.parametrize(
    "reference", ["http://127.0.0.1:1/s.json", "https://example.com/s", "file:///etc/passwd", "other.json"]
)
@pytest.mark.parametrize("place", ["properties", "items", "$defs"])
def test_a_reference_to_another_document_is_refused_and_never_fetched(reference: str, place: str) -> None:
    inner = {"$ref": reference}
    nested = {"items": {"type": "array", "items": inner}, "properties": {"a": inner}, "$defs": {"a": inner}}
    schema = {"type": "object", "properties": {"list": {place: nested[place]}}}
    with pytest.raises(BadRequest, match=r"\$ref .* leads to another document"):
        check_schema(JsonSchemaFormat(schema=schema))


def test_references_within_the_schema_are_followed_and_lost_ones_are_a_mismatch() -> None:
    properties = {"age": {"$ref": "#/$defs/age"}, "$ref": {"type": "string", "const": "http://a"}}
    schema = {"type": "object", "properties": properties, "$defs": {"age": {"type": "integer"}}}
    check_schema(JsonSchemaFormat(schema=schema))
    answer = Answer(JsonSchemaFormat(schema=schema))
    answer.submit('{"age": 7}')
    assert answer.value == {"age": 7}
    lost = Answer(JsonSchemaFormat(schema={**schema, "$defs": {}}))
    with pytest.raises(ToolError, match="can't be applied"):
        lost.submit('{"age": 7}')
