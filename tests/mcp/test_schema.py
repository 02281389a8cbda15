"""Input schemas of every draft and none, as providers get them."""

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from opencode.tool.mcp.schema import InputSchema

KEYWORDS = Draft202012Validator.VALIDATORS.keys() | {
    "id",
    "$id",
    "$defs",
    "definitions",
    "examples",
    "title",
    "exclusiveMinimum",
}
EMPTY = {"properties": {}, "type": "object"}
TEXT = {"type": "string"}


def fields(given: Any) -> Any:
    return InputSchema(given).schema["properties"]


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {},
        [],
        True,
        "object",
        {"type": "string"},
        {"type": ["object", "null"]},
        {"type": "object", "properties": None},
        {"properties": [], "required": "a"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#/nowhere"},
        {"$ref": 5},
        {"$ref": "#"},
        {"anyOf": []},
        {"anyOf": "x"},
        {"enum": []},
    ],
)
def test_what_is_no_object_with_fields_is_one_without(schema: Any) -> None:
    assert InputSchema(schema).schema == EMPTY


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ({"exclusiveMinimum": True, "minimum": 3}, {"exclusiveMinimum": 3}),
        ({"exclusiveMaximum": False, "maximum": 3}, {"maximum": 3}),
        ({"type": "int"}, {"type": "integer"}),
        ({"type": ["str", "null", "any"]}, {"type": ["string", "null"]}),
        ({"type": "nothing"}, {}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"type": "list", "items": True}, {"type": "array", "items": {}}),
        (True, {}),
        (False, {"not": {}}),
        (None, {}),
        ({"type": "string", "pattern": "(?<a>"}, TEXT),
        ({"type": "string", "minLength": "3", "enum": []}, TEXT),
        ({"type": "string", "description": None}, {**TEXT, "description": ""}),
        ({"$ref": "file:///etc/passwd"}, {}),
        ({"$ref": "other.json#/a", "type": "string"}, TEXT),
        ({"$dynamicRef": "#x", "$id": "http://x/", "$schema": 7, "type": "string"}, TEXT),
        ({"anyOf": [TEXT, 5, {"type": "float"}]}, {"anyOf": [TEXT, {"type": "number"}]}),
        (
            {"items": [{"type": "number"}, {"type": "number"}]},
            {
                "items": {"type": "number"},
                "type": "array",
                "description": "A list in this order: number, number.",
            },
        ),
        (
            {"type": "array", "items": [TEXT, {"type": "number"}], "additionalItems": False},
            {
                "type": "array",
                "items": {"anyOf": [TEXT, {"type": "number"}]},
                "maxItems": 2,
                "description": "A list in this order: string, number.",
            },
        ),
        (
            {"type": "array", "prefixItems": [TEXT], "items": {"type": "number"}, "description": "Pairs."},
            {
                "type": "array",
                "items": {"anyOf": [TEXT, {"type": "number"}]},
                "description": "Pairs. A list in this order: string, number.",
            },
        ),
    ],
)
def test_a_field_is_rewritten(field: Any, expected: Any) -> None:
    written = InputSchema({"type": "object", "properties": {"a": field}}).schema
    assert written["properties"]["a"] == expected
    nested = fields({"properties": {"list": {"type": "array", "items": {"properties": {"a": field}}}}})
    assert nested["list"]["items"]["properties"]["a"] == expected


def test_fields_have_names_that_providers_accept_and_go_back_under_their_own() -> None:
    names = ["$filter", "_filter", "user name", "é", "", "x" * 80, "a[b]"]
    inner = {"type": "object", "properties": {"$top": {"type": "integer"}}, "required": ["$top"]}
    schema = InputSchema(
        {
            "properties": {
                **dict.fromkeys(names, TEXT),
                "query": inner,
                "list": {"type": "array", "items": inner},
            },
            "required": ["$filter"],
        }
    )
    safe = list(schema.schema["properties"])
    assert len(set(safe)) == len(names) + 2
    assert all(1 <= len(name) <= 64 and name.isascii() and "$" not in name for name in safe)
    assert schema.schema["required"] == [safe[0]]
    assert schema.schema["properties"]["query"]["required"] == ["_top"]
    values = {**dict.fromkeys(safe[: len(names)], "v"), "query": {"_top": 1}, "list": [{"_top": 2}]}
    restored = schema.restored(values)
    assert restored == {**dict.fromkeys(names, "v"), "query": {"$top": 1}, "list": [{"$top": 2}]}


