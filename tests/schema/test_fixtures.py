"""The recorded wire decodes into our types and encodes again without loss."""

import json
from pathlib import Path
from typing import Any, Union

import msgspec
import pytest

from opencode.schema.agent import Agent, Project
from opencode.schema.agent import Path as WirePath
from opencode.schema.base import encode
from opencode.schema.event import EVENT_STRUCTS
from opencode.schema.message import AssistantMessageWithParts, MessageWithParts
from opencode.schema.provider import ConfigProviders, ProviderList
from opencode.schema.session import Session, SessionStatus

FIXTURES = Path(__file__).parent.parent / "fixtures" / "wire"
SCENARIOS = sorted(p for p in FIXTURES.glob("*.json") if "scenario" in json.loads(p.read_text()))
Event: Any = Union[EVENT_STRUCTS]  # type: ignore[valid-type]  # noqa: UP007


def assert_lossless(value: Any, type_: Any) -> None:
    decoded = msgspec.json.decode(json.dumps(value), type=type_)
    assert json.loads(encode(decoded)) == value


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda p: p.stem)
def test_events_and_messages_survive_a_round_trip(path: Path) -> None:
    recorded = json.loads(path.read_text())
    assert recorded["events"]
    for event in recorded["events"]:
        assert_lossless({k: v for k, v in event.items() if k != "ms"}, Event)
    for message in recorded["messages"]:
        assert_lossless(message, MessageWithParts)
    body = recorded["post"]["body"]
    if recorded["post"]["status"] == 200:
        assert_lossless(body, AssistantMessageWithParts)


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 14


def test_lists_survive_a_round_trip() -> None:
    assert_lossless(json.loads((FIXTURES / "provider.json").read_text()), ProviderList)
    assert_lossless(json.loads((FIXTURES / "config_providers.json").read_text()), ConfigProviders)
    assert_lossless(json.loads((FIXTURES / "agent.json").read_text()), list[Agent])


def test_answers_at_start_survive_a_round_trip() -> None:
    answers = json.loads((FIXTURES / "tui_start_answers.json").read_text())
    assert_lossless(answers["/session"], list[Session])
    assert_lossless(answers["/session/status"], dict[str, SessionStatus])
    assert_lossless(answers["/session/{sessionID}/message"], list[MessageWithParts])
    assert_lossless(answers["/path"], WirePath)
    project = answers["/project/current"]
    project.pop("vcs")  # sessions here live in no repository
    assert_lossless(project, Project)
