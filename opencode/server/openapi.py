"""Build the OpenAPI document from the routes' declarations and the wire types."""

import inspect
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

import msgspec
from quart import Quart
from quart_schema import HttpSecurityScheme, Info, QuartSchema, Tag
from quart_schema.openapi import OpenAPIProvider
from werkzeug.routing import Rule

from opencode import __version__
from opencode.schema.base import JsonObject
from opencode.schema.error import BadRequestBody, FailureBody, NotFoundBody

from .endpoint import ATTRIBUTE, JSON, Endpoint
from .examples import FAILURES, STREAM

_DESCRIPTION = """\
An LLM agent server: sessions with history, an agent that streams and uses tools, and server-sent events.

**Quick start:** `POST /session` creates a session; `POST /session/{sessionID}/message` with
`{"content": "Hello"}` streams the answer. `GET /event` streams the events of all sessions.

**Identifiers** are prefixed (`ses_`, `msg_`, `prt_`, …); those of messages, parts and events sort by creation
time. Times are Unix milliseconds, costs US dollars. Unknown fields in requests are ignored, unless they look
like a misspelled known one.

**Errors** have the form `{"name": "…", "data": {"message": "…"}}`; the message says what to do next.

The wire format is opencode's, so its clients work unchanged.
"""

_TAGS = {
    "session": "Conversations with an agent.",
    "message": "Prompts and answers, part by part.",
    "history": "Fork, revert, edit.",
    "transfer": "Export and import.",
    "pending_requests": "Permission requests and questions to the user.",
    "event": "Event streams.",
    "provider": "Model providers, their models and API keys.",
    "mcp": "MCP servers, which add tools.",
    "instance": "The server itself.",
}

_ANYWHERE = (429, 503)

_ERROR_BODIES: dict[int, Any] = {400: BadRequestBody, 404: NotFoundBody}

_ERROR_TEXTS = {
    400: "The request is invalid; the message says where.",
    404: "Not found; for a name, the message has the nearest ones.",
    403: "Forbidden; the message says what would allow it.",
    409: "It conflicts with the current state.",
    413: "The body, the message or a file exceeds a limit; the message says which.",
    429: "Too many requests from this client, in this session or on this server; see `Retry-After`.",
    502: "The answer failed with this error, in a session for a script; see the description.",
    503: "The server is stopping, or its database is unavailable. Try again later.",
}


def describe(app: Quart) -> JsonObject:
    """Return the OpenAPI 3.1 document of the app's routes."""
    extension = QuartSchema(
        info=Info(title="OpenCode API", version=__version__, description=_DESCRIPTION),
        tags=[Tag(name=name, description=text) for name, text in _TAGS.items()],
        security_schemes={"basic": HttpSecurityScheme(scheme="basic")},
        security=[{"basic": []}, {}],
    )
    document: JsonObject = Document(app, extension).schema()
    return document


