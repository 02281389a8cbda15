"""Files as a model gets them, and those that a provider refused."""

import base64
from typing import Any
from urllib.parse import quote

import pytest
from msgspec import UNSET

from opencode.agent.files import file_content, refused_files
from opencode.errors import ModelAPIError, ModelError
from opencode.provider.base import Attachment, Text
from opencode.provider.wire.attachment_errors import may_refuse_attachment
from opencode.schema.error import UnknownData, UnknownError
from opencode.schema.part import CreatedTime, FilePart, RetryPart, ToolStateCompleted
from tests.provider.wire_case import model

from .conversation import SESSION, assistant, call, text, user

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32


def file(url: str, mime: str, filename: str | None = None, part_id: str = "prt_8") -> FilePart:
    return FilePart(
        id=part_id, session_id=SESSION, message_id="msg_1", mime=mime, url=url, filename=filename or UNSET
    )


def read(content: bytes, mime: str, filename: str | None = None, head: str = "") -> Any:
    """Return a file as model input; the same in base64 and in the other form of a data: URL."""
    encoded = file_content(file(f"data:{head};base64,{base64.b64encode(content).decode()}", mime, filename))
    assert file_content(file(f"data:{head},{quote(content)}", mime, filename)) == encoded or isinstance(
        encoded, Attachment
    )
    return encoded


@pytest.mark.parametrize("mime", ["text/plain", "application/json", "application/xml"])
def test_a_text_file_is_sent_as_text(mime: str) -> None:
    assert read(b"a b", mime, "notes") == Text(f'<file name="notes" type="{mime}">\na b\n</file>')
    assert read(b"a b", mime) == Text(f'<file name="attachment" type="{mime}">\na b\n</file>')


@pytest.mark.parametrize(
    ("mime", "content"),
    [
        ("application/vnd.ms-excel", b"name,word\n1,needle\n"),
        ("application/x-yaml", b"a: needle\n"),
        ("application/javascript", b"let needle = 1"),
        ("application/octet-stream", b"# needle"),
        ("application/toml", b"a = 'needle'"),
        ("application/x-whatever", b"needle"),
        ("image/svg+xml", b"<svg><text>needle</text></svg>"),
        ("application/pdf", b"needle, not a PDF"),
        ("TEXT/CSV; header=present", b"needle"),
        ("", b"needle"),
        ("application/octet-stream", "needle – “日本”".encode("utf-16")),
        ("video/mp2t+xml", b"<a>needle</a>"),
    ],
)
def test_text_of_any_type_is_sent_as_text(mime: str, content: bytes) -> None:
    found = read(content, mime, "file")
    assert isinstance(found, Text)
    assert "needle" in found.text
    assert "\ufffd" not in found.text


@pytest.mark.parametrize(
    ("content", "mime", "head", "words", "encoding"),
    [
        ("\ufeffneedle ü".encode("utf-16-le"), "text/plain", "", "needle ü", "utf-16le"),
        ("\ufeffneedle ü".encode("utf-16-be"), "text/plain", "", "needle ü", "utf-16be"),
        ("needle ü".encode("utf-16-le"), "text/plain", "", "needle ü", "utf-16le (guessed)"),
        ("needle ü".encode("utf-16-be"), "text/csv", "", "needle ü", "utf-16be (guessed)"),
        ("\ufeffneedle ü".encode("utf-32-le"), "text/plain", "", "needle ü", "utf-32le"),
        ("needle;straße".encode("cp1252"), "text/csv", "", "needle;straße", "windows-1252 (guessed)"),
        (
            "Имя;Город\nИван;Москва\n".encode("cp1251"),
            "text/csv",
            "",
            "Иван;Москва",
            "windows-1251 (guessed)",
        ),
        ("ответ".encode("cp866"), "text/csv; charset=cp866", "", "ответ", "ibm866"),
        ("日本".encode("cp932"), "text/plain", "text/plain;charset=x-sjis", "日本", "shift_jis"),
        ("<meta charset=gbk>日本".encode("gbk"), "text/html", "", "日本", "gbk"),
    ],
)
def test_the_character_set_of_a_text_file_is_told_where_it_is_not_utf_8(
    content: bytes, mime: str, head: str, words: str, encoding: str
) -> None:
    found = read(content, mime, "file", head)
    assert words in found.text
    assert f' encoding="{encoding}">' in found.text


