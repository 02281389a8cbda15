"""What those who watch over the server are told: Prometheus metrics and a log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opencode import observe
from opencode.session.services import Services

from .metrics import Metrics
from .worklog import WorkLog

__all__ = ["Metrics", "opened"]


@asynccontextmanager
async def opened(services: Services) -> AsyncIterator[Metrics]:
    """Count and log until the block ends."""
    metrics = Metrics(services)
    with observe.listening(metrics, WorkLog()):
        yield metrics
