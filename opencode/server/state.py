"""The services of an app: opened with it, and reached from its handlers."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from quart import Quart, current_app

from opencode.agent.retry import RetryPolicy
from opencode.config import Settings
from opencode.session.services import Services, open_services

_KEY = "opencode"

log = logging.getLogger(__name__)


@asynccontextmanager
async def opened(app: Quart, settings: Settings, retry: RetryPolicy | None = None) -> AsyncIterator[Services]:
    """Open the app's services until the block ends; where they are open already, they stay.

    Raises SettingsError.
    """
    if _KEY in app.extensions:
        yield app.extensions[_KEY]
        return
    async with open_services(settings, retry) as found:
        app.extensions[_KEY] = found
        defaults = found.providers.defaults()
        log.info(
            "providers and their default models: %s", ", ".join(map("/".join, defaults.items())) or "none"
        )
        try:
            yield found
        finally:
            del app.extensions[_KEY]


def services() -> Services:
    """Return the services of the app that serves this request."""
    found: Services = current_app.extensions[_KEY]
    return found
