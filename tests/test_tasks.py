"""Background tasks: who waits for them, who logs their failures, and how they end."""

import asyncio
import logging

import pytest

from opencode.tasks import Tasks, hold


async def test_work_is_finished_though_its_caller_leaves() -> None:
    tasks, go, done = Tasks(), asyncio.Event(), asyncio.Event()

    async def work() -> str:
        await go.wait()
        done.set()
        return "done"

    caller = asyncio.create_task(tasks.finish(work(), "work"))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert len(tasks) == 1
    go.set()
    await asyncio.wait_for(done.wait(), 5)
    await tasks.close(5)
    assert len(tasks) == 0


async def test_the_result_and_the_error_of_finished_work_reach_its_caller() -> None:
    async def work(number: int) -> int:
        if number:
            return number
        raise ValueError("zero")

    tasks = Tasks()
    assert await tasks.finish(work(7), "seven") == 7
    with pytest.raises(ValueError, match="zero"):
        await tasks.finish(work(0), "zero")


async def test_an_error_that_nobody_awaits_is_logged_with_the_tasks_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tasks, go = Tasks(), asyncio.Event()

    async def fail() -> None:
        await go.wait()
        raise ValueError("broken")

    spawned = tasks.spawn(fail(), "a spawned task")
    caller = asyncio.create_task(tasks.finish(fail(), "a task whose caller left"))
    awaited = asyncio.create_task(tasks.finish(fail(), "a task with a caller"))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait([caller])
    go.set()
    await asyncio.wait([spawned, awaited])
    await tasks.close(5)
    logged = {record.getMessage(): record for record in caplog.records}
    assert logged.keys() == {"a spawned task failed", "a task whose caller left failed"}
    assert all(record.exc_info for record in logged.values())
    assert isinstance(awaited.exception(), ValueError)


async def test_closing_waits_and_then_cancels_what_is_left(caplog: pytest.LogCaptureFixture) -> None:
    tasks, ended = Tasks(), []

    async def work(name: str, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
            ended.append(f"{name} done")
        except asyncio.CancelledError:
            ended.append(f"{name} cancelled")
            raise

    tasks.spawn(work("short", 0), "short")
    tasks.spawn(work("long", 60), "long")
    with caplog.at_level(logging.WARNING):
        await tasks.close(0.05)
    assert ended == ["short done", "long cancelled"]
    assert [record.getMessage() for record in caplog.records] == [
        "cancelling long: it did not end within 0.05 s"
    ]


async def test_held_work_ends_before_the_cancellation_is_raised() -> None:
    go, ended = asyncio.Event(), []

    async def work() -> str:
        await go.wait()
        ended.append("work")
        return "result"

    async def caller() -> None:
        try:
            await hold(work())
        finally:
            ended.append("caller")

    task = asyncio.create_task(caller())
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel("stop")
    await asyncio.sleep(0)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["work", "caller"]


async def test_held_work_gives_its_result_and_its_error() -> None:
    async def work(number: int) -> int:
        await asyncio.sleep(0)
        return 1 // number

    assert await hold(work(1)) == 1
    with pytest.raises(ZeroDivisionError):
        await hold(work(0))


async def test_a_refusal_that_nobody_awaits_is_a_line_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Refused(Exception): ...

    async def fail() -> None:
        raise Refused("not found")

    tasks = Tasks(refusals=(Refused,))
    with caplog.at_level(logging.INFO):
        await asyncio.wait([tasks.spawn(fail(), "prompt")])
        await asyncio.sleep(0)
    (record,) = caplog.records
    assert record.getMessage() == "prompt was refused: not found"
    assert record.levelno == logging.INFO and not record.exc_info
