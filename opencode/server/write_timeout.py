"""Disconnect clients that stop reading."""

import asyncio


class WriteTimeout:
    """Cancels the task that sends a response if a piece is not accepted within `seconds`.

    There is one timer for each stream, renewed when it fires, so a piece costs one reading of the clock.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._sender: asyncio.Task[object] | None = None
        self._since = 0.0

    def sending(self) -> None:
        """Note that a piece is being sent."""
        self._sender = asyncio.current_task()
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._check)

    def taken(self) -> None:
        """Note that it was accepted."""
        self._sender = None

    def close(self) -> None:
        """Stop the timer."""
        self._sender = None
        if self._timer is not None:
            self._timer.cancel()

    def _check(self) -> None:
        self._timer = None
        if self._sender is None:
            return
        left = self._since + self._seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._check)
        else:
            self._sender.cancel("The client does not read the stream.")
