"""Heavy imports in threads, so that the event loop goes on, and a way to wait until none is under way.

Until an import has ended, other code sees an incomplete module. The OpenAI SDK looks for `httpx` among
the imported modules at every request, for example, and fails if it is half imported.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_running: set[asyncio.Future[Any]] = set()


async def import_in_thread(work: Callable[[], T]) -> T:
    """Run `work`, which imports modules, in a thread; return its result."""
    running: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(None, work)
    _running.add(running)
    running.add_done_callback(_running.discard)
    return await asyncio.shield(running)


async def imports_finished() -> None:
    """Wait until no import is under way in a thread."""
    if _running:
        await asyncio.wait(_running)
