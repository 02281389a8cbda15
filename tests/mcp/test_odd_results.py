"""Results in every form that servers give them: what can be read is kept, and nothing is said twice."""

import base64
from typing import Any

import pytest

from opencode.errors import ToolError
from opencode.schema.mcp import McpLocalConfig
from opencode.tool.base import ToolResult
from opencode.tool.mcp.failure import Redactor
from opencode.tool.mcp.result import tool_result
from tests.mcp.conftest import SECRET
from tests.mcp.program import PNG

IMAGE = base64.b64encode(PNG).decode()
REDACT = Redactor(McpLocalConfig(command=["any", "--token", SECRET]))


def said(text: Any) -> dict[str, Any]:
    return {"type": "text", "text": text}


def blob(content: bytes, mime: str | None, uri: str = "memo:///a") -> dict[str, Any]:
    resource = {"uri": uri, "mimeType": mime, "blob": base64.b64encode(content).decode()}
    return {"type": "resource", "resource": resource}


def read(result: dict[str, Any]) -> ToolResult:
    return tool_result("probe", result, REDACT)


@pytest.mark.parametrize(
    ("result", "output"),
    [
        ({}, "[The tool returned no output.]"),
        ({"content": None}, "[The tool returned no output.]"),
        ({"content": "said"}, "said"),
        ({"content": said("said")}, "said"),
        ({"content": [{"text": "said"}, "too", 5, None]}, "said\n\ntoo"),
        ({"content": [said({"a": 1})]}, '{"a":1}'),
        ({"content": [{**said("said"), "annotations": {"audience": ["operator"], "priority": 7}}]}, "said"),
        (
            {"content": [{"type": "hologram"}, said("said")]},
            "[An item of the type 'hologram' can't be read and was left out.]\n\nsaid",
        ),
        ({"content": [{"type": "note", "text": "said"}]}, "said"),
        (
            {"content": [{"type": "resource_link", "uri": "u:1", "name": "one", "description": "it"}]},
            "[one](u:1): it",
        ),
        ({"content": [{"type": "resource", "resource": {"uri": "u:1"}}]}, "[u:1](u:1)"),
        ({"content": [blob("héllo".encode(), "text/plain")]}, "héllo"),
        ({"content": [blob(b'{"a": 1}', "application/json")]}, '{"a": 1}'),
        ({"content": [blob(b"<svg/>", "image/svg+xml")]}, "<svg/>"),
        ({"content": [blob("héllo".encode("latin-1"), "text/plain; charset=latin-1")]}, "héllo"),
        ({"content": [blob(b"words", None)]}, "words"),
        (
            {"content": [{"type": "image", "data": 5}]},
            "[A file (image/*) was omitted: its base64 is invalid.]",
        ),
        ({"structuredContent": {"a": "said"}}, '{"a":"said"}'),
        ({"structuredContent": [1, None]}, "[1,null]"),
        (
            {"content": [said("Found 3")], "structuredContent": {"items": [4, 5]}},
            'Found 3\n\n{"items":[4,5]}',
        ),
        ({"content": [said("Found 12")], "structuredContent": {"count": 1}}, 'Found 12\n\n{"count":1}'),
        ({"content": [said("Found 12.")], "structuredContent": {"count": 12}}, "Found 12."),
        ({"content": [said('{"a": [1, 2]}')], "structuredContent": {"a": [1, 2]}}, '{"a": [1, 2]}'),
        ({"content": [said("5")], "structuredContent": {"result": 5}}, "5"),
        ({"content": [said("x" * 60)], "structuredContent": {"result": "x" * 60}}, "x" * 60),
        (
            {"content": [said("a text of some length"), blob(b"a text of some length", "text/plain")]},
            "a text of some length",
        ),
        ({"toolResult": "said"}, '{"toolResult":"said"}'),
    ],
)
def test_what_can_be_read_is_kept(result: dict[str, Any], output: str) -> None:
    assert read(result) == ToolResult(output)


@pytest.mark.parametrize(
    "result",
    [
        {"content": [{"type": "image", "data": IMAGE, "mimeType": "image/png"}]},
        {"content": [{"type": "image", "data": f"data:image/png;base64,{IMAGE}"}]},
        {"content": [{"type": "image", "data": "\n".join([IMAGE[:20], IMAGE[20:]]).rstrip("=")}]},
        {"content": [blob(PNG, "image/png"), {"type": "image", "data": IMAGE}]},
        {"content": [said(IMAGE)]},
        {"content": [said(f"see ![it](data:image/png;base64,{IMAGE})")]},
        {"structuredContent": {"image": IMAGE, "size": 1}},
        {"content": [{"type": "image", "data": IMAGE}], "structuredContent": {"image": IMAGE, "size": 1}},
        {"content": [said("it broke"), {"type": "image", "data": IMAGE}], "isError": True},
    ],
)
def test_a_picture_is_attached_once_and_is_never_text(result: dict[str, Any]) -> None:
    found = read(result)
    assert [file.mime for file in found.attachments] == ["image/png"]
    assert IMAGE[:20] not in found.output
    assert ("it broke" in found.output) == bool(result.get("isError"))


def test_base64_of_anything_else_in_structured_content_is_left_out() -> None:
    output = read(
        {"structuredContent": {"name": "a", "data": base64.b64encode(bytes(range(256))).decode()}}
    ).output
    assert output == '{"name":"a","data":"[256 bytes that are no text were left out]"}'


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"content": [said(f"with {SECRET}")]}, "with …"),
        ({"content": []}, "probe failed without a message."),
        ({"structuredContent": {"why": "so"}}, '{"why":"so"}'),
        ({"content": [blob(b"from a file", "text/plain")]}, "from a file"),
    ],
)
def test_an_error_says_all_that_can_be_read(result: dict[str, Any], message: str) -> None:
    with pytest.raises(ToolError) as caught:
        read({**result, "isError": True})
    assert caught.value.message == message
