"""/metrics after real turns: what is counted, under which labels, and that these stay few."""

import asyncio
from pathlib import Path

import pytest

from opencode import observe
from opencode.telemetry import metrics
from tests.harness import Server, running_server
from tests.llm.server import LLM, Answer, Status, Usage
from tests.observe.conftest import scrape
from tests.server.conftest import WIRES, provider_config

TODOS = {"todos": [{"content": "bench", "status": "pending", "priority": "low"}]}


@pytest.mark.parametrize("wire", WIRES)
async def test_a_turn_is_counted_with_its_steps_tokens_and_tools(server: Server, llm: LLM, wire: str) -> None:
    usage = Usage(input=100, output=20, cached=30)
    llm.script(
        Answer(tools=(("todowrite", TODOS), ("no_such_tool_at_all", {})), usage=usage),
        Answer(text="Done.", usage=usage),
    )
    session_id = await server.new_session(title="Named")
    await server.ask(session_id, "Note it", model={"providerID": wire, "modelID": "one"})
    found = await scrape(server)
    model = {"provider": wire, "model": "one"}
    assert found("turns_total", outcome="ok") == 1
    assert found("steps_total", **model, outcome="ok") == 2
    assert found("step_seconds_count", **model) == 2
    assert found("first_token_seconds_count", **model) == 2
    assert found("tokens_total", **model, kind="cache_read") == 60
    assert found("tokens_total", **model, kind="input") == 140
    assert found("tokens_total", **model, kind="output") == 40
    assert found("tool_calls_total", tool="todowrite", outcome="ok") == 1
    assert found("tool_calls_total", tool="unknown", outcome="error") == 1
    assert found("tool_seconds_count", tool="todowrite") == 1
    assert found.values("tool") == {"todowrite", "unknown"}
    assert found("commit_seconds_count") > 0
    assert found("http_requests_total", route="/session/<session_id>/message", status="200") == 1
    assert found("sessions_running") == found("prompts_waiting") == 0
    assert any(sample.name == "process_resident_memory_bytes" for sample in found.samples)


async def test_cost_is_counted_in_dollars(tmp_path: Path, llm: LLM) -> None:
    config = provider_config(llm)
    config["provider"]["compatible"]["models"]["one"]["cost"] = {"input": 2, "output": 10}
    async with running_server(tmp_path, config) as server:
        llm.script(Answer(text="Hi.", usage=Usage(input=1000, output=100)))
        answer = await server.ask(await server.new_session(title="Named"), "Hi")
        found = await scrape(server)
    assert found("cost_usd_total", provider="compatible", model="one") == pytest.approx(0.003)
    assert found("cost_usd_total") == pytest.approx(answer["info"]["cost"])


async def test_failures_of_a_provider_are_counted_by_kind_with_the_retries(server: Server, llm: LLM) -> None:
    llm.script(Status(429), Status(500), Answer(text="At last."), Status(401))
    session_id = await server.new_session(title="Named")
    await server.ask(session_id, "Hi")
    await server.ask(session_id, "Hi again")
    found = await scrape(server)
    assert found("provider_errors_total", provider="compatible", kind="rate_limit") == 1
    assert found("provider_errors_total", provider="compatible", kind="server") == 1
    assert found("provider_errors_total", provider="compatible", kind="auth") == 1
    assert found("provider_retries_total", provider="compatible") == 2
    assert found("steps_total", outcome="ok") == found("steps_total", outcome="error") == 1
    assert found("turns_total", outcome="ok") == found("turns_total", outcome="error") == 1


async def test_what_is_going_on_is_seen_while_it_goes_on(server: Server, llm: LLM) -> None:
    gate = asyncio.Event()
    llm.script(Answer(text=("One ", "two."), gate=gate), Answer(text="Three."))
    session_id = await server.new_session(title="Named")
    async with server.listen(f"/session/{session_id}/event") as stream:
        await server.client.post(f"/session/{session_id}/prompt_async", json={"content": "Hi"})
        async for _, event in stream:
            if event["type"] == "message.part.delta":
                break
        await server.client.post(f"/session/{session_id}/prompt_async", json={"content": "And then?"})
        found = await scrape(server)
        assert found("sessions_running") == 1
        assert found("prompts_waiting") == 1
        assert found("subscribers") == 1
        gate.set()
        async for _, event in stream:
            if event["type"] == "session.idle":
                break
    found = await scrape(server)
    assert found("sessions_running") == found("prompts_waiting") == 0
    assert found("turns_total", outcome="ok") == 1
    assert found("steps_total", outcome="ok") == 2


async def test_an_aborted_turn_is_no_failed_one(server: Server, llm: LLM) -> None:
    llm.script(Answer(text=("One ", "two."), gate=asyncio.Event()))
    session_id = await server.new_session(title="Named")
    async with server.listen(f"/session/{session_id}/event") as stream:
        await server.client.post(f"/session/{session_id}/prompt_async", json={"content": "Hi"})
        async for _, event in stream:
            if event["type"] == "message.part.delta":
                break
        await server.client.post(f"/session/{session_id}/abort")
    found = await scrape(server)
    assert found("turns_total", outcome="aborted") == found("turns_total") == 1
    assert found("steps_total", outcome="aborted") == found("steps_total") == 1
    assert not [sample for sample in found.samples if sample.name == "opencode_provider_errors_total"]


async def test_models_beyond_the_limit_share_one_label(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MODELS", 3)
    for number in range(10):
        with observe.watch(observe.Step(provider="compatible", model=f"made-up-{number}")):
            pass
    found = await scrape(server)
    assert found.values("model") == {"made-up-0", "made-up-1", "made-up-2", "other"}
    assert found("steps_total", model="other") == 7


async def test_paths_and_methods_that_clients_make_up_are_no_labels(server: Server) -> None:
    await server.client.get("/no/such/path")
    await server.client.request("BREW", "/session")
    await server.client.get("/session/ses_made_up")
    found = await scrape(server)
    assert found.values("route") <= {"", "/global/health", "/session", "/session/<session_id>"}
    assert found.values("method") == {"GET", "other"}


async def test_the_metrics_are_behind_the_password(tmp_path: Path) -> None:
    async with running_server(tmp_path, env={"OPENCODE_SERVER_PASSWORD": "geheim"}) as server:
        assert (await server.client.get("/metrics", auth=("opencode", "wrong"))).status_code == 401
        assert (await server.client.get("/metrics")).status_code == 200


async def test_openmetrics_is_spoken_where_it_is_asked_for(server: Server) -> None:
    response = await server.client.get(
        "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    )
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")
