"""Options of models, agents and providers: what becomes part of the request."""

from typing import Any

from .setup import FOLDER, PROJECT, Setup


def _provider(options: dict[str, Any] | None = None, **models: dict[str, Any]) -> dict[str, Any]:
    settings = {"baseURL": "MODEL_URL/v1", "apiKey": "none", **(options or {})}
    return {"second": {"npm": "@ai-sdk/openai-compatible", "options": settings, "models": models}}


_THINKING = f"{FOLDER}agent/deep.md"

OPTIONS = {
    "temperature of a model that has none": Setup(
        {PROJECT: {"agent": {"x": {"temperature": 0.3, "top_p": 0.5, "prompt": "X"}}}}, agent="x"
    ),
    "temperature": Setup(
        {PROJECT: {"agent": {"x": {"model": "local/warm", "temperature": 0, "top_p": 1, "prompt": "X"}}}},
        agent="x",
    ),
    "options of an agent": Setup(
        {_THINKING: "---\nmodel: local/thinking\nreasoningEffort: high\nseed: 7\noptions:\n  a: 1\n---\nD."},
        agent="deep",
    ),
    "variant of an agent": Setup(
        {_THINKING: "---\nmodel: local/thinking\nvariant: high\ntemperature: 0.5\n---\nDeep."}, agent="deep"
    ),
    "options of a model": Setup(
        {
            PROJECT: {
                "model": "second/two",
                "provider": _provider(
                    two={
                        "options": {"reasoningEffort": "low", "extra_body": {"a": 1}, "top_k": 3},
                        "limit": {"context": 200_000, "output": 64_000},
                        "temperature": True,
                    }
                ),
                "agent": {"build": {"reasoningEffort": "high", "temperature": 0.2}},
            }
        }
    ),
    "model without limits": Setup({PROJECT: {"model": "second/two", "provider": _provider(two={})}}),
    "model under another id": Setup(
        {
            PROJECT: {
                "model": "second/nick/name",
                "provider": _provider(**{"nick/name": {"id": "two", "name": "Two"}}),
            }
        }
    ),
    "variants of a model": Setup(
        {
            PROJECT: {
                "provider": _provider(
                    two={
                        "reasoning": True,
                        "variants": {
                            "fast": {"reasoningEffort": "low", "seed": 1},
                            "high": {"disabled": True},
                        },
                    }
                ),
                "agent": {"x": {"model": "second/two", "variant": "fast", "prompt": "X"}},
            }
        },
        agent="x",
    ),
    "known families": Setup(
        {PROJECT: {"model": "second/gpt-5.1", "provider": _provider(**{"gpt-5.1": {"reasoning": True}})}}
    ),
    "Gemini": Setup(
        {
            PROJECT: {
                "model": "second/gemini-3-pro",
                "provider": _provider(**{"gemini-3-pro": {"temperature": True}}),
            }
        }
    ),
    "cache key": Setup(
        {PROJECT: {"model": "second/two", "provider": _provider({"setCacheKey": True}, two={})}}
    ),
    "headers and time limits": Setup(
        {
            PROJECT: {
                "model": "second/two",
                "provider": _provider(
                    {"timeout": False, "chunkTimeout": 20000, "headers": {"X-A": "1"}, "includeUsage": False},
                    two={"headers": {"X-B": "2"}},
                ),
            }
        }
    ),
    "providers left out": Setup(
        {
            PROJECT: {
                "disabled_providers": ["second"],
                "enabled_providers": ["local", "second"],
                "provider": _provider(two={}),
            }
        }
    ),
    "steps": Setup({PROJECT: {"agent": {"build": {"steps": 1}}}}),
}
