"""Measure how late the event loop runs what is due, and find what held it."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from opencode import observe

TICK_SECONDS = 0.1
"""Between two measurements."""

SAMPLE_SECONDS = 0.1
"""How late the loop must be for its stack to be read."""

_WAITING = ("selectors", "asyncio.runners", "asyncio.base_events", "uvloop")
"""Modules of the innermost frame of a loop that waits: the machine or another thread was busy."""

FRAMES = 12
"""Innermost frames that are reported."""


@contextmanager
def watching_loop() -> Iterator[None]:
    """Report an observe.LoopLag ten times a second for the running event loop, until the block ends."""
    watch = _LoopWatch()
    watch.start()
    try:
        yield
    finally:
        watch.stop()


class _LoopWatch:
    """A timer in the loop measures; a thread reads the loop's stack while the timer is late."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="loop-watch", daemon=True)
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._cpu = 0.0
        self._stack: tuple[str, ...] = ()

    def start(self) -> None:
        self._schedule()
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._timer is not None:
            self._timer.cancel()
        self._thread.join()

    def _schedule(self) -> None:
        self._stack = ()
        self._cpu = time.thread_time()
        self._due = time.monotonic() + TICK_SECONDS
        self._timer = self._loop.call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        late = max(0.0, time.monotonic() - self._due)
        cpu = time.thread_time() - self._cpu
        observe.happened(observe.LoopLag(seconds=late, cpu=cpu, stack=self._stack))
        self._schedule()

    def _look(self) -> None:
        while not self._ended.wait(TICK_SECONDS / 2):
            if not self._stack and time.monotonic() - self._due > SAMPLE_SECONDS:
                frame = sys._current_frames().get(self._thread_id)
                if frame is not None and not _waits(frame):
                    self._stack = tuple(_places(frame))


def _waits(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith(_WAITING)


def _places(frame: FrameType | None) -> Iterator[str]:
    """Yield file, line and function of the innermost frames; never a value."""
    for _ in range(FRAMES):
        if frame is None:
            return
        code = frame.f_code
        file = "/".join(code.co_filename.replace("\\", "/").split("/")[-3:])
        yield f"{file}:{frame.f_lineno} {code.co_name}"
        frame = frame.f_back
