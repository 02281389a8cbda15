import pytest

from opencode.provider.wire.sse import EventTooLarge, SSEDecoder

STREAM = (
    b": a comment\r\n\r\n"
    b'event: first\r\ndata: {"text":"gr\xc3\xbc\xc3\x9fe \xf0\x9f\x98\x80"}\r\n\r\n'
    b"id: 7\ndata:no space\n\n"
    b"retry: 10\n\n"
    b"data: one\ndata: two\n\n"
    b"data: [DONE]\n\n"
)
PAYLOADS = ['{"text":"grüße 😀"}'.encode(), b"no space", b"one\ntwo", b"[DONE]"]


@pytest.mark.parametrize("size", range(1, len(STREAM) + 1))
def test_events_are_the_same_wherever_the_reads_cut_them(size: int) -> None:
    decoder = SSEDecoder()
    found = []
    for start in range(0, len(STREAM), size):
        found += decoder.feed(STREAM[start : start + size])
    assert found + decoder.close() == PAYLOADS


def test_the_end_of_the_stream_completes_an_event_without_its_blank_line() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: last") == []
    assert decoder.close() == [b"last"]
    assert decoder.close() == []


def test_an_error_field_is_read_as_an_error_object() -> None:
    assert SSEDecoder().feed(b'error: {"code":500}\n\n') == [b'{"error":{"code":500}}']


@pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\n"], ids=["CR", "CR LF", "LF"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "byte order mark"])
def test_lines_end_in_any_of_the_three_ways(end: bytes, mark: bytes) -> None:
    stream = mark + STREAM.replace(b"\r\n", b"\n").replace(b"\n", end)
    for size in (1, 2, 3, 7, len(stream)):
        decoder = SSEDecoder()
        found = []
        for start in range(0, len(stream), size):
            found += decoder.feed(stream[start : start + size])
        assert found + decoder.close() == PAYLOADS


def test_an_event_ends_with_its_second_cr_though_a_line_feed_might_follow() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\r\r") == [b"a"]
    assert decoder.feed(b"\ndata: b\r") == []
    assert decoder.feed(b"\n\r\n") == [b"b"]


@pytest.mark.parametrize("piece", [b"x" * 64, b"data: " + b"x" * 58 + b"\n"], ids=["line", "event"])
def test_a_line_or_event_without_end_is_refused(piece: bytes) -> None:
    decoder = SSEDecoder(max_bytes=1000)
    with pytest.raises(EventTooLarge, match="1,000 bytes"):
        for _ in range(100):
            decoder.feed(piece)


def test_a_long_stream_of_small_events_is_no_large_event() -> None:
    decoder = SSEDecoder(max_bytes=1000)
    assert sum(len(decoder.feed(b"data: " + b"x" * 500 + b"\n\n")) for _ in range(100)) == 100


def test_a_large_event_in_many_reads_takes_linear_time() -> None:
    decoder = SSEDecoder()
    decoder.feed(b"data: ")
    for _ in range(20_000):
        decoder.feed(b"x" * 1000)
    assert len(decoder.feed(b"\n\n")[0]) == 20_000_000
