"""Traces, as a collector on loopback gets them."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from opencode.errors import SettingsError
from opencode.telemetry.export_log import OncePerMinute
from opencode.telemetry.setup import is_enabled
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
    spans = await collector.until(
        request_name, "invoke_agent build", "step", "chat one", "execute_tool todowrite"
    )
    assert spans[request_name].parent_span_id.hex() == CALLER
    assert spans["invoke_agent build"].parent_span_id == spans[request_name].span_id
    mine = [span for span in collector.spans if span.trace_id.hex() == TRACE]
    steps = [span.span_id for span in mine if span.name == "step"]
    assert len(steps) == 2
    assert all(
        span.parent_span_id == spans["invoke_agent build"].span_id for span in mine if span.name == "step"
    )
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
    assert last["gen_ai.operation.name"] == "chat"
    assert last["gen_ai.response.model"] == "one"
    assert last["gen_ai.response.id"].startswith("chatcmpl-")
    assert last["gen_ai.conversation.id"] == session_id
    turn = attributes(spans["invoke_agent build"])
    assert turn["gen_ai.conversation.id"] == session_id
    assert turn["gen_ai.operation.name"] == "invoke_agent"
    assert turn["gen_ai.agent.name"] == "build"
    assert turn["gen_ai.provider.name"] == "compatible"
    assert turn["gen_ai.request.model"] == "one"
    for name in ("input_tokens", "output_tokens", "cache_read.input_tokens"):
        key = f"gen_ai.usage.{name}"
        assert turn[key] == sum(attributes(call)[key] for call in calls) > 0
    assert attributes(spans["execute_tool todowrite"])["gen_ai.conversation.id"] == session_id
    assert attributes(spans[request_name])["http.response.status_code"] == 200
    assert collector.resource["service.name"] == "opencode-api"
    assert "planted-words" not in str(collector.spans)


async def test_a_failed_call_is_an_error_in_its_trace(tmp_path: Path, llm: LLM, collector: Collector) -> None:
    llm.script(Status(401))
    async with running_server(tmp_path, provider_config(llm)) as server:
        await server.ask(await server.new_session(title="Named"), "Hi")
    spans = await collector.until("chat one", "step", "invoke_agent build")
    assert attributes(spans["chat one"])["error.type"] == "auth"
    assert all(spans[name].status.code == 2 for name in ("chat one", "step", "invoke_agent build"))


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


async def test_a_title_stands_beside_the_answer_and_not_under_it(
    tmp_path: Path, collector: Collector
) -> None:
    async with LLM(title="Greetings") as llm, running_server(tmp_path, provider_config(llm)) as server:
        llm.script(Answer(text="Hi.", usage=Usage(input=100, output=20)))
        session_id = await server.new_session()
        async with server.listen(f"/session/{session_id}/event") as stream, asyncio.timeout(20):
            await server.client.post(f"/session/{session_id}/prompt_async", json={"content": "Hi"})
            async for _, event in stream:
                if event["type"] == "session.updated" and event["properties"]["info"]["title"] == "Greetings":
                    break
    await collector.until("invoke_agent build", "step", "chat one")
    calls = {
        attributes(span)["opencode.purpose"]: span for span in collector.spans if span.name == "chat one"
    }
    (turn,) = (span for span in collector.spans if span.name == "invoke_agent build")
    (step,) = (span for span in collector.spans if span.name == "step")
    assert calls["answer"].parent_span_id == step.span_id
    assert calls["title"].parent_span_id == turn.span_id
    assert attributes(turn)["gen_ai.usage.input_tokens"] == 100


@pytest.mark.parametrize("wire", ["anthropic", "openai", "compatible"])
async def test_a_call_names_the_model_and_the_id_of_its_answer(
    tmp_path: Path, llm: LLM, collector: Collector, wire: str
) -> None:
    llm.script(Answer(text="Hi."))
    async with running_server(tmp_path, provider_config(llm)) as server:
        await server.ask(
            await server.new_session(title="Named"), "Hi", model={"providerID": wire, "modelID": "one"}
        )
    call = attributes((await collector.until("chat one"))["chat one"])
    assert call["gen_ai.response.model"] == "one"
    assert re.fullmatch(r"(msg|resp|chatcmpl)[-_]\w+", call["gen_ai.response.id"])


async def test_probes_are_no_traces_and_unknown_methods_are_other(
    tmp_path: Path, llm: LLM, collector: Collector
) -> None:
    async with running_server(tmp_path, provider_config(llm)) as server:
        await server.client.get("/global/health")
        await server.client.get("/metrics")
        await server.client.request("BREW" * 20, "/session")
        await server.client.get("/agent")
    spans = await collector.until("GET /agent", "HTTP")
    assert not [span for span in collector.spans if span.name in ("GET /metrics", "GET /global/health")]
    unknown = attributes(spans["HTTP"])
    assert unknown["http.request.method"] == "_OTHER"
    assert unknown["http.request.method_original"] == ("BREW" * 20)[:32]
    assert "http.route" not in unknown


async def test_a_collector_that_fails_is_one_line_in_the_log(
    tmp_path: Path, llm: LLM, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:geheim@127.0.0.1:9/?key=geheim")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    async with running_server(tmp_path, provider_config(llm)) as server:
        for _ in range(3):
            await server.client.get("/agent")
            await asyncio.sleep(0.3)
    lines = [
        record for record in caplog.records if "opentelemetry" in record.name or "traces" in record.message
    ]
    assert len(lines) == 1
    assert lines[0].message.startswith("traces can't be sent: ")
    assert lines[0].exc_info is None
    assert "geheim" not in caplog.text


def test_what_the_exporter_logs_is_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    logger = logging.getLogger("exporter.of.a.test")
    logger.propagate = False
    logger.addHandler(OncePerMinute(lambda: now))
    for second in range(0, 150):
        now = float(second)
        try:
            raise ConnectionError(f"refused by\nhttp://host/?key=geheim at {second}")
        except ConnectionError:
            logger.exception("Exception while exporting Span.")
    assert [record.message for record in caplog.records] == [
        "traces can't be sent: Exception while exporting Span. ConnectionError: refused by … at 0",
        "traces can't be sent: Exception while exporting Span. ConnectionError: refused by … at 60 "
        "(59 more messages since the last one)",
        "traces can't be sent: Exception while exporting Span. ConnectionError: refused by … at 120 "
        "(59 more messages since the last one)",
    ]
    assert all(record.exc_info is None for record in caplog.records)


def test_traces_are_made_only_where_a_variable_asks_for_them() -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    assert is_enabled(endpoint)
    assert not is_enabled({})
    assert not is_enabled({**endpoint, "OTEL_SDK_DISABLED": "true"})
    assert not is_enabled({**endpoint, "OTEL_TRACES_EXPORTER": "none"})


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
        is_enabled({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", **wrong})
