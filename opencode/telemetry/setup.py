"""Whether and how to trace: by OpenTelemetry's own variables, from the environment of the process."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from threading import Thread

from opencode import observe
from opencode.errors import SettingsError

from .export_log import limit_exporter_log

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"

CLOSE_SECONDS = 2.0
"""How long the last spans may take to leave."""


def wanted(env: Mapping[str, str]) -> bool:
    """Tell whether traces are asked for; raises SettingsError where that is in a way unknown here."""
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporters = env.get("OTEL_TRACES_EXPORTER", "otlp")
    if exporters not in ("otlp", "none"):
        raise SettingsError(f"OTEL_TRACES_EXPORTER must be otlp or none, not {exporters!r}.")
    endpoint = next((name for name in ENDPOINTS if env.get(name)), None)
    if exporters == "none" or endpoint is None:
        return False
    if not env[endpoint].startswith(("http://", "https://")):
        raise SettingsError(f"{endpoint} must begin with http:// or https://.")
    for name in PROTOCOLS:
        if env.get(name, PROTOCOL) != PROTOCOL:
            raise SettingsError(f"{name} must be {PROTOCOL}, the only protocol that is spoken here.")
    return True


@asynccontextmanager
async def traced() -> AsyncIterator[None]:
    """Trace until the block ends, where that is wanted; raises SettingsError."""
    if not wanted(os.environ):
        yield
        return
    from .tracing import Tracing  # noqa: PLC0415 - 0.2 s and 20 MB that only those who trace pay

    limit_exporter_log()
    traces = Tracing()
    try:
        with observe.listening(traces):
            yield
    finally:
        # A thread that nobody joins: a collector that does not answer must not hold up the shutdown.
        closing = Thread(target=traces.close, name="traces-close", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, CLOSE_SECONDS)
