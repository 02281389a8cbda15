"""Long lists as JSON, encoded in short slices of the event loop's time."""

import asyncio
import time
from collections.abc import Iterable

from opencode.schema.base import encode
from opencode.schema.transfer import SessionExport

SLICE_SECONDS = 0.005
"""How long the event loop is held before others get their turn. The encoder itself can't be interrupted."""


async def encoded_list(items: Iterable[object]) -> bytes:
    """Return a list as JSON. Its items must not change meanwhile."""
    pieces: list[bytes] = []
    until = time.monotonic() + SLICE_SECONDS
    for item in items:
        pieces.append(encode(item))
        if time.monotonic() >= until:
            await asyncio.sleep(0)
            until = time.monotonic() + SLICE_SECONDS
    return b"[%b]" % b",".join(pieces)


async def exported(document: SessionExport) -> bytes:
    """Return an exported session as JSON."""
    messages = await encoded_list(document.messages)
    return b'{"info":%b,"messages":%b,"todos":%b}' % (encode(document.info), messages, encode(document.todos))
