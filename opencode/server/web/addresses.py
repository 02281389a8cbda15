"""URLs as the page shows them, and where the conversation that is being rendered is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_shared: ContextVar[str] = ContextVar("shared", default="")


@contextmanager
def sharing(path: str) -> Iterator[None]:
    """Render what is shared at `path`, in the block: files are below it, and nothing can be changed."""
    token = _shared.set(path)
    try:
        yield
    finally:
        _shared.reset(token)


def shared() -> str:
    """Return the path of the shared conversation that is being rendered, "" if it is not a shared one."""
    return _shared.get()


def file_address(session_id: str, part_id: str, number: int | None, version: str) -> str:
    """Return the address of a file part, or of file `number` of a tool's result."""
    base = f"{shared()}/file" if shared() else f"/file/{session_id}"
    place = part_id if number is None else f"{part_id}/{number}"
    return f"{base}/{place}?v={version}"


def web_address(url: str) -> str:
    """Return a URL that leads to the web; "" if it leads elsewhere, such as one of JavaScript."""
    return url if url.startswith(("http://", "https://")) else ""