def test_fields_that_stand_in_alternatives_are_all_there() -> None:
    either = InputSchema(
        {
            "anyOf": [
                {"type": "object", "properties": {"id": TEXT, "at": TEXT}, "required": ["id", "at"]},
                {"properties": {"name": TEXT, "at": {"type": "int"}}, "required": ["name", "at"]},
            ],
            "additionalProperties": False,
        }
    ).schema
    assert either["properties"] == {"id": TEXT, "at": {"anyOf": [TEXT, {"type": "integer"}]}, "name": TEXT}
    assert either["required"] == ["at"]
    assert either["description"] == "Give one of these sets of fields: id, at; name, at."
    assert not either.keys() & {"anyOf", "additionalProperties"}
    every = InputSchema(
        {
            "allOf": [{"$ref": "#/definitions/A"}, {"properties": {"b": TEXT}}],
            "then": {"properties": {"c": TEXT}, "required": ["c"]},
            "definitions": {"A": {"properties": {"a": TEXT}, "required": ["a"]}},
        }
    ).schema
    assert (set(every["properties"]), every["required"]) == ({"a", "b", "c"}, ["a"])


def test_references_within_the_document_are_kept_or_followed() -> None:
    schema = InputSchema(
        {
            "properties": {
                "one": {"$ref": "#/$defs/Node"},
                "two": {"$ref": "#/properties/list/items"},
                "three": {"$ref": "#named"},
                "four": {"$ref": "#/$defs/Missing"},
                "list": {"type": "array", "items": TEXT},
            },
            "$defs": {
                "Node": {"properties": {"next": {"$ref": "#/$defs/Node"}}},
                "Named": {"$anchor": "named", "type": "boolean"},
            },
        }
    ).schema
    assert schema["properties"] == {
        "one": {"$ref": "#/$defs/Node"},
        "two": TEXT,
        "three": {"type": "boolean"},
        "four": {},
        "list": {"type": "array", "items": TEXT},
    }
    root = InputSchema({"$ref": "#/$defs/A", "$defs": {"A": {"properties": {"a": TEXT}, "required": ["a"]}}})
    assert (root.schema["properties"], root.schema["required"]) == ({"a": TEXT}, ["a"])


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.floats(-1, 1)
    | st.sampled_from(["string", "array", "#/$defs/a", "#", "("]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(sorted({*KEYWORDS, "a", "$b"})), inner, max_size=5)
    ),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(VALUES)
def test_whatever_is_given_the_schema_is_valid(value: Any) -> None:
    written = InputSchema(value).schema
    Draft202012Validator.check_schema(written)
    assert written["type"] == "object"


def test_hostile_schemas_are_done_with_soon() -> None:
    deep: Any = {}
    for _ in range(300):
        deep = {"type": "object", "properties": {"a": deep}}
    wide = {"properties": {f"p{index}": {"$ref": "#"} for index in range(50)}}
    chain = {f"d{index}": {"anyOf": [{"$ref": f"#/x/d{index + 1}"}] * 8} for index in range(20)}
    laughs = {"properties": {"a": {"$ref": "#/x/d0"}}, "x": chain}
    top = {
        "anyOf": [{"$ref": "#/$defs/d0"}] * 8,
        "$defs": json.loads(json.dumps(chain).replace("/x/", "/$defs/")),
    }
    began = time.monotonic()
    for hostile in (deep, wide, laughs, top):
        assert InputSchema(hostile).schema["type"] == "object"
    assert time.monotonic() - began < 10
