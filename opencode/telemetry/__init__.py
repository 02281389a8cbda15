"""Prometheus metrics, OpenTelemetry traces and the log of turns."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opencode import observe
from opencode.session.services import Services

from .loop_lag import watching_loop
from .metrics import Metrics
from .setup import traced
from .worklog import WorkLog

__all__ = ["Metrics", "opened", "watching_loop"]


@asynccontextmanager
async def opened(services: Services) -> AsyncIterator[Metrics]:
    """Collect metrics, and export traces if OTEL_… variables ask for them, until the block ends.

    Raises SettingsError where one of these variables is wrong.
    """
    metrics = Metrics(services)
    with observe.listening(metrics, WorkLog()):
        async with traced():
            yield metrics
