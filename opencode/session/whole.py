"""Changes that go to their end once they have begun, though whoever asked for them has left."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar


class Changer(Protocol):
    """What has such changes; `underway` holds the tasks that make them."""

    underway: set[asyncio.Task[Any]]


Self = TypeVar("Self", bound=Changer)
P = ParamSpec("P")
T = TypeVar("T")
Method = Callable[Concatenate[Self, P], Coroutine[Any, Any, T]]


def whole(method: Method[Self, P, T]) -> Method[Self, P, T]:
    """Make a method whose caller may be cancelled, and which goes on then.

    A client that leaves cancels its request. Half of a change would be stored and never told, or told and
    never acted on.
    """

    @wraps(method)
    async def run(self: Self, /, *args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.create_task(method(self, *args, **kwargs), name=method.__qualname__)
        self.underway.add(task)
        task.add_done_callback(self.underway.discard)
        return await asyncio.shield(task)

    return run
