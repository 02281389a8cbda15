"""What a fetched body is: its content codings, its type and its character set."""

import base64
import gzip
import zlib

import pytest

from opencode.errors import ToolError
from tests.tool.conftest import Fetch
from tests.tool.web import Site, answer

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
MEGABYTE = 1024 * 1024


@pytest.mark.parametrize("content_type", ["application/octet-stream", None, "binary/octet-stream"])
@pytest.mark.parametrize(
    "start", ["<!DOCTYPE html>", "  <html>", "<!-- made by hand --><p>", "\ufeff<head>", "<h1>"]
)
async def test_a_page_of_no_type_is_known_by_its_beginning(
    site: Site, fetch: Fetch, start: str, content_type: str | None
) -> None:
    result = await fetch(site.add("/", answer(f"{start}<b>words</b>".encode(), content_type)))
    assert "**words**" in result.output
    assert result.metadata["contentType"] == "text/html"


@pytest.mark.parametrize(
    ("status", "word"), [("204 No Content", "204"), ("205 Reset", "205"), ("200 OK", "no content")]
)
@pytest.mark.parametrize("form", ["markdown", "html"])
async def test_an_answer_without_content_is_said_to_have_none(
    site: Site, fetch: Fetch, status: str, word: str, form: str
) -> None:
    result = await fetch(site.add("/", answer(b"", status=status)), format=form)
    assert word in result.output
    assert "no content" in result.output


async def test_text_that_is_all_white_space_is_said_to_be_so(site: Site, fetch: Fetch) -> None:
    assert "white space" in (await fetch(site.add("/", answer(b" \n\n ", "text/plain")))).output


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("naïve – “日本”".encode(), "text/html; charset=utf-8"),
        ("naïve – “日本”".encode(), "text/html"),
        (b"\xef\xbb\xbf" + "naïve – “日本”".encode(), "text/html; charset=latin-1"),
        (b"\xff\xfe" + "naïve – “日本”".encode("utf-16-le"), "text/html"),
        ("naïve – “日本”".encode("gb18030"), 'text/html; charset="GB2312"'),
        ("<meta charset=gbk>naïve – “日本”".encode("gb18030"), "text/html"),
        (
            "<meta http-equiv=content-type content='text/html; charset=gbk'>naïve – “日本”".encode(
                "gbk", "ignore"
            ),
            "text/html",
        ),
        ("naïve – “日本”".encode(), "text/html; charset=no-such-set"),
        ("naïve – “日本”".encode(), "text/html; charset=idna"),
        ("naïve – “日本”".encode(), "text/html; charset=zlib"),
        ("<meta charset=utf-16>naïve – “日本”".encode(), "text/html"),
        ("naïve “日本”".encode("cp932", "ignore"), "text/html; charset=x-sjis"),
        ("naïve “日本”".encode("cp932", "ignore"), "text/html; charset=MS_Kanji"),
        ("“日本”".encode("euc_jp"), "text/html; charset=x-euc-jp"),
        ("“日本”".encode("big5"), "text/html; charset=x-x-big5"),
        ("“日本”".encode("utf-16-le"), "text/html; charset=unicode"),
        ("“日本”".encode("utf-16-be"), "text/html; charset=utf-16be"),
        ("<p>“日本” is Japan</p>".encode("utf-16-le"), "text/html"),
        (b"<script>" + b"x" * 100_000 + b"</script><meta charset=gbk>" + "“日本”".encode("gbk"), "text/html"),
        (b"<!-- <meta charset=latin1> --><meta charset='x-sjis'>" + "“日本”".encode("cp932"), "text/html"),
        (
            b"<META\nHTTP-EQUIV=Content-Type CONTENT=text/html;charset=x-sjis>" + "“日本”".encode("cp932"),
            "text/html",
        ),
        (
            b"<?xml version='1.0' encoding='Shift_JIS'?><p>" + "“日本”</p>".encode("cp932"),
            "application/xhtml+xml",
        ),
    ],
)
async def test_text_is_read_by_the_character_set_that_it_is_in(
    site: Site, fetch: Fetch, body: bytes, content_type: str
) -> None:
    result = await fetch(site.add("/", answer(body, content_type)), format="text")
    assert "“日本”" in result.output


