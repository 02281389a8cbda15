"""Work in threads that gets done, also beside an event loop that never rests.

A thread that wants the interpreter waits until nobody has let go of it for a while, and only then asks. A
busy loop lets go at each of its turns, too shortly to be caught up with: it can keep a thread out for
minutes. So where work takes longer than usual, the loop stands aside now and then.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

USUAL_SECONDS = 0.005
"""What work may take before the loop stands aside for it, and from one time to the next."""

ASIDE_SECONDS = 0.0001
"""For how long: enough for a thread to wake up."""

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


async def in_thread(
    work: Callable[[*Arguments], T], *arguments: *Arguments, threads: Executor | None = None
) -> T:
    """Return what `work` returns in a thread, one of asyncio's by default. It should compute, not wait."""
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
