"""A picture that a provider refuses: the session goes on without it."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server, running_server, text_of
from tests.llm.server import LLM, Answer, Request, Status
from tests.server.conftest import WIRES, provider_config

REFUSAL = "Could not process image"


def picture(content: bytes) -> dict[str, Any]:
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return {"type": "file", "mime": "image/png", "filename": f"{content.decode()}.png", "url": url}


def seeing(llm: LLM) -> dict[str, Any]:
    """Return a config whose model `one` accepts pictures on every wire."""
    config = provider_config(llm)
    for provider in config["provider"].values():
        provider["models"]["one"] = {
            "attachment": True,
            "modalities": {"input": ["text", "image"], "output": ["text"]},
        }
    return config


def refusing(*contents: bytes) -> Any:
    """Return a model that refuses requests with one of these pictures."""

    def model(request: Request) -> Answer | Status:
        sent = json.dumps(request.body)
        refused = any(base64.b64encode(content).decode() in sent for content in contents)
        return Status(400, REFUSAL) if refused else Answer(text="fine")

    return model


async def ask(server: Server, session_id: str, wire: str, text: str, *files: bytes) -> dict[str, Any]:
    parts = [*map(picture, files), {"type": "text", "text": text}]
    model = {"providerID": wire, "modelID": "one"}
    body = {"parts": parts, "model": model}
    response = await server.client.post(f"/session/{session_id}/message", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize("wire", WIRES)
async def test_a_refused_picture_is_left_out_with_a_note_from_then_on(
    tmp_path: Path, llm: LLM, wire: str
) -> None:
    llm.on("one", refusing(b"broken"))
    async with running_server(tmp_path, seeing(llm)) as server:
        session_id = await server.new_session(title="Pictures")
        await ask(server, session_id, wire, "look", b"good")
        answer = await ask(server, session_id, wire, "and this", b"broken")
        assert text_of(answer) == "fine"
        assert "error" not in answer["info"]
        (retry,) = [part for part in answer["parts"] if part["type"] == "retry"]
        assert (retry["attempt"], retry["error"]["data"]["message"]) == (1, REFUSAL)
        assert len(llm.requests) == 3
        assert text_of(await ask(server, session_id, wire, "go on")) == "fine"
        assert len(llm.requests) == 4
        sent = json.dumps(llm.requests[-1].body)
        assert base64.b64encode(b"good").decode() in sent
        assert "broken.png (image/png) was left out" in sent and REFUSAL in sent
        page = await server.client.get(f"/chat/{session_id}")
        assert page.status_code == 200


async def test_a_picture_that_was_accepted_once_can_be_refused_later(tmp_path: Path, llm: LLM) -> None:
    async with running_server(tmp_path, seeing(llm)) as server:
        session_id = await server.new_session(title="Pictures")
        llm.on("one", Answer(text="fine"))
        await ask(server, session_id, "compatible", "look", b"old")
        llm.on("one", refusing(b"old"))
        answer = await ask(server, session_id, "compatible", "and this", b"new")
        assert text_of(answer) == "fine"
        assert [part["attempt"] for part in answer["parts"] if part["type"] == "retry"] == [1, 2]
        assert text_of(await ask(server, session_id, "compatible", "go on")) == "fine"
        assert len(llm.requests) == 5


async def test_an_error_that_stays_without_the_picture_is_the_answers(tmp_path: Path, llm: LLM) -> None:
    llm.on("one", Status(400, "This document of yours is odd"))
    async with running_server(tmp_path, seeing(llm)) as server:
        session_id = await server.new_session(title="Pictures")
        answer = await ask(server, session_id, "compatible", "look", b"good")
        assert "odd" in answer["info"]["error"]["data"]["message"]
        assert len(llm.requests) == 2
        llm.on("one", Answer(text="fine"))
        await ask(server, session_id, "compatible", "go on")
        assert base64.b64encode(b"good").decode() in json.dumps(llm.requests[-1].body)
