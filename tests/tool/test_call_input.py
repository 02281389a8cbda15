"""Tool input as models write it."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest

from opencode.schema.base import JsonObject
from opencode.tool.base import object_schema
from opencode.tool.call_input import InputError, read_input, stored_input
from opencode.tool.todo import TodoReadArgs, TodoWriteArgs
from opencode.tool.webfetch import WebFetchInput

ITEM = {"content": "buy milk", "status": "pending"}
TODO = {"todos": [ITEM]}
TEXT = json.dumps(TODO)
SCHEMA = object_schema(TodoWriteArgs)
FETCH = object_schema(WebFetchInput)


@pytest.mark.parametrize(
    "raw",
    [
        TEXT,
        json.dumps(TEXT),
        json.dumps(json.dumps(TEXT)),
        f"```json\n{TEXT}\n```",
        f"```\n{TEXT}\n```",
        f"```{TEXT}```",
        json.dumps(f"```json\n{TEXT}\n```"),
        f"  {TEXT}<|call|>",
        json.dumps({"todos": json.dumps([ITEM])}),
        json.dumps({"todos": [json.dumps(ITEM)]}),
        json.dumps({"todos": ITEM}),
        json.dumps([ITEM]),
        json.dumps([TODO]),
        json.dumps({"input": TODO}),
        json.dumps({"arguments": TEXT}),
        json.dumps({"name": "todowrite", "arguments": TODO}),
        json.dumps({"type": "function", "name": "todowrite", "parameters": TODO}),
        json.dumps({"todowrite": TODO}),
        "{}" + TEXT,
        TEXT + TEXT,
        TEXT.replace("]", ",]").replace("}]", ",}]"),
        TEXT[:-1] + ",\n}",
    ],
)
def test_the_input_that_was_meant_is_read(raw: str) -> None:
    assert read_input(raw, "todowrite", SCHEMA) == TODO


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        ('{"url": "u", "format": null, "timeout": null}', {"url": "u"}),
        ('{"url": "u", "format": "", "timeout": "null"}', {"url": "u"}),
        ('{"url": "u", "timeout": "12.5"}', {"url": "u", "timeout": 12.5}),
        ('{"url": null}', {"url": None}),
        ('{"url": ""}', {"url": ""}),
        ('{"url": 5}', {"url": 5}),
        ('{"url": ["u"]}', {"url": ["u"]}),
        ('{"url": "{}"}', {"url": "{}"}),
        ('{"url": "u", "format": "pdf"}', {"url": "u", "format": "pdf"}),
        ('{"url": "a\nb"}', {"url": "a\nb"}),
        ('{"url": "a,}"}', {"url": "a,}"}),
        ('{"url": "a, ]", }', {"url": "a, ]"}),
        ('{"other": {"url": "u"}}', {"other": {"url": "u"}}),
        (
            '{"name": "elsewhere", "arguments": {"url": "u"}}',
            {"name": "elsewhere", "arguments": {"url": "u"}},
        ),
        ('{"arguments": {"x": 1}}', {"arguments": {"x": 1}}),
    ],
)
def test_what_can_be_meant_in_one_way_is_mended_and_nothing_else(raw: str, meant: JsonObject) -> None:
    assert read_input(raw, "webfetch", FETCH) == meant


@pytest.mark.parametrize(
    "raw", ["", " ", "null", '""', '"null"', "{}", "undefined", "None", "```json\n{}\n```"]
)
def test_nothing_in_any_form_is_no_input(raw: str) -> None:
    assert read_input(raw, "todoread", object_schema(TodoReadArgs)) == {}


NULLABLE: dict[str, Any] = {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("schema", "value", "meant"),
    [
        ({"type": "integer"}, "5", 5),
        ({"type": "integer"}, "5.5", "5.5"),
        ({"type": "boolean"}, "True", True),
        ({"type": ["string", "integer"]}, "5", "5"),
        ({"type": ["integer", "null"]}, "null", None),
        ({"type": "object"}, '{"a": "1"}', {"a": "1"}),
        ({"type": "array"}, "[1", "[1"),
        ({"type": "array"}, "a, b", "a, b"),
        (NULLABLE, '["1", 2]', [1, 2]),
        ({"$ref": "#/$defs/list"}, "[3]", [3]),
        ({"$ref": "#/$defs/loop"}, "[3]", "[3]"),
        ({"$ref": "https://example.com/x"}, "[3]", "[3]"),
        ({"anyOf": [{"type": "string"}, {"type": "array"}]}, "[3]", "[3]"),
        ({}, "[3]", "[3]"),
        (True, "[3]", "[3]"),
    ],
)
def test_a_value_is_read_as_its_schema_says(schema: Any, value: Any, meant: Any) -> None:
    whole = {
        "type": "object",
        "properties": {"x": schema},
        "required": ["x", 5],
        "$defs": {"list": {"type": "array"}, "loop": {"$ref": "#/$defs/loop"}},
    }
    assert read_input(json.dumps({"x": value}), "probe", whole) == {"x": meant}


@pytest.mark.parametrize(
    "raw",
    ["{", "[1]", "3", "true", '"a"', '{"a": 1}{"a": 2}', "{'a': 1}", '{"a": NaN}', '{"a": 1e999}', "{}x"],
)
def test_what_is_no_object_is_refused(raw: str) -> None:
    with pytest.raises(InputError):
        read_input(raw, "webfetch", FETCH)


def test_deep_input_is_refused_before_anything_recurses_into_it() -> None:
    deep = '{"a":' * 65 + "1" + "}" * 65
    with pytest.raises(InputError, match="64 levels"):
        read_input(deep, "webfetch", FETCH)
    assert stored_input(deep) == {"invalid": deep}
    strings: Any = 1
    for _ in range(12):
        strings = {"a": json.dumps(strings)}
    assert read_input(json.dumps(strings)[:65_000] or "{}", "probe", {"type": "object"})


@pytest.mark.parametrize(
    "raw",
    [
        '{"a": "' + '\\"' * 400_000,
        '{"a": "' + '\\"' * 400_000 + "\\",
        "{" + ", " * 400_000,
        "{" + " " * 900_000 + ",",
        "```" + "`" * 900_000,
        "<|" * 400_000,
        json.dumps({"todos": [{}] * 200_000}),
        json.dumps({"todos": ["{}"] * 10_000}),
    ],
)
def test_hostile_input_takes_little_time(raw: str) -> None:
    began = time.process_time()
    with suppress(InputError):
        read_input(raw, "todowrite", SCHEMA)
    assert time.process_time() - began < 1


def test_a_hostile_schema_takes_little_time() -> None:
    loops = [{"$ref": "#/$defs/a"}] * 16
    schema = {
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/a"}},
        "$defs": {"a": {"anyOf": [*loops, {"type": "array", "items": {"$ref": "#/$defs/a"}}][-16:]}},
    }
    began = time.process_time()
    assert read_input('{"x": "[[[[1]]]]"}', "probe", schema) == {"x": "[[[[1]]]]"}
    assert time.process_time() - began < 1
