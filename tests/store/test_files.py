"""Outlines have no content of files; the content is read in pieces, whatever the file's URL is like."""

import base64
import os
from urllib.parse import quote

import pytest

from opencode import ids
from opencode.schema.part import CompletedTime, FilePart, Part, ToolPart, ToolStateCompleted
from opencode.schema.session import Session
from opencode.store import Store, StoredFile, outlined, summary
from opencode.store.files import PIECE

from .test_store import make_prompt, make_session

LARGE = os.urandom(PIECE + 1234)


def base64_url(content: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def put(store: Store, *parts: Part) -> Session:
    """Put a session with one message that has these parts."""
    session = make_session()
    prompt = make_prompt(session.id)
    store.put_session(session)
    store.put_message(prompt)
    for part in parts:
        part.session_id, part.message_id = session.id, prompt.id
        store.put_part(part)
    return session


def file_part(url: str, **fields: str) -> FilePart:
    return FilePart(
        id=ids.ascending("prt"), session_id="", message_id="", url=url, **{"mime": "image/png", **fields}
    )


def tool_part(*urls: str) -> ToolPart:
    state = ToolStateCompleted(
        input={"url": base64_url(b"not this one")},
        output="",
        title='"url":"data:,',
        metadata={"url": [{"url": "data:,"}]},
        time=CompletedTime(start=1, end=2),
        attachments=[file_part(url) for url in urls],
    )
    return ToolPart(
        id=ids.ascending("prt"), session_id="", message_id="", call_id="1", tool="webfetch", state=state
    )


async def content(store: Store, file: StoredFile | None) -> bytes:
    assert file is not None
    whole = b""
    for place in range(file.pieces):
        piece = await store.piece(file, place)
        assert piece is not None
        whole += piece
    assert file.size in (None, len(whole))
    return whole


@pytest.mark.parametrize("padding", [0, 1, 2])
async def test_a_file_is_read_in_pieces_and_left_out_of_outlines(store: Store, padding: int) -> None:
    expected = LARGE + bytes(padding)
    part = file_part(base64_url(expected), filename="ein Café.png")
    session = put(store, part)
    file = await store.file(session.id, part.id, None)
    assert file is not None and (file.mime, file.filename) == ("image/png", "ein Café.png")
    assert file.pieces == 2
    assert await content(store, file) == expected
    (message,) = await store.messages(session.id, outlines=True)
    (shown,) = message.parts
    assert isinstance(shown, FilePart) and len(shown.url) < 100
    assert summary(shown.url) == summary(part.url)
    assert summary(shown.url).size == len(expected)
    assert (await store.messages(session.id))[0].parts == [part]
    assert await store.message(session.id, message.info.id, outlines=True) == message


async def test_the_files_of_a_tools_result_are_told_apart(store: Store) -> None:
    contents = [LARGE, b"PNG" + LARGE, b"small"]
    part = tool_part(*map(base64_url, contents))
    session = put(store, part)
    for number, expected in enumerate(contents):
        assert await content(store, await store.file(session.id, part.id, number)) == expected
    assert await store.file(session.id, part.id, 3) is None
    assert await store.file(session.id, part.id, None) is None
    (message,) = await store.messages(session.id, outlines=True)
    assert message.parts == [outlined(part)]
    (shown,) = message.parts
    assert isinstance(shown, ToolPart) and isinstance(shown.state, ToolStateCompleted)
    assert shown.state.attachments
    assert [summary(file.url).size for file in shown.state.attachments] == [len(each) for each in contents]
    assert shown.state.attachments[2].url == base64_url(b"small")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("data:text/plain," + quote("é%" * (PIECE // 4)), ("é%" * (PIECE // 4)).encode()),
        ('data:,plain "text" with \n and % and %zz é', 'plain "text" with \n and % and %zz é'.encode()),
        (base64_url(LARGE, 'image/png;name="a\\b"'), LARGE),
        ("data:,", b""),
        (base64_url(b""), b""),
        (base64_url(b"a"), b"a"),
    ],
    ids=["percent", "raw", "escaped head", "nothing", "nothing in base64", "one byte"],
)
async def test_every_form_of_a_data_url_is_read(store: Store, address: str, expected: bytes) -> None:
    part = file_part(address)
    session = put(store, part)
    assert await content(store, await store.file(session.id, part.id, None)) == expected


async def test_what_has_no_content_or_is_elsewhere_is_no_file(store: Store) -> None:
    part = file_part("https://example.com/a.png")
    session = put(store, part)
    other = put(store, file_part(base64_url(b"another session's")))
    assert await store.file(session.id, part.id, None) is None
    assert await store.file(session.id, part.id, 0) is None
    assert await store.file(other.id, part.id, None) is None
    assert await store.file(session.id, "prt_unknown", None) is None


@pytest.mark.parametrize("form", ["base64", "plain"])
async def test_a_file_that_changes_while_it_is_read_is_not_read_on(store: Store, form: str) -> None:
    first, second = (
        (base64_url(LARGE), base64_url(LARGE + b"more"))
        if form == "base64"
        else ("data:," + "a" * 2 * PIECE, "data:," + "b" * 2 * PIECE)
    )
    part = file_part(first)
    session = put(store, part)
    file = await store.file(session.id, part.id, None)
    assert file is not None and await store.piece(file, 0) is not None
    part.url = second
    store.put_part(part)
    fresh = await store.file(session.id, part.id, None)
    assert fresh is not None and fresh.version != file.version
    assert await store.piece(file, file.pieces - 1) is None
    assert await store.piece(fresh, fresh.pieces - 1) is not None
    store.remove_part(session.id, part.id)
    assert await store.file(session.id, part.id, None) is None
    assert await store.piece(fresh, 0) is None


async def test_the_outline_follows_the_part(store: Store) -> None:
    part = file_part(base64_url(LARGE))
    session = put(store, part)

    async def shown() -> list[Part]:
        (message,) = await store.messages(session.id, outlines=True)
        return message.parts

    assert await shown() == [outlined(part)]
    part.url = base64_url(b"small now")
    store.put_part(part)
    assert await shown() == [part]
    part.url = base64_url(LARGE + b"large again")
    store.put_part(part)
    assert await shown() == [outlined(part)]
    store.remove_part(session.id, part.id)
    assert await shown() == []


@pytest.mark.parametrize(
    "address",
    [
        base64_url(LARGE),
        base64_url(LARGE) + "QQ",  # no length of base64
        base64_url(LARGE)[:-4] + "QR==",  # bits that no content has
        "data:text/plain;base64," + "QUJD\n" * 2000,
        "data:text/plain," + quote("é%" * 4000),
        "data:" + "no comma" * 1000,
    ],
    ids=["base64", "wrong length", "odd bits", "lines", "percent", "no comma"],
)
async def test_a_part_comes_back_as_it_was_written(store: Store, address: str) -> None:
    parts = [file_part(address), tool_part("data:,small", address, address + "=")]
    session = put(store, *parts)
    assert (await store.messages(session.id))[0].parts == parts
    assert (await store.history(session.id, ""))[0].parts == parts
    await store.commit(session.id)
    assert (await store.message(session.id, parts[0].message_id)).parts == parts  # type: ignore[union-attr]


async def test_what_looks_like_an_outline_but_is_a_clients_own_stays_as_it_is(store: Store) -> None:
    part = file_part("data:;size=5;version=0123456789abcdef,")
    session = put(store, part)
    assert (await store.messages(session.id))[0].parts == [part]
    assert await content(store, await store.file(session.id, part.id, None)) == b""


async def test_many_parts_of_one_transaction_are_stored(store: Store) -> None:
    """More than a statement may name."""
    parts = [file_part("https://example.com/a.png") for _ in range(33_000)]
    session = put(store, *parts)
    (message,) = await store.messages(session.id, outlines=True)
    assert len(message.parts) == len(parts)


async def test_messages_are_counted(store: Store) -> None:
    session = put(store)
    prompts = [make_prompt(session.id) for _ in range(3)]
    for prompt in prompts:
        store.put_message(prompt)
    assert await store.count_messages(session.id) == 4
    assert await store.count_messages(session.id, prompts[1].id) == 2
