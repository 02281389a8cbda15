"""What takes long is done in threads, in slices, or not at all: others are answered meanwhile."""

import asyncio
import gzip
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jinja2 import Environment

from opencode.errors import BodyTooLarge, RequestError
from opencode.schema.prompt import CreateSessionBody, PromptBody
from opencode.server import assets, docs
from opencode.server.endpoint import decode_body
from opencode.server.fields import Fields
from opencode.server.json_body import MAX_VALUES, check_values, encoded_list
from opencode.server.web import render
from tests.harness import running_server


async def test_files_are_compressed_the_api_described_and_templates_compiled_in_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: dict[str, str] = {}

    def noted(name: str, work: Any) -> Any:
        def run(*arguments: Any, **options: Any) -> Any:
            threads[name] = threading.current_thread().name
            return work(*arguments, **options)

        return run

    monkeypatch.setattr(assets, "_read", noted("compress", assets._read))
    monkeypatch.setattr(docs, "_document", noted("describe", docs._document))
    monkeypatch.setattr(Environment, "compile", noted("compile", Environment.compile))
    render.environment.cache_clear()
    async with running_server(tmp_path) as server:
        script = await server.client.get("/static/vendor/redoc/redoc.standalone.js")
        assert len(gzip.compress(script.content)) > 100_000 and script.headers["content-encoding"] == "gzip"
        assert (await server.client.get("/openapi.json")).json()["openapi"]
        assert (await server.client.get("/")).status_code == 200
    assert sorted(threads) == ["compile", "compress", "describe"]
    assert threading.current_thread().name not in threads.values()


async def test_a_long_list_is_encoded_in_slices() -> None:
    turns = 0
    item = {"text": "x" * 1_000}

    def items() -> Any:
        for _ in range(20):
            began = time.monotonic()
            while time.monotonic() - began < 0.002:
                pass
            yield item

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    assert msgspec.json.decode(await encoded_list(items())) == [item] * 20
    task.cancel()
    assert turns >= 4
    assert await encoded_list([]) == b"[]"


@pytest.mark.parametrize("one", [b"0", b"[]", b"{}", b'{"a":1}', b'""', b'"\\""', b'"\\\\"'])
def test_a_body_of_very_many_values_is_refused_before_it_is_decoded(one: bytes) -> None:
    body = b'{"metadata":{"a":[' + b",".join([one] * (MAX_VALUES + 1)) + b"]}}"
    with pytest.raises(BodyTooLarge, match="1,000,000"):
        decode_body(msgspec.json.Decoder(CreateSessionBody), body, True)


@pytest.mark.parametrize("text", [b",[{" * MAX_VALUES, b'\\",' * MAX_VALUES, b'\\\\\\",' * MAX_VALUES])
def test_what_stands_in_strings_is_no_value(text: bytes) -> None:
    body = b'{"parts":[{"type":"text","text":"' + text + b'"}]}'
    check_values(body)
    assert len(decode_body(msgspec.json.Decoder(PromptBody), body, True).parts) == 1


def test_in_a_large_body_with_an_error_no_misspelled_field_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It takes seconds: every field of every part is compared."""
    monkeypatch.setattr(Fields, "misspelled", lambda *_: pytest.fail("looked for"))
    fields = Fields(PromptBody)
    parts = b'{"type":"text","text":""},' * (MAX_VALUES // 4)
    body = b'{"parts":[' + parts + b'{"type":"text","text":5}]}'
    with pytest.raises(RequestError, match=r"parts\[250000\]\.text must be a string, not 5"):
        decode_body(msgspec.json.Decoder(PromptBody), body, True, fields)
