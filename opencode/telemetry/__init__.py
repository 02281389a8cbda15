"""What those who watch over the server are told: Prometheus metrics, and OpenTelemetry traces on demand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opencode import observe
from opencode.session.services import Services

from .metrics import Metrics
from .setup import traced
from .worklog import WorkLog

__all__ = ["Metrics", "opened"]


@asynccontextmanager
async def opened(services: Services) -> AsyncIterator[Metrics]:
    """Count, and trace where OTEL_… variables say so, until the block ends; raises SettingsError."""
    metrics = Metrics(services)
    with observe.listening(metrics, WorkLog()):
        async with traced():
            yield metrics
