"""What a 400 says: the field by its path, what was sent, what is allowed, an example; misspelled fields."""

from typing import Any

import msgspec
import pytest
from msgspec import inspect
from quart import Quart

from opencode.config import Settings
from opencode.schema.explain import explain, member
from opencode.schema.prompt import CreateSessionBody, PromptBody
from opencode.server.app import create_app
from opencode.server.endpoint import ATTRIBUTE, Endpoint
from opencode.server.fields import MAX_BYTES, Fields
from tests.clients.contract import document, shape
from tests.harness import Server

TAGS = '"text", "file", "agent", "subtask"'


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("", {"title": 5}, 'title must be a string, not 5. Example: "Trip to Lisbon".'),
        ("", [], "The body must be a JSON object, not an array. Example: {}."),
        (
            "",
            {"permission": [{"permission": "a", "pattern": "*", "action": "no"}]},
            'permission[0].action must be one of "allow", "ask", "deny", not "no". Example: "allow".',
        ),
        (
            "/message",
            {"parts": [{"type": "text"}]},
            'parts[0].text is missing: send a string, such as "Hello, what can you help me with?".',
        ),
        (
            "/message",
            {"parts": [{"type": "txt"}]},
            f'parts[0].type must be one of {TAGS}, not "txt". Example: "text".',
        ),
        ("/message", {"parts": [{}]}, f'parts[0].type is missing: send one of {TAGS}, such as "text".'),
        (
            "/message",
            {"content": "a", "tools": {"a": True, "b": 1, "c": True}, "noReply": 2},
            "tools.b must be true or false, not 1. Example: true.",
        ),
        (
            "/message",
            {"content": ["x" * 1000]},
            'content must be a string, not an array. Example: "Hello, what can you help me with?".',
        ),
        (
            "/message",
            {"content": "a", "model": 5},
            'model must be a JSON object or a string, not 5. Example: "anthropic/claude-sonnet-4-5".',
        ),
        ("", {"titel": "x"}, "Unknown field titel: did you mean title?"),
        ("", {"parent_id": "x"}, "Unknown field parent_id: did you mean parentID?"),
        (
            "/message",
            {"parts": [{"type": "text", "text": "a", "synthetc": True}]},
            "Unknown field parts[0].synthetc: did you mean parts[0].synthetic?",
        ),
        (
            "/message",
            {"parts": [{"typ": "text", "text": "a"}]},
            "Unknown field parts[0].typ: did you mean parts[0].type?",
        ),
        (
            "/message",
            {"content": "a", "model": {"providerId": "x", "modelID": "y"}},
            "Unknown field model.providerId: did you mean model.providerID?",
        ),
    ],
)
async def test_a_wrong_body_is_explained(server: Server, path: str, body: Any, message: str) -> None:
    session_id = await server.new_session()
    response = await server.client.post(f"/session/{session_id}{path}" if path else "/session", json=body)
    assert response.status_code == 400
    assert response.json()["data"] == {"message": message, "kind": "Payload"}
    assert await server.messages(session_id) == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=many", 'limit must be an integer from 1 to 1000, not "many". Example: 1.'),
        ("limit=1001", 'limit must be an integer from 1 to 1000, not "1001". Example: 1.'),
        ("roots=maybe", 'roots must be true or false, not "maybe". Example: true.'),
    ],
)
async def test_a_wrong_query_is_explained(server: Server, query: str, message: str) -> None:
    response = await server.client.get(f"/session?{query}")
    assert response.status_code == 400
    assert response.json()["data"] == {"message": message, "kind": "Query"}


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b'{"title": tru}', "byte 14"),
        (b'{"title": "x"', "ends too early"),
        (b'{"title": "\xff"}', "UTF-8"),
        (b'{"title": "\\ud800"}', "surrogate"),
        (b'{"metadata": ' + b"[" * 100_000 + b"}", "nested too deeply"),
        (b'{"title": 5, "x"', "ends too early"),
    ],
)
async def test_a_body_that_is_no_json_is_explained(server: Server, body: bytes, hint: str) -> None:
    response = await server.client.post("/session", content=body)
    assert response.status_code == 400
    message = response.json()["data"]["message"]
    assert hint in message
    assert message.startswith("The body is n")


