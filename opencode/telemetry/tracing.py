"""OpenTelemetry traces: a span for each request, turn, step, model call and tool call.

Names and attributes follow the semantic conventions for HTTP servers and generative AI where there are any.
No prompt, answer, argument or result is in a span.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from opencode import __version__, observe
from opencode.schema.part import Tokens

Attributes = Iterator[tuple[str, Any]]

_PROVIDERS = {
    "amazon-bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""The conventions' names of providers, where they differ from the catalog's."""


PROBES = frozenset({"/global/health", "/metrics"})
"""Routes that monitoring asks every few seconds; their requests are no traces."""

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
OTHER_METHOD = "_OTHER"

LONGEST_METHOD = 32
"""Characters of an unknown method, which a client made up."""


class _WithoutProbes(BatchSpanProcessor):
    """Exports all spans but those of PROBES, whose route is known only once they have begun."""

    def on_end(self, span: ReadableSpan) -> None:
        if (span.attributes or {}).get("http.route") not in PROBES:
            super().on_end(span)


class Tracing(observe.Listener):
    """Makes a span of each piece of work and exports it in the background; `close` flushes and may block."""

    def __init__(self) -> None:
        named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get(
            "OTEL_RESOURCE_ATTRIBUTES", ""
        )
        resource = {SERVICE_VERSION: __version__} | ({} if named else {SERVICE_NAME: "opencode-api"})
        self._provider = TracerProvider(resource=Resource.create(resource), shutdown_on_exit=False)
        self._provider.add_span_processor(_WithoutProbes(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("opencode", __version__)
        self._w3c = TraceContextTextMapPropagator()

    def began(self, work: observe.Work) -> None:
        name = _name(work)
        if name is None:
            return
        kind = {observe.Request: SpanKind.SERVER, observe.ModelCall: SpanKind.CLIENT}.get(
            type(work), SpanKind.INTERNAL
        )
        span = self._tracer.start_span(name, self._parent(work), kind, dict(_known_at_start(work)))
        work.trace = span
        work.trace_id = f"{span.get_span_context().trace_id:032x}"

    def ended(self, work: observe.Work) -> None:
        span = work.trace
        if not isinstance(span, Span):
            return
        if span.is_recording():
            span.update_name(_name(work) or "")
            for key, value in _attributes(work):
                span.set_attribute(key, value)
            if work.outcome == "error":
                span.set_status(Status(StatusCode.ERROR))
        span.end()

    def carry(self, work: observe.Work) -> dict[str, str]:
        headers: dict[str, str] = {}
        if isinstance(work.trace, Span):
            self._w3c.inject(headers, set_span_in_context(work.trace))
        return headers

    def close(self) -> None:
        self._provider.shutdown()

    def _parent(self, work: observe.Work) -> Context:
        if isinstance(work, observe.Request):
            return self._w3c.extract(work.carrier, Context())
        if work.parent is not None and isinstance(work.parent.trace, Span):
            return set_span_in_context(work.parent.trace, Context())
        return Context()


def _name(work: observe.Work) -> str | None:
    """Return the name of the work's span; None where the work has no span."""
    match work:
        case observe.Request():
            return f"{work.method if work.method in METHODS else 'HTTP'} {work.route}".rstrip()
        case observe.Turn():
            return f"invoke_agent {work.agent}".rstrip()
        case observe.Step():
            return "step"
        case observe.ModelCall():
            return f"chat {work.model}"
        case observe.ToolCall():
            return f"execute_tool {work.tool}"
    return None


def _known_at_start(work: observe.Work) -> Attributes:
    """Yield what samplers decide by, so that it is there when a span begins."""
    if operation := _OPERATIONS.get(type(work)):
        yield "gen_ai.operation.name", operation
    if isinstance(work, observe.Step | observe.ModelCall):
        yield from _model(work.provider, work.model)
    if isinstance(work, observe.ToolCall):
        yield "gen_ai.tool.name", work.tool
    session_id = next((outer.session_id for outer in work.ancestry() if outer.session_id), "")
    if session_id:
        yield "gen_ai.conversation.id", session_id


def _attributes(work: observe.Work) -> Attributes:
    yield from _known_at_start(work)
    if work.outcome != "ok":
        yield "error.type", work.failure or work.outcome
    kind: Callable[[Any], Attributes] | None = _OWN.get(type(work))
    if kind is not None:
        yield from kind(work)


def _request(work: observe.Request) -> Attributes:
    # No url.path, though the conventions ask for it: the address of a shared conversation is its secret.
    if work.method in METHODS:
        yield "http.request.method", work.method
    else:
        yield "http.request.method", OTHER_METHOD
        yield "http.request.method_original", work.method[:LONGEST_METHOD]
    if work.route:
        yield "http.route", work.route
    yield "opencode.request.id", work.id
    if work.status:
        yield "http.response.status_code", work.status


def _turn(work: observe.Turn) -> Attributes:
    if work.agent:
        yield "gen_ai.agent.name", work.agent
    if work.model:
        yield from _model(work.provider, work.model)
    yield from _usage(work.tokens, work.cost)


def _step(work: observe.Step) -> Attributes:
    if work.agent:
        yield "gen_ai.agent.name", work.agent


def _model_call(work: observe.ModelCall) -> Attributes:
    yield "gen_ai.request.stream", True
    yield "opencode.attempt", work.attempt
    yield "opencode.purpose", work.purpose
    if work.first_token is not None:
        yield "gen_ai.response.time_to_first_chunk", work.first_token
    if work.reason:
        yield "gen_ai.response.finish_reasons", (work.reason,)
    if work.answered_by:
        yield "gen_ai.response.model", work.answered_by
    if work.answer_id:
        yield "gen_ai.response.id", work.answer_id
    yield from _usage(work.tokens, work.cost)


def _tool_call(work: observe.ToolCall) -> Attributes:
    yield "gen_ai.tool.call.id", work.call_id


def _model(provider: str, model: str) -> Attributes:
    yield "gen_ai.provider.name", _PROVIDERS.get(provider, provider)
    yield "gen_ai.request.model", model


def _usage(tokens: Tokens | None, cost: float) -> Attributes:
    """Yield tokens as the conventions count them: input includes cached ones, output includes reasoning."""
    if tokens is None:
        return
    cache = tokens.cache
    yield "gen_ai.usage.input_tokens", tokens.input + cache.read + cache.write
    yield "gen_ai.usage.output_tokens", tokens.output + tokens.reasoning
    yield "gen_ai.usage.reasoning.output_tokens", tokens.reasoning
    yield "gen_ai.usage.cache_read.input_tokens", cache.read
    yield "gen_ai.usage.cache_creation.input_tokens", cache.write
    yield "opencode.cost_usd", cost


_OPERATIONS: dict[type[observe.Work], str] = {
    observe.Turn: "invoke_agent",
    observe.ModelCall: "chat",
    observe.ToolCall: "execute_tool",
}

_OWN: dict[type[observe.Work], Callable[[Any], Attributes]] = {
    observe.Request: _request,
    observe.Turn: _turn,
    observe.Step: _step,
    observe.ModelCall: _model_call,
    observe.ToolCall: _tool_call,
}
