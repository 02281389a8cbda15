"""Give the system back the memory that glibc's allocator keeps after a load."""

import asyncio
import ctypes
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache

ARENAS = 2
"""Each thread would get an arena of its own, up to eight for a core, and keep what it once needed."""

LOOK_SECONDS = 10.0
WORK_SECONDS = 1.0
"""Processor time after which memory may be worth giving back."""

REST_SECONDS = 0.1
"""Processor time from look to look below which the server rests: giving back locks the allocator."""

MOST_LOOKS = 30
"""Looks after which memory is given back although the server does not rest."""

_M_ARENA_MAX = -8


@asynccontextmanager
async def given_back() -> AsyncIterator[None]:
    """Give free memory back from time to time while the block runs, where the allocator is glibc's."""
    libc = _glibc()
    if libc is None:
        yield
        return
    libc.mallopt(_M_ARENA_MAX, ARENAS)
    task = asyncio.create_task(_give_back(libc), name="give memory back")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _give_back(libc: ctypes.CDLL) -> None:
    work, looks, before = 0.0, 0, time.process_time()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        used, before = time.process_time() - before, time.process_time()
        work, looks = work + used, looks + 1
        if work > WORK_SECONDS and (used < REST_SECONDS or looks >= MOST_LOOKS):
            await asyncio.to_thread(libc.malloc_trim, 0)
            work, looks = 0.0, 0


@cache
def _glibc() -> ctypes.CDLL | None:
    """Return the C library, None if it is not glibc."""
    try:
        libc = ctypes.CDLL("libc.so.6")
        return libc if hasattr(libc, "gnu_get_libc_version") and hasattr(libc, "malloc_trim") else None
    except OSError:
        return None
