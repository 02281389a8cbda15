"""Setting up traces by OpenTelemetry's own environment variables."""

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
"""Time limit for sending the last spans at shutdown."""


def is_enabled(env: Mapping[str, str]) -> bool:
    """Return whether traces are asked for; raises SettingsError where a variable has an unsupported value."""
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
            raise SettingsError(f"{name} must be {PROTOCOL}, the only supported protocol, not {env[name]!r}.")
    return True


@asynccontextmanager
async def traced() -> AsyncIterator[None]:
    """Export traces until the block ends, if they are asked for; raises SettingsError."""
    if not is_enabled(os.environ):
        yield
        return
    from .tracing import Tracing  # noqa: PLC0415 - takes 0.2 s and 20 MB, needed for traces only

    limit_exporter_log()
    traces = Tracing()
    try:
        with observe.listening(traces):
            yield
    finally:
        # A daemon thread: a collector that does not answer must not delay the shutdown any longer.
        closing = Thread(target=traces.close, name="traces-close", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, CLOSE_SECONDS)
