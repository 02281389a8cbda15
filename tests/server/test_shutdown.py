"""The stop signal: which signals, in whose context, and what is called after the services have stopped."""

import asyncio
import logging
import signal
from collections.abc import Iterator

import pytest

from opencode import observe
from opencode.observe.watch import origin
from opencode.server.shutdown import on_stop_signal, stop_signals


@pytest.fixture(autouse=True)
def received() -> Iterator[list[int]]:
    """Collect the signals that reach the server's own handler; SIGHUP has none, as under every server."""
    numbers: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: numbers.append(number))
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


async def stopped_by(number: signal.Signals, during: observe.Work | None = None) -> dict[str, str]:
    """Send a signal, wait for the stop, and return whose work its log lines would be."""
    ids: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    async def stop() -> None:
        ids.set_result(origin())

    with on_stop_signal(stop):
        if during is None:
            signal.raise_signal(number)
        else:
            with observe.watch(during):
                signal.raise_signal(number)
        result = await asyncio.wait_for(ids, 5)
        await asyncio.sleep(0)
    return result


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_servers_own_handler_is_called_after_the_stop(
    number: signal.Signals, received: list[int]
) -> None:
    await stopped_by(number)
    assert received == [number]


async def test_a_hang_up_reaches_the_server_as_a_term_signal(received: list[int]) -> None:
    await stopped_by(signal.SIGHUP)
    assert received == [signal.SIGTERM]


async def test_a_hang_up_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert signal.SIGHUP not in stop_signals()


async def test_the_stop_carries_no_id_of_the_request_that_the_signal_interrupts() -> None:
    work = observe.Request(method="GET", id="req_other", session_id="ses_other")
    assert await stopped_by(signal.SIGTERM, work) == {}


async def test_an_error_during_the_stop_is_logged_and_the_server_stops(
    received: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    async def stop() -> None:
        raise RuntimeError("no")

    with caplog.at_level(logging.ERROR), on_stop_signal(stop):
        signal.raise_signal(signal.SIGTERM)
        for _ in range(3):
            await asyncio.sleep(0)
    assert "error during shutdown" in caplog.text
    assert received == [signal.SIGTERM]
