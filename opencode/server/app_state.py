"""The services of an app: opened with it, and reached from its handlers."""

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from quart import Quart, current_app

from opencode.agent.retry import RetryPolicy
from opencode.config import Settings
from opencode.provider.demo import DEMO
from opencode.session.services import Services, open_services
from opencode.telemetry import Metrics
from opencode.telemetry import opened as telemetry_opened

_KEY = "opencode"
_METRICS = "opencode-metrics"

log = logging.getLogger(__name__)


@asynccontextmanager
async def opened(app: Quart, settings: Settings, retry: RetryPolicy | None = None) -> AsyncIterator[Services]:
    """Open the app's services until the block ends; where they are open already, they stay.

    Raises SettingsError.
    """
    if _KEY in app.extensions:
        yield app.extensions[_KEY]
        return
    async with open_services(settings, retry) as found, telemetry_opened(found) as counted:
        app.extensions[_KEY] = found
        app.extensions[_METRICS] = counted
        for warning in (*settings.warnings, *found.providers.check_names()):
            log.warning("%s", warning)
        log.info("conversations are kept in %s", found.store.place)
        _tell_providers(found.providers.defaults())
        try:
            yield found
        finally:
            del app.extensions[_KEY], app.extensions[_METRICS]


def services() -> Services:
    """Return the services of the app that serves this request."""
    found: Services = current_app.extensions[_KEY]
    return found


def metrics() -> Metrics:
    """Return what counts for the app that serves this request."""
    found: Metrics = current_app.extensions[_METRICS]
    return found


def _tell_providers(connected: Iterable[str]) -> None:
    """Log who answers."""
    if set(connected) <= {DEMO}:
        log.info("no key is set, so the offline demo model answers; set ANTHROPIC_API_KEY, OPENAI_API_KEY, …")
    else:
        log.info("providers: %s", ", ".join(connected))
