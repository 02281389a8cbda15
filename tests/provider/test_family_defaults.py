"""What is asked of some families of models where nobody has set it."""

import pytest

from opencode.provider import family_defaults
from opencode.provider.models import bare_model
from opencode.schema.provider import Model, ModelApi


def model(name: str) -> Model:
    found = bare_model("p", name, ModelApi(id=name, url="", npm="@ai-sdk/openai-compatible"))
    found.capabilities.temperature = True
    return found


@pytest.mark.parametrize(
    ("name", "temperature", "top_p"),
    [
        ("gemini-3-pro", 1, 0.95),
        ("google/gemini-2.5-flash", 1, 0.95),
        ("gemini-3.5-flash-lite", None, None),
        ("claude-sonnet-4-5", None, None),
        ("glm-4.6", 1, None),
        ("kimi-k2", 0.6, None),
        ("kimi-k2.5", 1, 0.95),
        ("kimi-k2-thinking", 1, None),
        ("minimax-m2", 1, 0.95),
        ("llama-4", None, None),
    ],
)
def test_sampling(name: str, temperature: float | None, top_p: float | None) -> None:
    found = model(name)
    assert (family_defaults.temperature(found), family_defaults.top_p(found)) == (temperature, top_p)
    found.capabilities.temperature = False
    assert family_defaults.temperature(found) is None


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("gpt-5", True),
        ("openai/gpt-5.1", True),
        ("gpt-5-chat-latest", False),
        ("gpt-5-pro", False),
        ("gpt-4", False),
    ],
)
def test_reasoning_of_gpt_5(name: str, reasons: bool) -> None:
    assert bool(family_defaults.options(model(name))) is reasons
