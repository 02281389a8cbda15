"""Work on untrusted content: whatever it is, it ends within its limits and the next job is done."""

import asyncio
import dataclasses
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from opencode.offload import pool as pools
from opencode.offload.jobs import HTML, JSON_SCHEMA, HtmlJob, SchemaJob
from opencode.offload.pool import NotDone, Pool

SLOW = {"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}}
SLOW_ANSWER = '{"a": "%s!"}' % ("a" * 40)
GOOD = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.fixture
async def schemas() -> AsyncIterator[Pool[SchemaJob, str | None]]:
    pool = Pool("JSON_SCHEMA", JSON_SCHEMA)
    yield pool
    await pool.close()


def workers() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "opencode.offload.worker" in child.cmdline()
    ]


async def gone() -> None:
    """Wait until no worker is left."""
    async with asyncio.timeout(10):
        while workers():  # noqa: ASYNC110 - processes have no event
            await asyncio.sleep(0.05)


async def test_a_worker_is_used_again(schemas: Pool[SchemaJob, str | None]) -> None:
    assert await schemas.run(SchemaJob(GOOD, '{"a": 1}')) is None
    first = [worker.pid for worker in workers()]
    fault = await schemas.run(SchemaJob(GOOD, '{"a": "x"}'))
    assert fault == "it does not match the schema: $.a: 'x' is not of type 'integer'"
    assert [worker.pid for worker in workers()] == first


async def test_an_expression_that_never_ends_is_stopped_and_the_loop_goes_on(
    schemas: Pool[SchemaJob, str | None],
) -> None:
    await schemas.run(SchemaJob(GOOD))
    job = asyncio.create_task(schemas.run(SchemaJob(SLOW, SLOW_ANSWER)))
    longest, last = 0.0, time.thread_time()
    while not job.done():
        await asyncio.sleep(0.01)
        longest, last = max(longest, time.thread_time() - last), time.thread_time()
    with pytest.raises(NotDone) as stopped:
        job.result()
    assert stopped.value.reason == "time"
    assert longest < 0.25
    assert await schemas.run(SchemaJob(GOOD, '{"a": 1}')) is None


async def test_a_job_that_is_cancelled_leaves_no_process(schemas: Pool[SchemaJob, str | None]) -> None:
    await schemas.run(SchemaJob(GOOD))
    job = asyncio.create_task(schemas.run(SchemaJob(SLOW, SLOW_ANSWER)))
    await asyncio.sleep(0.1)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert not workers()


async def test_a_worker_that_was_killed_is_replaced(schemas: Pool[SchemaJob, str | None]) -> None:
    await schemas.run(SchemaJob(GOOD))
    [worker] = workers()
    worker.kill()
    await gone()
    await asyncio.sleep(0.1)  # the event loop learns of it a moment later
    assert await schemas.run(SchemaJob(GOOD, '{"a": 1}')) is None


async def test_a_large_server_has_workers_that_are_used_again(schemas: Pool[SchemaJob, str | None]) -> None:
    large = bytearray(300 * 2**20)
    for at in range(0, len(large), 4096):
        large[at] = 1
    await schemas.run(SchemaJob(GOOD))
    assert len(workers()) == 1
    del large


async def test_idle_workers_end(
    schemas: Pool[SchemaJob, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "IDLE_SECONDS", 0.05)
    await schemas.run(SchemaJob(GOOD))
    await gone()


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"a": schema}
    return schema


@pytest.mark.parametrize(
    ("job", "reason"),
    [(SchemaJob(nested(5_000)), "depth"), (SchemaJob({"description": "x" * 9_000_000}), "size")],
)
async def test_a_job_that_is_refused_says_why(
    schemas: Pool[SchemaJob, str | None], job: SchemaJob, reason: str
) -> None:
    with pytest.raises(NotDone) as refused:
        await schemas.run(job)
    assert refused.value.reason == reason


async def test_a_page_that_takes_much_memory_is_refused_and_the_worker_replaced() -> None:
    attributes = " ".join(f"a{number}=1" for number in range(50))
    page = f"<a {attributes}>x</a>" * 14_000
    pool = Pool("HTML", dataclasses.replace(HTML, seconds=30))
    try:
        job = asyncio.create_task(pool.run(HtmlJob(page, "https://example.com", markdown=True)))
        peak = 0
        while not job.done():
            await asyncio.sleep(0.02)
            for worker in workers():
                try:
                    peak = max(peak, worker.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
        assert isinstance(job.exception(), NotDone) or job.result().text
        assert peak < 530 * 2**20
        assert (await pool.run(HtmlJob("<p>good</p>", "https://example.com", markdown=False))).text == "good"
    finally:
        await pool.close()


async def test_a_worker_has_nothing_of_the_servers_environment(
    schemas: Pool[SchemaJob, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    await schemas.run(SchemaJob(GOOD))
    [worker] = workers()
    assert "sk-secret" not in str(worker.environ()) and worker.environ().keys() <= {
        "PYTHONPATH",
        "MALLOC_ARENA_MAX",
        "LC_CTYPE",
    }
    assert worker.nice() > os.nice(0)