class Document(OpenAPIProvider):
    """Builds the document from each view's Endpoint and msgspec's schemas of the wire types."""

    def __init__(self, app: Quart, extension: QuartSchema) -> None:
        super().__init__(app, extension)
        self._views = app.view_functions
        self._rules = list(app.url_map.iter_rules())
        kinds = list(dict.fromkeys(_kinds(self._endpoint(rule) for rule in self.generate_rules())))
        schemas, self._components = msgspec.json.schema_components(
            kinds, ref_template="#/components/schemas/{name}"
        )
        self._schemas = dict(zip(map(repr, kinds), schemas, strict=True))

    def generate_rules(self) -> Iterator[Rule]:
        for rule in self._rules:
            if hasattr(self._views[rule.endpoint], ATTRIBUTE):
                yield rule

    def schema(self) -> JsonObject:
        document: JsonObject = super().schema()
        for component in self._components.values():
            if "description" in component:
                component["description"] = inspect.cleandoc(component["description"])
        document["components"]["schemas"] = self._components
        document["paths"] = {path: document["paths"][path] for path in sorted(document["paths"])}
        return document

    def build_paths(self, rule: Rule) -> tuple[JsonObject, JsonObject]:
        view = self._views[rule.endpoint]
        spec = self._endpoint(rule)
        summary, _, description = (inspect.getdoc(view) or "").partition("\n")
        noun, _, name = rule.endpoint.partition(".")
        operation: JsonObject = {
            "operationId": name,
            "summary": summary.rstrip("."),
            "description": description.strip(),
            "tags": [noun],
            "parameters": [*_path_parameters(rule), *self._query_parameters(spec), *_resume_parameters(spec)],
            "responses": self._responses(spec),
        }
        if spec.deprecated:
            operation["deprecated"] = True
        if not spec.needs_password:
            operation["security"] = []
        if spec.body is not None:
            content: JsonObject = {"schema": self._schema(spec.body)}
            if spec.examples:
                content["examples"] = {name: {"value": value} for name, value in spec.examples.items()}
            operation["requestBody"] = {"required": spec.body_required, "content": {JSON: content}}
        path = re.sub(r"<(?:[^:]*:)?([^>]+)>", lambda match: f"{{{_wire_name(match[1])}}}", rule.rule)
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        return {path: {method.lower(): operation for method in methods}}, {}

    def _endpoint(self, rule: Rule) -> Endpoint:
        spec: Endpoint = getattr(self._views[rule.endpoint], ATTRIBUTE)
        return spec

    def _schema(self, kind: Any) -> JsonObject:
        schema: JsonObject = self._schemas[repr(kind)]
        return schema

    def _query_parameters(self, spec: Endpoint) -> Iterator[JsonObject]:
        if spec.query is None:
            return
        component = self._components[self._schema(spec.query)["$ref"].rpartition("/")[2]]
        for name, schema in component["properties"].items():
            description = schema.get("description") or next(
                (choice["description"] for choice in schema.get("anyOf", []) if "description" in choice), ""
            )
            yield {"name": name, "in": "query", "description": description, "schema": schema}

    def _responses(self, spec: Endpoint) -> JsonObject:
        content: JsonObject = {}
        if spec.returns is not None:
            content[JSON] = {"schema": self._schema(spec.returns)}
            if spec.answer is not None:
                content[JSON]["example"] = spec.answer
        if spec.stream is not None:
            content["text/event-stream"] = {"schema": self._schema(spec.stream), "example": STREAM}
        answer: JsonObject = {"description": HTTPStatus(spec.status).phrase}
        if content:
            answer["content"] = content
        if spec.headers:
            answer["headers"] = {
                name: {"description": text, "schema": {"type": "string"}}
                for name, text in spec.headers.items()
            }
        responses: JsonObject = {str(spec.status): answer}
        for status in sorted({*spec.errors, *((400, 413) if spec.body else ()), *_ANYWHERE}):
            kind = spec.failures.get(status) or _ERROR_BODIES.get(status, FailureBody)
            content = {"schema": self._schema(kind)}
            if status in FAILURES and status not in spec.failures:
                content["example"] = FAILURES[status]
            responses[str(status)] = {"description": _ERROR_TEXTS[status], "content": {JSON: content}}
        if spec.needs_password:
            responses["401"] = {"description": "A password is set, and the request has none or a wrong one."}
        return responses


def _kinds(specs: Iterable[Endpoint]) -> Iterator[Any]:
    """Yield the types of all requests and responses."""
    yield from (BadRequestBody, NotFoundBody, FailureBody)
    for spec in specs:
        yield from (kind for kind in (spec.returns, spec.body, spec.query, spec.stream) if kind is not None)


def _path_parameters(rule: Rule) -> Iterator[JsonObject]:
    for name in sorted(rule.arguments):
        noun = name.removesuffix("_id")
        what = f"The {noun}'s id." if name.endswith("_id") else f"The {noun}."
        yield {
            "name": _wire_name(name),
            "in": "path",
            "required": True,
            "description": what,
            "schema": {"type": "string"},
        }


def _wire_name(name: str) -> str:
    """Return the wire's spelling of a path variable's name."""
    return f"{name.removesuffix('_id')}ID" if name.endswith("_id") else name


def _resume_parameters(spec: Endpoint) -> Iterator[JsonObject]:
    if spec.stream is not None and spec.returns is None:
        yield {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "Id of the last event that was read: those after it are sent first.",
            "schema": {"type": "string"},
        }
