"""The body of an answer as payloads: an event stream or JSON, told apart by how it begins.

Proxies give event streams any content type, and some servers answer with JSON though a stream was asked for.
"""

from .sse import MAX_EVENT_BYTES, EventTooLarge, SSEDecoder

_FIELDS = (b":", b"data", b"event", b"id", b"retry", b"error")
"""What event streams begin with."""
_SHOWN = 500
"""Bytes of something else that are kept for the error."""


class NotAnAnswer(ValueError):
    """The body is neither an event stream nor JSON. `body`: its start."""

    def __init__(self, body: bytes) -> None:
        super().__init__("neither an event stream nor JSON")
        self.body = body[:_SHOWN]


class AnswerBody:
    """Splits a body into payloads. `is_stream`: its content type is that of an event stream.

    `whole`: the payloads are of a JSON body, an answer each, not events.
    """

    def __init__(self, *, is_stream: bool) -> None:
        self._is_stream = is_stream
        self._decoder = SSEDecoder()
        self._start = b""
        self._pieces: list[bytes] = []
        self._size = 0
        self._other = False
        self.whole = False
        self.feed = self._sniff

    def close(self) -> list[bytes]:
        """Return what is left at the end of the body; raises NotAnAnswer."""
        if self._other:
            raise NotAnAnswer(b"".join(self._pieces))
        if self.whole:
            return [b"".join(self._pieces)]
        payloads = self._decoder.feed(self._start) if self._start else []
        return payloads + self._decoder.close()

    def _sniff(self, chunk: bytes) -> list[bytes]:
        """Decide by the first bytes; returns payloads as `feed` does. Raises EventTooLarge, NotAnAnswer."""
        start = self._start + chunk
        seen = start.removeprefix(b"\xef\xbb\xbf").lstrip()
        longest = max(map(len, _FIELDS))
        if len(start) < 3 or (len(seen) < longest and any(field.startswith(seen) for field in _FIELDS)):
            self._start = start
            return []
        self._start = b""
        if seen[:1] in (b"{", b"["):
            self.whole = True
        elif seen[:1] == b"<" or not (self._is_stream or seen.startswith(_FIELDS)):
            self._other = True
        else:
            self.feed = self._decoder.feed
            return self._decoder.feed(start)
        self.feed = self._gather
        return self._gather(start)

    def _gather(self, chunk: bytes) -> list[bytes]:
        self._pieces.append(chunk)
        self._size += len(chunk)
        if self._other and self._size >= _SHOWN:
            raise NotAnAnswer(b"".join(self._pieces))
        if self._size > MAX_EVENT_BYTES:
            raise EventTooLarge(f"an answer of more than {MAX_EVENT_BYTES:,} bytes")
        return []
