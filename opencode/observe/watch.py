"""Watching work: who is told when it begins and ends, and which work is being done right now."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from .work import Work, now

W = TypeVar("W", bound=Work)


class Listener:
    """Hears of all work in this process. It must be quick, and never raise."""

    def began(self, work: Work) -> None:
        """Some work begins."""

    def ended(self, work: Work) -> None:
        """It has ended, or was over when it was told of."""

    def carry(self, work: Work) -> dict[str, str]:
        """Return headers that tell another server what its work is a piece of."""
        return {}


_listeners: tuple[Listener, ...] = ()
_current: ContextVar[Work | None] = ContextVar("work", default=None)


@contextmanager
def listening(*listeners: Listener) -> Iterator[None]:
    """Tell listeners of all work until the block ends."""
    global _listeners
    _listeners = (*_listeners, *listeners)
    try:
        yield
    finally:
        _listeners = tuple(each for each in _listeners if each not in listeners)


@contextmanager
def watch(work: W) -> Iterator[W]:
    """Do some work in the block. Cancelled, it is aborted; what is raised out of it, it failed with."""
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
    """Tell of something that takes no time."""
    for listener in _listeners:
        listener.ended(work)


def current(kind: type[W]) -> W | None:
    """Return the innermost work of a kind that is being done here."""
    return next((work for work in _ancestry() if isinstance(work, kind)), None)


def origin() -> dict[str, str]:
    """Return whose work is done here, for a log: `request`, `session` and `trace`, where there are any."""
    found: dict[str, str] = {}
    for work in _ancestry():
        request_id = getattr(work, "id", "")
        for name, value in (("request", request_id), ("session", work.session_id), ("trace", work.trace_id)):
            if value:
                found.setdefault(name, value)
    return found


def carried() -> dict[str, str]:
    """Return headers for a request to another server, which tell whose work it does."""
    work = _current.get()
    headers: dict[str, str] = {}
    if work is not None:
        for listener in _listeners:
            headers |= listener.carry(work)
    return headers


def _ancestry() -> Iterator[Work]:
    work = _current.get()
    return iter(()) if work is None else work.ancestry()
