"""The watch of the event loop: what is measured, who is blamed, what is logged."""

import asyncio
import time
from collections.abc import Callable

import pytest

from opencode import observe
from opencode.telemetry import watching_loop
from opencode.telemetry.worklog import WorkLog
from tests.harness import Server


class Lags(observe.Listener):
    """Wakes a waiter for each measurement."""

    def __init__(self) -> None:
        self.seen: list[observe.LoopLag] = []
        self.changed = asyncio.Event()

    def ended(self, work: observe.Work) -> None:
        if isinstance(work, observe.LoopLag):
            self.seen.append(work)
            self.changed.set()


def hold_with_the_cpu(secret: str) -> None:
    until = time.thread_time() + 0.4
    while time.thread_time() < until:
        pass


def hold_by_waiting(secret: str) -> None:
    time.sleep(0.6)


@pytest.mark.parametrize(("hold", "uses_cpu"), [(hold_with_the_cpu, True), (hold_by_waiting, False)])
async def test_what_holds_the_loop_is_named_without_its_values(
    hold: Callable[[str], None], uses_cpu: bool, caplog: pytest.LogCaptureFixture
) -> None:
    lags = Lags()
    with observe.listening(lags, WorkLog()), watching_loop():
        await lags.changed.wait()
        hold("planted-secret")
        lags.changed.clear()
        await lags.changed.wait()
    worst = max(lags.seen, key=lambda lag: lag.seconds)
    assert worst.seconds > 0.25
    assert (worst.cpu > 0.3) == uses_cpu
    assert hold.__name__ in worst.stack[0] and "test_loop_lag.py:" in worst.stack[0]
    (line,) = [record.getMessage() for record in caplog.records if "event loop was held" in record.msg]
    assert hold.__name__ in line
    assert "planted-secret" not in line


async def test_a_loop_at_rest_blames_nobody_and_its_lag_is_a_metric(server: Server) -> None:
    lags = Lags()
    with observe.listening(lags):
        while len(lags.seen) < 3:
            lags.changed.clear()
            await lags.changed.wait()
    metrics = (await server.client.get("/metrics")).text
    count = next(line for line in metrics.splitlines() if line.startswith("opencode_loop_lag_seconds_count"))
    assert float(count.split()[1]) >= 3
