"""Decodes server-sent events from bytes. Every token of a model passes here, so it is kept cheap."""

MAX_EVENT_BYTES = 32 * 1024 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """An event, or a line of it, exceeds the decoder's limit."""


class SSEDecoder:
    """Splits a byte stream into the `data` of its events, wherever reads begin and end.

    Event names and ids are dropped: all three wires repeat the type inside the JSON. Lines end in LF, CR LF
    or CR; a byte order mark may come first. Payloads stay bytes, so a character may be split between two
    reads.
    """

    def __init__(self, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._rest: list[bytes] = []
        self._data: list[bytes] = []
        self._held = 0
        self._begun = False
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the payloads of the events that `chunk` completes; raises EventTooLarge."""
        if not self._begun:
            chunk = self._begin(chunk)
        if b"\r" in chunk or self._after_cr:
            chunk = self._with_lf(chunk)
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
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif data and not line:
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

    def _begin(self, chunk: bytes) -> bytes:
        """Return the first bytes without a byte order mark, which may be split between reads."""
        chunk = b"".join((*self._rest, chunk))
        self._rest.clear()
        if len(chunk) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(chunk):
            return chunk
        self._begun = True
        return chunk.removeprefix(_BYTE_ORDER_MARK)

    def _with_lf(self, chunk: bytes) -> bytes:
        """Return a chunk with LF at the ends of its lines; a CR LF may be split between two chunks."""
        if self._after_cr and chunk[:1] == b"\n":
            chunk = chunk[1:]
            self._after_cr = False
        if chunk:
            self._after_cr = chunk[-1:] == b"\r"
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, count: int) -> None:
        self._held += count
        if self._held > self._max_bytes:
            raise EventTooLarge(f"an event of more than {self._max_bytes:,} bytes")
