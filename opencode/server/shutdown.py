"""Hearing of the stop signal before the ASGI server does, so that turns and open streams end in time."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger(__name__)


@contextmanager
def on_stop_signal(stop: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """Run `stop` in the event loop on SIGTERM and SIGINT; whoever handled them before hears of it afterwards.

    Servers wait for open responses when they are told to stop, and an event stream never ends by itself;
    and one that was told listens no more, so it could not even refuse what comes meanwhile. A second signal
    ends the process at once: what it leaves open is closed at the next start.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    stopping: list[Future[None]] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    async def end(number: signal.Signals, frame: FrameType | None) -> None:
        try:
            await stop()
        except Exception:
            log.exception("the end is not as clean as it should be")
        previous = before[number]
        if callable(previous):
            previous(number, frame)

    def handle(number: int, frame: FrameType | None) -> None:
        if stopping:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        stopping.append(asyncio.run_coroutine_threadsafe(end(signal.Signals(number), frame), loop))

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