@pytest.mark.parametrize(
    ("label", "words", "codec"),
    [
        ("windows-874", "ภาษาไทย", "cp874"),
        ("tis-620", "ภาษาไทย", "cp874"),
        ("iso-8859-1", "“café” 5 €", "cp1252"),
        ("us-ascii", "“café”", "cp1252"),
        ("iso-8859-9", "“şeker”", "cp1254"),
        ("ks_c_5601-1987", "똠방각하", "cp949"),
        ("koi8-u", "їжак", "koi8-u"),
        ("x-mac-cyrillic", "Привет", "mac-cyrillic"),
        ("macintosh", "café", "mac-roman"),
        ("iso-8859-8-i", "שלום", "iso8859-8"),
        ("cp437", "café", "cp437"),
    ],
)
async def test_character_sets_have_the_names_of_the_web(
    site: Site, fetch: Fetch, label: str, words: str, codec: str
) -> None:
    for content_type in (f"text/plain; charset={label}", f"text/html;charset='{label.upper()}'"):
        result = await fetch(site.add("/", answer(words.encode(codec), content_type)), format="text")
        assert result.output == words


async def test_a_character_set_of_the_users_own_is_read_as_browsers_do(site: Site, fetch: Fetch) -> None:
    result = await fetch(site.add("/", answer(b"a\x80", "text/plain; charset=x-user-defined")))
    assert result.output == "a\uf780"


async def test_an_example_in_a_text_is_no_declaration(site: Site, fetch: Fetch) -> None:
    text = "Write <meta charset=iso-8859-1>, not “UTF-8”."
    assert (await fetch(site.add("/", answer(text.encode(), "text/markdown")))).output == text


@pytest.mark.parametrize(
    ("words", "codec"),
    [
        ("Имя;Город\nИван;Москва\nАнна;Санкт-Петербург\n", "cp1251"),
        ("名前,住所\n田中太郎,東京都港区\nこれはテストです。\n", "cp932"),
        ("姓名,地址\n张三,北京市海淀区\n你好世界\n", "gbk"),
        ("Zażółć gęślą jaźń. Łódź jest miastem w środkowej Polsce.", "cp1250"),
        ("L'élève a mangé une crêpe à la plage, où il fait très chaud.", "cp1252"),
        ("名前,住所\n田中太郎,東京都港区\nこれはテストです。\n" * 200, "cp932"),
    ],
)
async def test_the_character_set_of_a_text_that_names_none_is_found_by_its_content(
    site: Site, fetch: Fetch, words: str, codec: str
) -> None:
    assert (await fetch(site.add("/", answer(words.encode(codec), "text/csv")))).output == words


async def test_a_western_page_that_names_no_character_set_is_read_as_windows_1252(
    site: Site, fetch: Fetch
) -> None:
    result = await fetch(site.add("/", answer("“café”".encode("cp1252"), "text/plain")))
    assert result.output == "“café”"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"a": 1}'),
        ("application/ld+json; charset=utf-8", b'{"a": 1}'),
        ("text/plain", b"<b>plain</b>"),
        ("text/markdown", b"# Title"),
        ("application/xml", b"<a>1</a>"),
        ("application/rss+xml", b"<rss/>"),
        ("image/svg+xml", b"<svg/>"),
        ("TEXT/CSV", b"a,b\n1,2"),
        (None, b"no type at all"),
        ("application/octet-stream", b"# read me\n"),
        ("binary/octet-stream", b"a,b\n1,2\n"),
        ("application/csv", b"a,b\n1,2\n"),
        ("application/vnd.ms-excel", b"a;b\n1;2\n"),
        ("application/x-yaml-of-some-kind", b"a: 1\n"),
        ("application/x-python-code", b"print(1)\n"),
        ("application/pdf", b"Sorry, no PDF today."),
        ("application/zip", b"no archive"),
        ("nonsense", b"text"),
        ("text/plain", b"On %PDF-1.4 headers"),
        ("application/json", b'{"a": "\\u0001"}'),
    ],
)
async def test_text_that_is_no_page_comes_back_as_it_is(
    site: Site, fetch: Fetch, content_type: str | None, body: bytes
) -> None:
    result = await fetch(site.add("/", answer(body, content_type)))
    assert result.output.encode() == body


