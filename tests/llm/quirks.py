"""What servers do with a good answer: the oddities of each wire, as data for tests of any layer.

`STREAMS` holds for every wire: each makes what a server sends out of an answer's events.
"""

import json
from collections.abc import Callable
from typing import Any

from .answer import Answer, Raw, Step
from .wires import Wire

DONE = b"data: [DONE]\n\n"


def events(wire: type[Wire], answer: Answer) -> list[bytes]:
    """Return an answer's events on a wire, without an end marker."""
    return [frame.data for frame in wire.frames(answer, "test-model") if frame.data != DONE]


def _between(*extra: bytes) -> Callable[[list[bytes]], Step]:
    """Put events between all others."""

    def quirk(frames: list[bytes]) -> Step:
        return Raw(tuple(piece for frame in frames for piece in (*extra, frame)))

    return quirk


def _ends_with(end: bytes) -> Callable[[list[bytes]], Step]:
    return lambda frames: Raw((b"".join(frames).replace(b"\n", end),))


def _cut_at(size: int, end: bytes) -> Callable[[list[bytes]], Step]:
    def quirk(frames: list[bytes]) -> Step:
        body = b"".join(frames).replace(b"\n", end)
        return Raw(tuple(body[at : at + size] for at in range(0, len(body), size)))

    return quirk


def _typed(content_type: str) -> Callable[[list[bytes]], Step]:
    return lambda frames: Raw((b"".join(frames),), content_type=content_type)


def _in_lines(frames: list[bytes]) -> Step:
    """JSON lines, without the frame of an event stream."""
    lines = [line[6:] for frame in frames for line in frame.split(b"\n") if line.startswith(b"data: ")]
    return Raw((b"\n".join(lines) + b"\n",), content_type="application/x-ndjson")


STREAMS: dict[str, Callable[[list[bytes]], Step]] = {
    "a keep-alive as data": _between(b"data: : keepalive\n\n"),
    "blank data": _between(b"data:\n\n", b"data: \n\n", b"data\n\n"),
    "a ping as data": _between(b"data: ping\n\n", b"data: [PING]\n\n", b"data: keep-alive\n\n"),
    "a ping with a name": _between(b"event: ping\ndata: \n\n"),
    "null, a number and a list as data": _between(b"data: null\n\n", b"data: 7\n\n", b"data: [1]\n\n"),
    "a text as data": _between(b'data: "still there"\n\n'),
    "an unknown event": _between(b'data: {"type":"new.thing","object":"new.thing","choices":[]}\n\n'),
    "comments": _between(b": OPENROUTER PROCESSING\n\n", b":\n\n"),
    "a comment inside of events": lambda frames: Raw(tuple(b": hi\n" + frame for frame in frames)),
    "blank lines at the start": lambda frames: Raw((b"\n\n  \n", *frames)),
    "a byte order mark": lambda frames: Raw((b"\xef\xbb\xbf" + frames[0], *frames[1:])),
    "a byte order mark, cut": lambda frames: Raw((b"\xef", b"\xbb", b"\xbf" + frames[0], *frames[1:])),
    "CR alone": _ends_with(b"\r"),
    "CR LF": _ends_with(b"\r\n"),
    "CR LF, cut anywhere": _cut_at(3, b"\r\n"),
    "CR, cut anywhere": _cut_at(2, b"\r"),
    "one line feed between events": lambda frames: Raw(
        (b"\n".join(frame.rstrip(b"\n") for frame in frames) + b"\n\n",)
    ),
    "data twice": lambda frames: Raw(tuple(frame.replace(b"data: ", b"data: data: ") for frame in frames)),
    "an end marker behind the end": lambda frames: Raw((*frames, DONE)),
    "an end marker in the last packet": lambda frames: Raw((*frames[:-1], frames[-1] + DONE)),
    "an end marker in the last event": lambda frames: Raw(
        (*frames[:-1], frames[-1].rstrip(b"\n") + b"\ndata: [DONE]\n\n")
    ),
    "an end marker in quotes": lambda frames: Raw((*frames, b'data: "[DONE]"\n\n')),
    "an end marker in small letters": lambda frames: Raw((*frames, b"data: [done]\n\n")),
    "end markers, many": lambda frames: Raw((*frames, DONE * 3)),
    "an end marker before the end": lambda frames: Raw((*frames[:-1], DONE, frames[-1])),
    "no blank line at the end": lambda frames: Raw((*frames[:-1], frames[-1].rstrip(b"\n"))),
    "an event stream as application/json": _typed("application/json"),
    "an event stream as text/plain": _typed("text/plain; charset=utf-8"),
    "an event stream as binary": _typed("application/octet-stream"),
    "an event stream as a page": _typed("text/html"),
    "an event stream without a type": _typed(""),
    "an event stream in capitals": _typed("TEXT/Event-Stream"),
    "JSON lines": _in_lines,
    "JSON lines as an event stream": lambda frames: Raw(_in_lines(frames).chunks),  # type: ignore[union-attr]
}
"""Quirks that change nothing of the answer, by name, for the events of any wire."""


def data(value: Any) -> bytes:
    """Return a value as an event."""
    return b"data: %b\n\n" % json.dumps(value).encode()