async def test_a_secret_is_not_repeated(server: Server) -> None:
    response = await server.client.put("/auth/anthropic", json={"type": "api", "key": 12345678})
    assert response.status_code == 400
    assert response.json()["data"]["message"].startswith("key must be a string, not an integer.")


def test_the_wrong_key_of_many_is_named_also_beside_another_fault() -> None:
    tools = {f"tool{number}": number != 700 for number in range(1000)}
    body = {"tools": {**tools, "tool700": "yes"}, "noReply": 1}
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(body, PromptBody)
    assert explain(caught.value, PromptBody, body).startswith(
        'tools.tool700 must be true or false, not "yes".'
    )


def test_known_fields_are_not_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = Fields(PromptBody)
    assert fields.are_known(
        b'{"parts":[{"type":"text","text":"a"}],"model":{"providerID":"a","modelID":"b"}}'
    )
    assert fields.are_known(b'{"content":"a","model":"a/b","tools":{"x":true},"format":{"type":"text"}}')
    assert not fields.are_known(b'{"content":"a","x":1}')
    assert not fields.are_known(b'{"parts":[{"type":"text","text":"a","x":1}]}')
    assert fields.are_known(b'{"content":"a","x":"' + b"a" * MAX_BYTES + b'"}')


@pytest.mark.timeout(10)
def test_looking_for_misspelled_fields_is_bounded() -> None:
    fields = Fields(CreateSessionBody)
    assert fields.misspelled({f"{number}" * 10: 1 for number in range(100_000)}) is None
    assert fields.misspelled({"titl" * 100_000: 1}) is None


def bodies(app: Quart) -> dict[str, Endpoint]:
    """Return the routes that take a body, without their variables' names."""
    return {
        shape(f"{method} {rule.rule}"): spec
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if (spec := getattr(app.view_functions[rule.endpoint], ATTRIBUTE, None)) is not None and spec.body
    }


def nested(schema: Any, info: inspect.Type, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return an object with all fields that opencode knows, for each object within a body."""
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    objects = []
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        objects += nested(option, info, path)
    sample: Any = [] if schema.get("type") == "array" else {}
    properties = schema.get("properties", {})
    for name, field in properties.items():
        if len(values := field.get("enum", [])) == 1:
            sample[name] = values[0]
    match member(info, sample):
        case inspect.StructType(fields=fields) if properties:
            objects.append((path, dict.fromkeys(properties) | sample))
            types = {field.encode_name: field.type for field in fields}
            for name, field in properties.items():
                if name in types:
                    objects += nested(field, types[name], f"{path}.{name}")
        case inspect.ListType(item_type=item) if "items" in schema:
            objects += nested(schema["items"], item, f"{path}[]")
    return objects


def test_no_field_that_opencode_knows_is_taken_for_a_misspelled_one(tmp_path: Any) -> None:
    routes = bodies(create_app(Settings(data_dir=tmp_path)))
    looked_at = []
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            spec = routes.get(shape(f"{method.upper()} {path}"))
            if spec is None or "requestBody" not in operation:
                continue
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            info = inspect.type_info(spec.body)
            for place, sample in nested(schema, info):
                looked_at.append(f"{method} {path} {place}")
                value: Any = sample
                for step in reversed(place.replace("[]", ".[]").split(".")[1:]):
                    value = [value] if step == "[]" else {step: value}
                assert Fields(spec.body).misspelled(value) is None, looked_at[-1]
    assert len(looked_at) > 20
    assert any(place.endswith(".parts[].source.range.start") for place in looked_at), looked_at
