"""Large JSON bodies: what is sent is encoded in slices, what comes is counted before it is decoded.

The encoder and the decoder hold the interpreter, so that a thread for them would help nobody.
"""

import asyncio
import codecs
import re
import time
from collections.abc import Iterable

from opencode.errors import BodyTooLarge
from opencode.schema.base import encode
from opencode.schema.transfer import SessionExport

SLICE_SECONDS = 0.005
"""How long the event loop is held before others get their turn. The encoder itself can't be interrupted."""

MAX_VALUES = 1_000_000
"""Commas, brackets and braces of a body: 32 MB of empty lists would take seconds and 600 MB of memory."""

_COUNTED = 1 << 20
"""Bytes that are counted at once."""


_HEADING = re.compile(rb"\s*(?:\x1b\[[0-9;]*m)*Exporting session[^\n]{0,500}\n")
"""What `opencode export` says on the terminal, where it was kept with its output."""


def exported_json(data: bytes | bytearray) -> bytes | bytearray:
    """Return the JSON of an exported session: without a byte-order mark and what the program said before it.

    A file that PowerShell wrote is in UTF-16.
    """
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        data = data.decode("utf-16", "replace").encode()
    data = data.removeprefix(codecs.BOM_UTF8)
    heading = _HEADING.match(data)
    return data[heading.end() :] if heading else data


def check_values(data: bytes | bytearray) -> None:
    """Raise BodyTooLarge if a JSON body has too many values."""
    if len(data) > MAX_VALUES and _has_too_many(data) and _has_too_many(_without_strings(data)):
        raise BodyTooLarge(f"The body has more than {MAX_VALUES:,} JSON values: send less at once.")


def _has_too_many(data: bytes | bytearray) -> bool:
    count = 0
    for start in range(0, len(data), _COUNTED):
        count += sum(data.count(mark, start, start + _COUNTED) for mark in (b",", b"[", b"{"))
        if count > MAX_VALUES:
            return True
    return False


def _without_strings(data: bytes | bytearray) -> bytes | bytearray:
    """Return JSON without the content of its strings; unchanged if it has very many."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    return data if data.count(b'"') > 2 * MAX_VALUES else b"".join(data.split(b'"')[::2])


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
