"""Background tasks with an owner: started, finished though the caller leaves, closed with a time limit."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Tasks:
    """The tasks of one owner. Closing it waits for them, then cancels those that are left."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start work that nobody has to wait for. If it fails, the error is logged with its name."""
        task = self._start(work, name)
        task.add_done_callback(_log_failure)
        return task

    async def finish(self, work: Coroutine[Any, Any, T], name: str) -> T:
        """Return the result of `work`, which goes on if the caller is cancelled: a client that leaves, say.

        If it fails after that, the error is logged with its name.
        """
        task = self._start(work, name)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_failure)
            raise

    async def close(self, timeout: float) -> None:
        """Wait `timeout` seconds for all tasks, then cancel the rest and wait for their end."""
        if self._running:
            await asyncio.wait(self._running, timeout=timeout)
        left = list(self._running)
        for task in left:
            log.warning("%s is cancelled: it did not end within %g s", task.get_name(), timeout)
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


async def hold(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`. A cancellation that comes meanwhile is raised once `work` has ended."""
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled() and (failure := task.exception()) is not None:
            log.info("the caller was cancelled while %s failed: %s", task.get_name(), failure)
        raise cancelled
    return task.result()


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s failed", task.get_name(), exc_info=error)
