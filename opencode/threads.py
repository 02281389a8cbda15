"""Run blocking work in a thread without being starved of the interpreter (GIL) by a busy event loop.

The driver of PostgreSQL releases the interpreter for every row, and waits to get it back each time. While
such work takes longer than usual, the event loop sleeps for a moment now and then.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

USUAL_SECONDS = 0.005
"""How long work may take before the event loop sleeps for it, and between two such sleeps."""

ASIDE_SECONDS = 0.0001
"""How long the event loop sleeps: enough for a thread to wake up."""

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


async def in_thread(
    work: Callable[[*Arguments], T], *arguments: *Arguments, threads: Executor | None = None
) -> T:
    """Run `work`, which should compute and not wait, in a thread; return its result."""
    loop = asyncio.get_running_loop()
    result = loop.run_in_executor(threads, work, *arguments)
    aside = loop.call_later(USUAL_SECONDS, _stand_aside, loop, result)
    try:
        return await result
    finally:
        aside.cancel()


def _stand_aside(loop: asyncio.AbstractEventLoop, result: asyncio.Future[T]) -> None:
    if not result.done():
        time.sleep(ASIDE_SECONDS)
        loop.call_later(USUAL_SECONDS, _stand_aside, loop, result)
