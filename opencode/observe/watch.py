"""Watching work: listeners are called when it begins and ends; a context variable holds the current work."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from .work import Work, now

W = TypeVar("W", bound=Work)


class Listener:
    """Base of what listens to all work in this process. Its methods must be quick and must not raise."""

    def began(self, work: Work) -> None:
        """Called when work begins."""

    def ended(self, work: Work) -> None:
        """Called when work has ended, and for events that take no time."""

    def carry(self, work: Work) -> dict[str, str]:
        """Return headers for a request to another server that continue the trace there."""
        return {}


_listeners: tuple[Listener, ...] = ()
_current: ContextVar[Work | None] = ContextVar("work", default=None)


@contextmanager
def listening(*listeners: Listener) -> Iterator[None]:
    """Call listeners for all work until the block ends."""
    global _listeners
    _listeners = (*_listeners, *listeners)
    try:
        yield
    finally:
        _listeners = tuple(listener for listener in _listeners if listener not in listeners)


@contextmanager
def watch(work: W) -> Iterator[W]:
    """Make `work` the current work in the block. A cancellation marks it aborted, an exception failed."""
    work.begin(_current.get())
    token = _current.set(work)
    for listener in _listeners:
        listener.began(work)
    try:
        yield work
    except asyncio.CancelledError:
        work.outcome = "aborted"
        raise
    except BaseException as error:
        work.fail(error)
        raise
    finally:
        work.seconds = now() - work.began
        for listener in _listeners:
            listener.ended(work)
        _current.reset(token)


def happened(work: Work) -> None:
    """Report something that takes no time."""
    for listener in _listeners:
        listener.ended(work)


def current(kind: type[W]) -> W | None:
    """Return the innermost current work of a kind."""
    return next((work for work in _ancestry() if isinstance(work, kind)), None)


def origin() -> dict[str, str]:
    """Return the ids of the current work for a log: `request`, `session` and `trace`, where there are any."""
    known: dict[str, str] = {}
    for work in _ancestry():
        request_id = getattr(work, "id", "")
        for name, value in (("request", request_id), ("session", work.session_id), ("trace", work.trace_id)):
            if value:
                known.setdefault(name, value)
    return known


def carried() -> dict[str, str]:
    """Return headers for a request to another server that continue the current trace there."""
    work = _current.get()
    headers: dict[str, str] = {}
    if work is not None:
        for listener in _listeners:
            headers |= listener.carry(work)
    return headers


def _ancestry() -> Iterator[Work]:
    work = _current.get()
    return iter(()) if work is None else work.ancestry()
