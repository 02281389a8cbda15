"""opencode's own API document as a contract: its routes, and the schemas that answers must fit."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DOCUMENT = Path(__file__).parents[1] / "fixtures" / "openapi-v1.json"
METHODS = ("get", "post", "put", "patch", "delete")


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DOCUMENT.read_text())
    return found


def routes() -> list[str]:
    """Return every route of the document, as `GET /session/{sessionID}`."""
    return [
        f"{method.upper()} {path}"
        for path, item in document()["paths"].items()
        for method in item
        if method in METHODS
    ]


def shape(route: str) -> str:
    """Return a route without its variables' names, in which documents differ."""
    return re.sub(r"\{[^}]+\}|<[^>]+>", "{}", route)


def problem(route: str, status: int, value: Any) -> str | None:
    """Return how an answer breaks the document, None where it fits."""
    method, path = route.split(" ")
    responses = document()["paths"][path][method.lower()]["responses"]
    if str(status) not in responses:
        return f"{route} must not answer {status}"
    content = responses[str(status)].get("content", {}).get("application/json")
    if content is None:
        return None if value is None else f"{route} answers {status} with a body"
    return broken(content["schema"], value)


def event_problem(value: Any, schema: str = "Event") -> str | None:
    """Return how an event breaks the document, None where it fits."""
    return broken({"$ref": f"#/components/schemas/{schema}"}, value)


def broken(schema: dict[str, Any], value: Any) -> str | None:
    errors = sorted(
        _validator(json.dumps(schema)).iter_errors(value), key=lambda error: list(map(str, error.path))
    )
    return "; ".join(f"{error.json_path}: {_nearest(error)}" for error in errors) or None


def _nearest(error: Any) -> str:
    """Return what is wrong in the alternative that comes closest."""
    while error.context:
        error = max(error.context, key=lambda each: len(each.path))
    return f"{error.json_path} {error.message[:200]}"


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "components": document()["components"]})
