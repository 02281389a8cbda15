"""Limit the event streams that a client has open at once: each event is written to all of them."""

from typing import Any, cast

from hypercorn.typing import HTTPScope
from quart import Quart, Response, g, request

from opencode import observe
from opencode.errors import TooManyRequests

from .app_state import app_state
from .client import client
from .concurrency import ConcurrencyLimit

_KEY = "opencode.stream_of"

RETRY_SECONDS = 10


def register(app: Quart) -> None:
    """Count a stream until its request has ended, however it ends."""
    inner = app.asgi_app

    async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        counted: list[tuple[ConcurrencyLimit, str]] = []
        extensions = {**(scope.get("extensions") or {}), _KEY: counted}
        try:
            await inner(cast(HTTPScope, {**scope, "extensions": extensions}), receive, send)
        finally:
            for limit, who in counted:
                limit.leave(who)

    app.asgi_app = asgi_app  # type: ignore[method-assign]

    @app.after_request
    async def close_refused(response: Response) -> Response:
        # Kept alive, it would count as one of the client's connections, and soon nothing else had room.
        if g.get("stream_refused") and request.http_version.startswith("1"):
            response.headers["Connection"] = "close"
        return response


def enter() -> None:
    """Count a stream of the current request's client; raises TooManyRequests if it has too many.

    Only streams that are followed count. The answer to a prompt ends with its turn, and turns are limited.
    """
    extensions: dict[str, Any] = request.scope.get("extensions") or {}
    counted = extensions.get(_KEY)
    if counted is None or request.method != "GET":
        return
    state, who = app_state(), client()
    if state.streams.enter(who):
        g.stream_refused = True
        observe.happened(observe.Refusal(reason="client_streams", client=who))
        raise TooManyRequests(
            f"{state.settings.limits.client_streams:,} event streams are open from {who}, as many as may be: "
            "close some, or ask the operator of this server to raise OPENCODE_MAX_CLIENT_STREAMS.",
            RETRY_SECONDS,
        )
    counted.append((state.streams, who))
