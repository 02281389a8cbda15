"""Time-outs of requests to providers, and a cheap one for the silences of a stream."""

import asyncio
from types import TracebackType

import msgspec


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds; None is no limit.

    `connect_s`: until the connection is open. `header_s`: from the request to the response headers (local
    servers load a model and read the prompt first). `idle_s`: between two reads of a stream.
    """

    connect_s: float | None = 10.0
    header_s: float | None = 300.0
    idle_s: float | None = 120.0


class SilenceLimit:
    """`asyncio.timeout` for the many short waits of one stream: `with limit: await the_next_bytes()`.

    One timer per stream, postponed when it fires, instead of one per wait: a wait then costs a reading of the
    clock. Raises TimeoutError out of a wait that lasted `seconds`. All waits are in the task that made it.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._waiting = False
        self._cancelling = 0
        self._since = 0.0
        self._expired = False

    def __enter__(self) -> None:
        if self.seconds is None:
            return
        self._waiting = True
        self._cancelling = self._task.cancelling()
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self.seconds, self._check)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting = False
        if self._expired:
            self._expired = False
            if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def shorten(self, seconds: float) -> None:
        """Limit later waits to `seconds`, if that is less than now."""
        if self.seconds is None or self.seconds > seconds:
            self.close()
            self.seconds = seconds

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        self._timer = None
        if not self._waiting or self.seconds is None:
            return
        left = self._since + self.seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._check)
        else:
            self._expired = True
            self._task.cancel()