@pytest.mark.parametrize(
    ("mime", "content"),
    [
        ("application/zip", b"PK\3\4" + b"\0" * 20),
        ("text/plain", b"\x7fELF\2\1\1\0\0\0\0\0"),
        ("application/octet-stream", b"MZ\x90\0\3\0\0\0"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK\3\4\x14\0\6\0"),
        ("text/csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16),
    ],
)
def test_a_binary_file_is_left_out_with_a_sentence(mime: str, content: bytes) -> None:
    found = read(content, mime, "a.bin")
    assert isinstance(found, Text)
    assert found.text.startswith(f"[a.bin ({mime}) was left out: it is a binary file")


def test_a_text_file_that_can_not_be_decoded_does_not_end_the_turn() -> None:
    assert "(unreadable)" in file_content(file("data:;base64,a", "text/plain")).text  # type: ignore[union-attr]
    assert "a\0" not in read(b"a\0b", "text/plain").text
    assert "a\ufffd" in read(b"\xef\xbb\xbfa\xff", "text/plain").text


def test_a_picture_or_pdf_is_attached_as_what_its_bytes_say() -> None:
    data = base64.b64encode(PNG).decode()
    for mime in ("image/jpeg", "application/octet-stream", "IMAGE/PNG"):
        url = f"data:{mime};base64,{data}"
        assert file_content(file(url, mime, "x")) == Attachment("image/png", url, data=data, filename="x")
    pdf = read(b"\r\n%PDF-1.4", "application/octet-stream")
    assert isinstance(pdf, Attachment) and pdf.mime == "application/pdf"
    heic = read(b"\0\0\0\x18ftypheic", "image/heic")
    assert isinstance(heic, Attachment) and heic.mime == "image/heic"


def test_any_other_picture_is_attached_as_base64() -> None:
    assert file_content(file("data:,a%20b", "image/png", "x.png")) == Attachment(
        "image/png", "data:,a%20b", data=base64.b64encode(b"a b").decode(), filename="x.png"
    )
    address = "https://example.com/x.pdf"
    assert file_content(file(address, "application/pdf")) == Attachment("application/pdf", address)


def picture(part_id: str) -> FilePart:
    return file("data:,a", "image/png", part_id=part_id)


def retried(reason: str = "Could not process image") -> RetryPart:
    error = ModelAPIError(reason, retryable=False, status=400).wire()
    return RetryPart(
        id="prt_9",
        session_id=SESSION,
        message_id="msg_1",
        attempt=1,
        error=error,
        time=CreatedTime(created=1),
    )


def test_a_refusal_means_the_files_that_no_answer_was_given_before() -> None:
    history = [user(1, picture("a")), assistant(2, text("I see.")), user(3, picture("b"), picture("c"))]
    assert refused_files(history, model("one")) == {}
    reason = {"b": "Could not process image.", "c": "Could not process image."}
    assert refused_files(history, model("one"), ["Could not process\nimage"]) == reason
    history += [assistant(4, retried()), user(5, picture("d")), assistant(6, text("fine"))]
    assert refused_files(history, model("one")) == reason


def test_a_refusal_without_new_files_and_a_second_one_mean_all_files() -> None:
    history = [user(1, picture("a")), assistant(2, text("I see.")), user(3, text("go on"))]
    assert list(refused_files(history, model("one"), ["no image"])) == ["a"]
    history = [user(1, picture("a")), assistant(2, text("I see.")), user(3, picture("b"))]
    assert list(refused_files([*history, assistant(4, retried(), retried())], model("one"))) == ["b", "a"]


def test_files_that_tools_returned_can_be_refused() -> None:
    part = call("page")
    assert isinstance(part.state, ToolStateCompleted)
    part.state.attachments = [picture("a")]
    history = [user(1, text("look")), assistant(2, part, finish="tool-calls"), assistant(3, retried())]
    assert list(refused_files(history, model("one"))) == ["a"]


def test_what_failed_for_another_reason_or_with_another_model_is_not_refused() -> None:
    overloaded = retried("The server is overloaded")
    failed = assistant(2, overloaded, error=UnknownError(data=UnknownData(message="cut")))
    history = [user(1, picture("a")), failed, user(3, text("again"))]
    assert refused_files(history, model("one")) == {}
    assert list(refused_files(history, model("one"), ["bad image"])) == ["a"]
    assert refused_files([user(1, picture("a")), assistant(2, retried())], model("two")) == {}


@pytest.mark.parametrize(
    "words",
    [
        "Could not process image",
        "messages.0.content.1.image.source.base64.media_type: Input should be 'image/jpeg' or 'image/png'",
        "messages.0.content.0.pdf.source.base64.data: The PDF specified was not valid.",
        "You uploaded an unsupported image. Please make sure your image has of one the following formats",
        "Invalid file data: 'input[0].content[1].file_data'",
        "Unable to process input image. Please retry or report",
        "No endpoints found that support image input",
        "Failed to deserialize the JSON body: messages[0]: unknown variant `image_url`, expected `text`",
        "illegal base64 data at input byte 5",
        'Failed to parse messages: Unsupported content part type: "image_url"',
        "m is not a multimodal model",
        "messages[0].content must be a string",
        "Unsupported MIME type: image/bmp",
    ],
)
def test_refusals_of_files_are_known_by_the_words_of_providers(words: str) -> None:
    assert may_refuse_attachment(ModelAPIError(words, retryable=False, status=400))
    assert may_refuse_attachment(ModelAPIError("Bad Request", retryable=False, status=422, body=words))
    assert may_refuse_attachment(ModelAPIError(words, retryable=False))


@pytest.mark.parametrize(
    "error",
    [
        ModelAPIError("max_tokens is too large", retryable=False, status=400),
        ModelAPIError("Too many images a minute", retryable=True, status=429),
        ModelAPIError("This key may not send images", retryable=False, status=403),
        ModelError("image"),
    ],
)
def test_other_errors_are_no_refusal_of_a_file(error: ModelError) -> None:
    assert not may_refuse_attachment(error)
