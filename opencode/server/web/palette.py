"""The palette (Ctrl+K): chats, actions, commands and models that contain some words."""

from quart import Blueprint, Response, request

from opencode.provider.demo.adapter import DEMO
from opencode.schema.provider import Model

from ..app_state import services
from . import conversation
from .pages import HTML
from .render import fragment

blueprint = Blueprint("palette", __name__)

CHATS = 8
MODELS = 8
COMMANDS = 8

ACTIONS = (
    ("new", "New chat", "Ctrl Shift O"),
    ("model", "Choose a model", ""),
    ("copy", "Copy the last answer", "Ctrl Shift C"),
    ("side", "Show or hide the list of chats", "Ctrl Shift S"),
    ("/settings", "Settings", ""),
    ("/docs", "API documentation", ""),
    ("keys", "Keyboard shortcuts", "?"),
)
"""Name in the page's script, or path; title; keys."""


@blueprint.get("/chats/palette")
async def palette() -> Response:
    """Return what contains the words in `q`, the first few of each kind; without words, no models."""
    words = " ".join(request.args.get("q", "").split())
    chats = await (
        conversation.matches(services(), words) if words else conversation.listing(services(), most=CHATS)
    )
    html = fragment(
        "palette",
        conversation.first(chats, CHATS),
        await conversation.states(services()),
        words,
        [action for action in ACTIONS if _has(words, action[1])],
        [each for each in await services().prompts.commands.list() if _has(words.lstrip("/"), each.name)][
            :COMMANDS
        ],
        [model for model in await _models() if _has(words, f"{model.provider_id}/{model.id} {model.name}")][
            :MODELS
        ]
        if words
        else [],
        template="lists.html",
    )
    return Response(html, content_type=HTML)


async def _models() -> list[Model]:
    providers = [each for each in await services().providers.providers() if each.id != DEMO]
    models = [model for provider in providers for model in provider.models.values()]
    return sorted(models, key=lambda model: model.release_date, reverse=True)


def _has(words: str, text: str) -> bool:
    return all(word in text.lower() for word in words.lower().split())
