"""Background tasks with an owner, and work that completes even if its caller is cancelled."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Tasks:
    """The tasks of one owner. `close` waits for them, then cancels those that are left.

    `refusals`: errors that are no faults. One that nobody awaits is a line in the log, without a traceback.
    """

    def __init__(self, refusals: tuple[type[Exception], ...] = ()) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._refusals = refusals

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a task that nobody has to await. If it fails, the error is logged with the task's name."""
        task = self._start(work, name)
        task.add_done_callback(self._log_failure)
        return task

    async def finish(self, work: Coroutine[Any, Any, T], name: str) -> T:
        """Run `work` in a task and return its result. It continues if the caller is cancelled.

        Callers are cancelled when their client disconnects, for example. If the task fails after that, the
        error is logged with the task's name.
        """
        task = self._start(work, name)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._log_failure)
            raise

    async def close(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for all tasks, then cancel the rest and wait until they have ended."""
        if self._running:
            await asyncio.wait(self._running, timeout=timeout)
        left = list(self._running)
        for task in left:
            log.warning("cancelling %s: it did not end within %g s", task.get_name(), timeout)
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _log_failure(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, self._refusals):
            log.info("%s was refused: %s", task.get_name(), error)
        else:
            log.error("%s failed", task.get_name(), exc_info=error)

    def _start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


async def hold(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` and return its result. A cancellation meanwhile is raised after `work` has ended."""
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
