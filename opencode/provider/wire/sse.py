"""Decodes server-sent events from bytes. Every token of a model passes here, so it is kept cheap."""

MAX_EVENT_BYTES = 32 * 1024 * 1024


class EventTooLarge(ValueError):
    """An event, or a line of it, exceeds the decoder's limit."""


class SSEDecoder:
    """Splits a byte stream into the `data` of its events, wherever reads begin and end.

    Event names and ids are dropped: all three wires repeat the type inside the JSON. Lines end in LF or
    CR LF. Payloads stay bytes, so a character may be split between two reads.
    """

    def __init__(self, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._rest: list[bytes] = []
        self._data: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the payloads of the events that `chunk` completes; raises EventTooLarge."""
        if b"\n" not in chunk:
            self._rest.append(chunk)
            self._hold(len(chunk))
            return []
        if self._rest:
            chunk = b"".join((*self._rest, chunk))
            self._rest.clear()
        lines = chunk.split(b"\n")
        payloads: list[bytes] = []
        data = self._data
        rest = lines.pop()
        for line in lines:
            if line[:5] == b"data:":
                value = line[6:] if line[5:6] == b" " else line[5:]
                data.append(value[:-1] if value[-1:] == b"\r" else value)
            elif data and line in (b"", b"\r"):
                payloads.append(data[0] if len(data) == 1 else b"\n".join(data))
                data.clear()
            elif line[:6] == b"error:":  # a field of llama.cpp's own, instead of data
                data.append(b'{"error":%b}' % line[6:].strip())
        if rest:
            self._rest.append(rest)
        self._held = 0
        if rest or data:
            self._hold(len(rest) + sum(map(len, data)))
        return payloads

    def close(self) -> list[bytes]:
        """Return the last event if its blank line is missing at the end of the stream."""
        return self.feed(b"\n\n") if self._rest or self._data else []

    def _hold(self, count: int) -> None:
        self._held += count
        if self._held > self._max_bytes:
            raise EventTooLarge(f"an event of more than {self._max_bytes:,} bytes")
