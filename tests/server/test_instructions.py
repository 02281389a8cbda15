"""The rules of a set-up reach the model, as they are when it is asked."""

from pathlib import Path

import pytest

from opencode.session import instructions
from tests.harness import running_server
from tests.llm.server import LLM, Answer

from .conftest import provider_config


async def test_rules_and_instructions_reach_the_model_as_they_are_by_now(
    tmp_path: Path, llm: LLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instructions, "FRESH_SECONDS", 0.0)
    rules, more = tmp_path / "AGENTS.md", tmp_path / "more.md"
    rules.write_text("Speak Latin.")
    more.write_text("Be brief.")
    llm.script(Answer(text="Ave."), Answer(text="Hi."))
    async with running_server(tmp_path, {**provider_config(llm), "instructions": ["more.md"]}) as server:
        session_id = await server.new_session(title="Rules")
        await server.ask(session_id, "hello")
        rules.write_text("Speak English.")
        await server.ask(session_id, "hello")
    first, second = (request.body["messages"][0]["content"] for request in llm.requests)
    assert f"Instructions from: {rules}\nSpeak Latin.\n\nInstructions from: {more}\nBe brief." in first
    assert f"Instructions from: {rules}\nSpeak English." in second
    assert "Latin" not in second