@pytest.mark.parametrize(
    ("body", "named", "mime"),
    [
        (PNG, "image/png", "image/png"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 9, "image/jpeg", "image/jpeg"),
        (b"GIF89a" + b"\0" * 9, "image/gif", "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp", "image/webp"),
        (b"%PDF-1.7\n%%EOF", "application/pdf", "application/pdf"),
        (PNG, "image/jpeg", "image/png"),
        (PNG, "application/octet-stream", "image/png"),
        (b"\r\n%PDF-1.4\n%\xe2\xe3\n%%EOF", "application/pdf", "application/pdf"),
        (b"\xef\xbb\xbf \n%PDF-1.4\n%%EOF", "text/plain", "application/pdf"),
        (b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.4\n%%EOF", "application/pdf", "application/pdf"),
    ],
)
async def test_an_image_or_pdf_is_attached_as_what_its_bytes_say(
    site: Site, fetch: Fetch, body: bytes, named: str, mime: str
) -> None:
    result = await fetch(site.add("/", answer(body, named)))
    (attachment,) = result.attachments
    assert attachment.mime == mime
    assert attachment.url == f"data:{mime};base64,{base64.b64encode(body).decode()}"
    assert result.metadata["contentType"] == mime


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/zip", b"PK\3\4abcd"),
        ("video/mp4", b"\0\0\0\x18ftyp"),
        ("image/png", b"not an image"),
        ("text/plain", b"\x7fELF\0\0\0\0"),
        (None, b"\0\1\2\3"),
        ("application/octet-stream", b"PK\3\4abcd"),
        ("application/octet-stream", b"MZ\x90\0\3"),
        ("application/x-csv-they-said", b"\1\2"),
        ("audio/mpeg", b"ID3 tagged"),
    ],
)
async def test_what_can_not_be_read_is_an_error_with_its_type_and_size(
    site: Site, fetch: Fetch, content_type: str | None, body: bytes
) -> None:
    with pytest.raises(
        ToolError, match=rf"{content_type or 'application/octet-stream'} \({len(body)} bytes\)"
    ):
        await fetch(site.add("/", answer(body, content_type)))


@pytest.mark.parametrize(
    "codings",
    ["utf-8", "none", "binary", "identity", "", ",", "UTF-8, identity", "8bit", "text/html", "aws-chunked"],
)
async def test_what_is_no_content_coding_counts_for_nothing(site: Site, fetch: Fetch, codings: str) -> None:
    url = site.add("/", answer(b"hello", "text/plain", headers={"Content-Encoding": codings}))
    assert (await fetch(url)).output == "hello"


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br", "compress"])
async def test_a_content_coding_that_is_not_read_is_named(site: Site, fetch: Fetch, coding: str) -> None:
    with pytest.raises(ToolError, match=coding.rpartition(" ")[2]):
        await fetch(site.add("/", answer(b"\x0b\2", "text/plain", headers={"Content-Encoding": coding})))


def deflated(body: bytes) -> bytes:
    """Return a body in `deflate` as many servers send it: without the zlib header."""
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


WORDS = b"hello " * 1000


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip, gzip", gzip.compress(gzip.compress(WORDS))),
        ("gzip", gzip.compress(gzip.compress(WORDS))),
        ("gzip, utf-8", gzip.compress(WORDS)),
        ("x-gzip, identity", gzip.compress(WORDS)),
        ("deflate, gzip", gzip.compress(zlib.compress(WORDS))),
        ("deflate", zlib.compress(WORDS)),
        ("deflate", deflated(WORDS)),
        ("gzip", gzip.compress(WORDS[:3000]) + gzip.compress(WORDS[3000:])),
        ("gzip", gzip.compress(WORDS) + b"\0" * 512),
        ("none", gzip.compress(WORDS)),
    ],
    ids=lambda value: value if isinstance(value, str) else "body",
)
async def test_a_body_is_unpacked_as_often_as_it_was_packed(
    site: Site, fetch: Fetch, coding: str, body: bytes
) -> None:
    url = site.add("/", answer(body, "text/plain", headers={"Content-Encoding": coding}))
    assert (await fetch(url)).output.encode() == WORDS


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "none", "gzip, gzip, gzip, gzip, gzip"])
async def test_a_decompression_bomb_is_not_unpacked(site: Site, fetch: Fetch, encoding: str) -> None:
    bomb = gzip.compress(b"\0" * 200 * MEGABYTE)
    body = gzip.compress(bomb) if encoding == "gzip, gzip" else bomb
    with pytest.raises(ToolError, match=r"larger than 5 MB|compressed more than 4 times"):
        await fetch(site.add("/", answer(body, "text/plain", headers={"Content-Encoding": encoding})))


async def test_a_compressed_body_is_unpacked(site: Site, fetch: Fetch) -> None:
    body = gzip.compress(b"hello " * 50_000)
    result = await fetch(site.add("/", answer(body, "text/plain", headers={"Content-Encoding": "gzip"})))
    assert result.output == "hello " * 50_000


async def test_damaged_compression_is_an_error(site: Site, fetch: Fetch) -> None:
    with pytest.raises(ToolError, match="damaged"):
        await fetch(site.add("/", answer(b"not gzip", "text/plain", headers={"Content-Encoding": "gzip"})))
