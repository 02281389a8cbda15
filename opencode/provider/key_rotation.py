"""Several keys of one provider: the next one is used while one is rate-limited or refused."""

import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from opencode.errors import ModelError

from .base import Adapter, ModelRequest, StreamEvent
from .unavailable import key_rest

log = logging.getLogger(__name__)


class _Key:
    """The adapter of one key. `rests_until`: the monotonic time at which the key may be used again."""

    def __init__(self, number: int, adapter: Adapter) -> None:
        self.number = number
        self.adapter = adapter
        self.rests_until = 0.0


class KeyRotation(Adapter):
    """One adapter for each key, used one after the other.

    A key is kept as long as it works, because providers' prompt caches belong to it. One that gets a 429 or
    is refused rests, until its Retry-After if it has one.
    """

    def __init__(self, provider_id: str, adapters: Sequence[Adapter]) -> None:
        self._provider_id = provider_id
        self._keys = [_Key(number, adapter) for number, adapter in enumerate(adapters, 1)]
        self._current = 0

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent, None]:
        errors: list[ModelError] = []
        for key in self._usable():
            begun = False
            try:
                async with aclosing(key.adapter.stream(request)) as events:
                    async for event in events:
                        begun = True
                        yield event
                return
            except ModelError as error:
                if not self._rest(key, error) or begun:
                    raise
                errors.append(error)
        raise _soonest(errors)

    async def model_ids(self) -> list[str]:
        errors: list[ModelError] = []
        for key in self._usable():
            try:
                return await key.adapter.model_ids()
            except ModelError as error:
                if not self._rest(key, error):
                    raise
                errors.append(error)
        raise _soonest(errors)

    async def close(self) -> None:
        for key in self._keys:
            await key.adapter.close()

    async def retire(self) -> None:
        for key in self._keys:
            await key.adapter.retire()

    def _usable(self) -> list[_Key]:
        """Return the keys to try, in order; if all rest, the one that rests the shortest."""
        now = time.monotonic()
        keys = self._keys[self._current :] + self._keys[: self._current]
        return [key for key in keys if key.rests_until <= now] or [min(keys, key=lambda key: key.rests_until)]

    def _rest(self, key: _Key, error: ModelError) -> bool:
        """Let a key rest, and the next one be the first; return whether the error is about the key."""
        seconds = key_rest(error)
        if seconds is None:
            return False
        key.rests_until = time.monotonic() + seconds
        if self._keys[self._current] is key:
            self._current = (self._current + 1) % len(self._keys)
        total = len(self._keys)
        log.info("provider %s: key %d of %d rests for %g s", self._provider_id, key.number, total, seconds)
        return True


def _soonest(errors: Sequence[ModelError]) -> ModelError:
    """Return the error after which a retry can help the soonest: waiting helps a rate limit."""
    return min(errors, key=lambda error: (not error.retryable, error.retry_after or 0.0))
