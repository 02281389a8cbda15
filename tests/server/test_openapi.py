"""The API document: whole, valid, and true to what the routes take and give."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from opencode.config import Settings
from opencode.server.app import create_app
from opencode.server.openapi import describe
from tests.harness import Server

PAGES = {"docs", "redoc", "openapi", "doc", "static", "cluster.own_events", "cluster.keys_changed"}
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    data_dir = tmp_path_factory.mktemp("openapi")
    return describe(create_app(Settings.load({"OPENCODE_DATA_DIR": str(data_dir), "HOME": str(data_dir)})))


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def fits(document: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    """Assert that a value fits a schema of the document."""
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_in_the_document(document: dict[str, Any], tmp_path: Path) -> None:
    app = create_app(Settings.load({"OPENCODE_DATA_DIR": str(tmp_path), "HOME": str(tmp_path)}))
    routes = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint not in PAGES and not rule.endpoint.startswith("web.")
    }
    spelled = {route.replace("<", "{").replace("_id>", "ID}").replace(">", "}") for route in routes}
    assert spelled == {name for name, _ in operations(document)}


def test_every_operation_says_what_it_does_and_how_it_can_fail(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["operationId"], name
        assert all(parameter["description"] for parameter in operation["parameters"]), name
        assert any(status.startswith(("4", "5")) for status in operation["responses"]), name
        assert all(response["description"] for response in operation["responses"].values()), name
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["examples"], name


def test_every_operation_has_an_id_of_its_own(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(ids) == len(set(ids))


def test_every_type_is_described_in_the_wires_own_words(document: dict[str, Any]) -> None:
    for name, component in document["components"]["schemas"].items():
        if name.endswith("Query"):
            continue
        assert component.get("description"), name
        assert "\n    " not in component["description"], name
        assert "_id`" not in component["description"], name


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    seen = 0
    for _, operation in operations(document):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for answer in [*bodies, *operation["responses"].values()]:
            content = answer.get("content", {}).get("application/json", {})
            values = [example["value"] for example in content.get("examples", {}).values()]
            if "example" in content:
                values.append(content["example"])
            for value in values:
                fits(document, content["schema"], value)
                seen += 1
    assert seen > 50


async def test_real_answers_fit_the_document(document: dict[str, Any], server: Server) -> None:
    session_id = await server.new_session()
    await server.ask(session_id, "Hello")
    message_id = (await server.messages(session_id))[0]["info"]["id"]
    for path, url in {
        "/session": "/session",
        "/session/{sessionID}": f"/session/{session_id}",
        "/session/{sessionID}/message": f"/session/{session_id}/message",
        "/session/{sessionID}/message/{messageID}": f"/session/{session_id}/message/{message_id}",
        "/session/{sessionID}/todo": f"/session/{session_id}/todo",
        "/provider": "/provider",
        "/config/providers": "/config/providers",
        "/agent": "/agent",
        "/path": "/path",
        "/project/current": "/project/current",
        "/global/health": "/global/health",
    }.items():
        response = await server.client.get(url)
        content = document["paths"][path]["get"]["responses"]["200"]["content"]
        fits(document, content["application/json"]["schema"], response.json())
    missing = await server.client.get("/session/ses_nothing")
    answer = document["paths"]["/session/{sessionID}"]["get"]["responses"]["404"]
    fits(document, answer["content"]["application/json"]["schema"], missing.json())


async def test_the_health_check_alone_needs_no_password(document: dict[str, Any]) -> None:
    open_ones = [name for name, operation in operations(document) if operation.get("security") == []]
    assert open_ones == ["GET /global/health"]
    assert "401" not in document["paths"]["/global/health"]["get"]["responses"]


async def test_the_older_way_to_reply_to_a_permission_is_marked_deprecated(server: Server) -> None:
    paths = (await server.client.get("/openapi.json")).json()["paths"]
    deprecated = [path for path, item in paths.items() for route in item.values() if "deprecated" in route]
    assert deprecated == ["/session/{sessionID}/permissions/{permissionID}"]
