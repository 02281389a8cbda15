"""Files in the page's message form: taken by their content, whatever type the browser gives them."""

import pytest

from tests.harness import Server

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
BINARY = bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("content", "declared", "mime"),
    [
        (PNG, "image/png", "image/png"),
        (PNG, "application/octet-stream", "image/png"),
        (b"%PDF-1.7\n" + bytes(64), "", "application/pdf"),
        ("naïve".encode(), "text/markdown", "text/plain"),
        ("naïve café, déjà vu".encode("latin-1"), "text/plain", "text/plain"),
        ("Привет, мир".encode("windows-1251"), "text/csv", "text/plain"),
        ("日本語のテキスト".encode("shift_jis"), "text/plain", "text/plain"),
        ("text".encode("utf-16"), "text/plain", "text/plain"),
        (b'{"a": 1}', "application/json", "text/plain"),
        (b"print(1)", "", "text/plain"),
    ],
    ids=[
        "png",
        "untyped png",
        "untyped pdf",
        "utf-8",
        "latin",
        "cyrillic",
        "japanese",
        "utf-16",
        "json",
        "untyped text",
    ],
)
async def test_a_file_is_taken_by_its_content(
    server: Server, content: bytes, declared: str, mime: str
) -> None:
    session_id = await server.new_session()
    response = await server.client.post(
        f"/chat/{session_id}", data={"text": "Look"}, files={"files": ("file", content, declared)}
    )
    assert response.status_code in (200, 204, 303), response.text
    parts = (await server.messages(session_id))[0]["parts"]
    assert [part["mime"] for part in parts if part["type"] == "file"] == [mime]


@pytest.mark.parametrize(
    ("content", "declared"), [(BINARY, "application/zip"), (BINARY, ""), (BINARY, "audio/mpeg")]
)
async def test_what_models_do_not_read_is_refused(server: Server, content: bytes, declared: str) -> None:
    session_id = await server.new_session()
    response = await server.client.post(
        f"/chat/{session_id}", data={"text": "Look"}, files={"files": ("a.bin", content, declared)}
    )
    assert response.status_code == 400 and "a.bin can&#39;t be read: attach PNG" in response.text
    assert await server.messages(session_id) == []
