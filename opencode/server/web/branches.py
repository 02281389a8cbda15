"""The versions of edited and repeated prompts on the page: which one is shown, and the way to the others."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opencode.session.branches import Point

_points: ContextVar[Mapping[str, Point] | None] = ContextVar("points", default=None)


@contextmanager
def showing(points: Mapping[str, Point]) -> Iterator[None]:
    """Render messages, in the block, with the ways to the other versions of these prompts."""
    token = _points.set(points)
    try:
        yield
    finally:
        _points.reset(token)


def point(prompt_id: str) -> Point | None:
    """Return the versions of a prompt that is being rendered; None if there is one alone."""
    return (_points.get() or {}).get(prompt_id)
