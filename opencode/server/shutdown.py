"""Stop the services when a stop signal arrives, before the ASGI server stops, so that streams end in time."""

import asyncio
import contextvars
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger(__name__)


def stop_signals() -> list[signal.Signals]:
    """Return the signals that stop the server: SIGHUP too, unless it is ignored, as under nohup."""
    signals = [signal.SIGTERM, signal.SIGINT]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    return signals


@contextmanager
def on_stop_signal(stop: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """Run `stop` in the event loop when a stop signal arrives, then call the handler that was set before.

    Servers wait for open responses when they are stopped, and an event stream never ends by itself; a server
    that is stopping accepts no connections, so it could not even refuse requests meanwhile. A second signal
    ends the process at once: what it leaves open is closed at the next start.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    # A signal interrupts any task: in that one's context, the log lines would carry its request's id.
    context = contextvars.copy_context()
    stopping: list[asyncio.Task[None]] = []
    before = {number: signal.getsignal(number) for number in stop_signals()}
    has_begun = False

    async def end(number: signal.Signals, frame: FrameType | None) -> None:
        log.info("stopping on %s", number.name)
        try:
            await stop()
        except Exception:
            log.exception("error during shutdown")
        if not callable(before[number]):
            number = signal.SIGTERM  # servers do not handle SIGHUP
        previous = before[number]
        if callable(previous):
            previous(number, frame)

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal has_begun
        if has_begun:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        has_begun = True
        loop.call_soon_threadsafe(
            lambda: stopping.append(loop.create_task(end(signal.Signals(number), frame), name="stop")),
            context=context,
        )

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
