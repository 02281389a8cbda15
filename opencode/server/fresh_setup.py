"""Have requests use the set-up as its files are now."""

from quart import Quart, request

from .app_state import services
from .auth import OPEN_BELOW, OPEN_PATHS

_WITHOUT = OPEN_PATHS | {"/metrics"}
"""Paths that the set-up does not matter to."""


def register(app: Quart) -> None:
    """Look for changed files, at most once a second, before a request that was admitted is handled."""

    @app.before_request
    async def look() -> None:
        if request.path not in _WITHOUT and not request.path.startswith(OPEN_BELOW):
            await services().reload.fresh()
