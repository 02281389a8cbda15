"""Prometheus metrics: counters fed as work ends, and gauges read from the services at each scrape.

The number of label values is bounded: routes, tools, outcomes and kinds are the server's own; of models,
which clients and providers name, the first MODELS get a label value of their own.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from opencode import observe
from opencode.session.services import Services

MODELS = 200
"""Models with a label value of their own; all others are counted as `other`."""

FIRST_TOKEN = (0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 60)
STEP = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600)
TOOL = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
REQUEST = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30, 120)
COMMIT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
LOOP_LAG = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
"""Upper bounds in seconds."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_MODEL = ("provider", "model")


disable_created_metrics()  # type: ignore[no-untyped-call]  # one series less per counter


class Metrics(observe.Listener):
    """Collects the metrics; `text` returns them for a scrape."""

    def __init__(self, services: Services) -> None:
        self._registry = registry = CollectorRegistry()
        self._models: set[tuple[str, str]] = set()

        def counter(name: str, text: str, labels: Sequence[str] = ()) -> Counter:
            return Counter(f"opencode_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, labels: Sequence[str], buckets: Sequence[float]) -> Histogram:
            return Histogram(f"opencode_{name}", text, labels, buckets=buckets, registry=registry)

        self._turns = counter("turns", "Turns that have ended.", ("outcome",))
        self._steps = counter("steps", "Steps that have ended.", (*_MODEL, "outcome"))
        self._step_seconds = histogram(
            "step_seconds", "Duration of a step, including its tool calls.", _MODEL, STEP
        )
        self._tokens = counter("tokens", "Tokens as the provider counts them.", (*_MODEL, "kind"))
        self._cost = counter("cost_usd", "Cost of the tokens in US dollars.", _MODEL)
        self._errors = counter("provider_errors", "Requests to a model that failed.", ("provider", "kind"))
        self._retries = counter("provider_retries", "Requests to a model that retry a failed one.", _MODEL)
        self._first_token = histogram(
            "first_token_seconds", "Time from a request to a model to its first token.", _MODEL, FIRST_TOKEN
        )
        self._tools = counter("tool_calls", "Tool calls that have ended.", ("tool", "outcome"))
        self._tool_seconds = histogram(
            "tool_seconds", "Duration of a tool call, including time waiting for the user.", ["tool"], TOOL
        )
        self._requests = counter(
            "http_requests", "HTTP requests that have ended.", ("method", "route", "status")
        )
        self._request_seconds = histogram(
            "http_request_seconds",
            "Duration of an HTTP request, event streams excluded.",
            ("method", "route"),
            REQUEST,
        )
        self._cut_off = counter(
            "subscribers_cut_off", "Event streams closed because their client fell behind."
        )
        self._refusals = counter(
            "refusals", "Connections and event streams refused or closed by a limit.", ["reason"]
        )
        self._loop_lag = histogram(
            "loop_lag_seconds",
            "How late the event loop ran what was due, measured ten times a second.",
            [],
            LOOP_LAG,
        )
        self._commits = histogram("commit_seconds", "Duration of a database transaction.", [], COMMIT)
        self._failed_commits = counter("commit_failures", "Database transactions that failed.")
        self._ended: dict[type[observe.Work], Callable[[Any], None]] = {
            observe.Request: self._request,
            observe.Turn: self._turn,
            observe.Step: self._step,
            observe.ModelCall: self._model_call,
            observe.ToolCall: self._tool_call,
            observe.Commit: self._commit,
            observe.CutOff: lambda _: self._cut_off.inc(),
            observe.Refusal: lambda work: self._refusals.labels(work.reason).inc(),
            observe.LoopLag: lambda work: self._loop_lag.observe(work.seconds),
        }
        registry.register(_Gauges(services))
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)

    def ended(self, work: observe.Work) -> None:
        self._ended[type(work)](work)

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics and their content type, in the format that an Accept header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def _request(self, work: observe.Request) -> None:
        method = work.method if work.method in METHODS else "other"
        self._requests.labels(method, work.route, work.status).inc()
        if not work.streams:
            self._request_seconds.labels(method, work.route).observe(work.seconds)

    def _turn(self, work: observe.Turn) -> None:
        self._turns.labels(work.outcome).inc()

    def _step(self, work: observe.Step) -> None:
        model = self._model(work)
        self._steps.labels(*model, work.outcome).inc()
        self._step_seconds.labels(*model).observe(work.seconds)

    def _model_call(self, work: observe.ModelCall) -> None:
        model = self._model(work)
        if work.attempt > 1:
            self._retries.labels(*model).inc()
        if work.failure:
            self._errors.labels(model[0], work.failure).inc()
        if work.first_token is not None:
            self._first_token.labels(*model).observe(work.first_token)
        if work.tokens is not None:
            for kind, count in (
                ("input", work.tokens.input),
                ("output", work.tokens.output),
                ("reasoning", work.tokens.reasoning),
                ("cache_read", work.tokens.cache.read),
                ("cache_write", work.tokens.cache.write),
            ):
                self._tokens.labels(*model, kind).inc(max(0, count))
            self._cost.labels(*model).inc(max(0.0, work.cost))

    def _tool_call(self, work: observe.ToolCall) -> None:
        self._tools.labels(work.tool, work.outcome).inc()
        self._tool_seconds.labels(work.tool).observe(work.seconds)

    def _commit(self, work: observe.Commit) -> None:
        self._commits.observe(work.seconds)
        if work.failure:
            self._failed_commits.inc()

    def _model(self, work: observe.Step | observe.ModelCall) -> tuple[str, str]:
        named = (work.provider, work.model)
        if named not in self._models:
            if len(self._models) >= MODELS:
                return "other", "other"
            self._models.add(named)
        return named


class _Gauges(Collector):
    """Gauges, read at each scrape."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        services = self._services
        for name, text, value in (
            ("sessions_running", "Sessions with a running turn.", len(services.turns.statuses())),
            ("prompts_waiting", "Queued prompts.", services.turns.waiting()),
            ("subscribers", "Open event streams.", services.bus.subscribers),
            ("changes_pending", "Changes that are not on disk yet.", services.store.pending),
            (
                "store_writable",
                "1 if the last database transaction succeeded, else 0.",
                not services.store.failure,
            ),
        ):
            yield GaugeMetricFamily(f"opencode_{name}", text, value=float(value))
