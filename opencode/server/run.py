"""Serve the app with hypercorn, as `python app.py` does."""

import asyncio
import gc
import logging
import signal
import socket
from typing import TYPE_CHECKING

from opencode import __version__
from opencode.config import Settings
from opencode.errors import SettingsError

from . import hypercorn_compat
from .app import build_app
from .app_state import AppState
from .connections import Connections
from .shutdown import stop_signals

if TYPE_CHECKING:
    from hypercorn.config import Config

LOST_SECONDS = 60
"""How long a client may acknowledge or read nothing before its connection is closed."""

YOUNG_OBJECTS = 10_000
"""New objects after which Python looks for garbage. After its usual 700 nearly all are still in use: it took
15 % of the CPU of 90 prompts, 30 at a time, and takes 5 % with this."""

GRACE_SECONDS = 2.0
"""How long open requests may take to end when the server stops."""

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays open: longer than clients and proxies keep one, so that they never send a
request on a connection that is being closed."""

log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serve until a stop signal: open streams end, running turns are stored, then the function returns.

    Raises SettingsError if the services can't be opened, or the address can't be listened on.
    """
    try:
        import uvloop as loop_maker  # noqa: PLC0415 - not available on Windows
    except ImportError:
        asyncio.run(_serve(settings))
    else:
        loop_maker.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve  # noqa: PLC0415 - other servers do without it

    config = hypercorn_config(f"{settings.host}:{settings.port}")
    state = AppState(settings)
    connections = Connections(
        settings.limits, settings.trusted_proxies, raise_open_files(), state.is_server_address
    )
    hypercorn_compat.limit_connections(config, connections)
    try:
        listening = config.create_sockets().insecure_sockets
    except OSError as error:
        raise SettingsError(
            f"Can't listen on {settings.host}:{settings.port} (HOST and PORT): {_reason(error)}."
        ) from None
    for listener in listening:
        _detect_lost_clients(listener)
    config.bind = [f"fd://{listener.detach()}" for listener in listening]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    host = "localhost" if settings.host in ("0.0.0.0", "::", "127.0.0.1") else settings.host
    # Opened before hypercorn starts: it limits the time of an app's start, and migrations may take minutes.
    async with state.open():
        app = build_app(state)
        log.info(
            "OpenCode API %s at http://%s:%d (API documentation: /docs)", __version__, host, settings.port
        )
        gc.freeze()  # what was imported stays: collections need not look at it
        gc.set_threshold(YOUNG_OBJECTS, 10, 10)
        await hypercorn_serve(app, config, shutdown_trigger=stop.wait)


def hypercorn_config(bind: str) -> "Config":
    """Return hypercorn's configuration for an address, `host:port`."""
    from hypercorn.config import Config  # noqa: PLC0415

    hypercorn_compat.guard_connections()
    config = Config()
    config.bind = [bind]
    config.graceful_timeout = GRACE_SECONDS
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.backlog = 1024
    config.include_server_header = False
    config.errorlog = log
    return config


def raise_open_files() -> int | None:
    """Raise the limit of open files to what the system allows; return it, None if there is none."""
    try:
        import resource  # noqa: PLC0415 - not available on Windows
    except ImportError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard not in (soft, resource.RLIM_INFINITY):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return None if soft == resource.RLIM_INFINITY else soft


def _reason(error: OSError) -> str:
    return "no such address" if isinstance(error, socket.gaierror) else error.strerror or str(error)


def _detect_lost_clients(listener: socket.socket) -> None:
    """Have the system close connections whose other end is gone or reads nothing, if the system can."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (("TCP_KEEPIDLE", LOST_SECONDS), ("TCP_USER_TIMEOUT", LOST_SECONDS * 1000)):
        if hasattr(socket, option):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
