"""The chat page: the same sessions and the same events as the API, rendered as HTML."""

from quart import Quart

from opencode.config import Settings

from . import (
    actions,
    attachments,
    changed_files,
    chat_settings,
    compression,
    login,
    many,
    pages,
    palette,
    sandbox,
    security,
    settings,
    shared,
    stream,
    warm_up,
)

MODULES = (
    pages,
    palette,
    actions,
    many,
    changed_files,
    chat_settings,
    attachments,
    stream,
    settings,
    login,
    shared,
    sandbox,
)


def register(app: Quart, app_settings: Settings) -> None:
    """Add the page's routes and hooks to the app."""
    security.register(app, app_settings)
    compression.register(app)
    warm_up.register(app)

    for module in MODULES:
        app.register_blueprint(module.blueprint, name=f"web.{module.blueprint.name}")
