"""Traces, as a collector on loopback gets them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from opencode.errors import SettingsError
from opencode.telemetry.setup import wanted
from tests.harness import running_server
from tests.llm.server import LLM, Answer, Status, Usage
from tests.server.conftest import provider_config

TODOS = {"todos": [{"content": "bench", "status": "pending", "priority": "low"}]}
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


class Collector:
    """Speaks OTLP over HTTP, and keeps every span."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resource: dict[str, Any] = {}
        self.changed = asyncio.Condition()

    async def until(self, *names: str) -> dict[str, Span]:
        """Wait until there are spans of these names; returns the last of each."""
        async with self.changed, asyncio.timeout(20):
            await self.changed.wait_for(lambda: set(names) <= {span.name for span in self.spans})
        return {span.name: span for span in self.spans}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                assert head.startswith("post /v1/traces ")
                length = int(head.partition("content-length:")[2].partition("\r\n")[0])
                export = ExportTraceServiceRequest.FromString(await reader.readexactly(length))
                async with self.changed:
                    for resource in export.resource_spans:
                        self.resource = attributes(resource.resource)
                        for scope in resource.scope_spans:
                            self.spans += scope.spans
                    self.changed.notify_all()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def attributes(owner: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in owner.attributes}


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    collector = Collector()
    server = await asyncio.start_server(collector.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    yield collector
    server.close()


async def test_a_turn_is_one_trace_from_its_caller_to_the_provider(
    tmp_path: Path, llm: LLM, collector: Collector
) -> None:
    llm.script(
        Answer(tools=(("todowrite", TODOS),)),
        Answer(text="planted-words", usage=Usage(input=100, output=20, cached=30)),
    )
    async with running_server(tmp_path, provider_config(llm)) as server:
        session_id = await server.new_session(title="Named")
        await server.client.post(
            f"/session/{session_id}/message",
            json={"parts": [{"type": "text", "text": "planted-words"}]},
            headers={"traceparent": f"00-{TRACE}-{CALLER}-01"},
        )
    request_name = "POST /session/<session_id>/message"
    spans = await collector.until(request_name, "invoke_agent", "step", "chat one", "execute_tool todowrite")
    assert spans[request_name].parent_span_id.hex() == CALLER
    assert spans["invoke_agent"].parent_span_id == spans[request_name].span_id
    mine = [span for span in collector.spans if span.trace_id.hex() == TRACE]
    steps = [span.span_id for span in mine if span.name == "step"]
    assert len(steps) == 2
    assert all(span.parent_span_id == spans["invoke_agent"].span_id for span in mine if span.name == "step")
    calls = [span for span in mine if span.name == "chat one"]
    assert [span.parent_span_id for span in calls] == steps
    assert spans["execute_tool todowrite"].parent_span_id == steps[0]
    assert [request.headers["traceparent"] for request in llm.requests] == [
        f"00-{TRACE}-{span.span_id.hex()}-01" for span in calls
    ]
    last = attributes(calls[-1])
    assert last["gen_ai.provider.name"] == "compatible"
    assert last["gen_ai.usage.input_tokens"] == 100
    assert last["gen_ai.usage.cache_read.input_tokens"] == 30
    assert last["gen_ai.response.time_to_first_chunk"] > 0
    assert attributes(spans["invoke_agent"])["gen_ai.conversation.id"] == session_id
    assert attributes(spans[request_name])["http.response.status_code"] == 200
    assert collector.resource["service.name"] == "opencode-api"
    assert "planted-words" not in str(collector.spans)


async def test_a_failed_call_is_an_error_in_its_trace(tmp_path: Path, llm: LLM, collector: Collector) -> None:
    llm.script(Status(401))
    async with running_server(tmp_path, provider_config(llm)) as server:
        await server.ask(await server.new_session(title="Named"), "Hi")
    spans = await collector.until("chat one", "step", "invoke_agent")
    assert attributes(spans["chat one"])["error.type"] == "auth"
    assert all(spans[name].status.code == 2 for name in ("chat one", "step", "invoke_agent"))


async def test_a_collector_that_is_not_there_stops_nothing(
    tmp_path: Path, llm: LLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    llm.script(Answer(text="Hi."))
    loop = asyncio.get_running_loop()
    async with running_server(tmp_path, provider_config(llm)) as server:
        answer = await server.ask(await server.new_session(title="Named"), "Hi")
        assert "error" not in answer["info"]
        stopping = loop.time()
    assert loop.time() - stopping < 10


def test_traces_are_made_only_where_a_variable_asks_for_them() -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    assert wanted(endpoint)
    assert not wanted({})
    assert not wanted({**endpoint, "OTEL_SDK_DISABLED": "true"})
    assert not wanted({**endpoint, "OTEL_TRACES_EXPORTER": "none"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "127.0.0.1:4318"},
    ],
)
def test_what_cannot_be_done_is_said_with_its_variable(wrong: dict[str, str]) -> None:
    (name,) = wrong
    with pytest.raises(SettingsError, match=name):
        wanted({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", **wrong})
