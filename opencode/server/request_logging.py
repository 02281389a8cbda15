"""Give each request an id, and log one line when it has ended."""

import logging
import re
from typing import Any

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from quart import Quart, Response, request

from opencode import ids, observe

HEADER = "X-Request-Id"

GONE = 499
"""Status in the log for a client that left before the response began."""

_SANE_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
_SESSION_ID = re.compile(r"ses_[A-Za-z0-9_-]{1,60}")
_TRACE_HEADERS = frozenset({"traceparent", "tracestate"})
_QUIET = ("/global/health", "/metrics", "/static/")

log = logging.getLogger(__name__)


def register(app: Quart) -> None:
    """Log every request and return its id. Register it first, to log rejected requests too."""
    inner = app.asgi_app

    async def watched(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        headers = {name.decode("latin1").lower(): value.decode("latin1") for name, value in scope["headers"]}
        client_id = headers.get(HEADER.lower(), "")
        work = observe.Request(
            method=scope["method"],
            id=client_id if _SANE_ID.fullmatch(client_id) else ids.ascending("req"),
            carrier={name: headers[name] for name in _TRACE_HEADERS & headers.keys()},
        )
        with observe.watch(work):
            try:
                await inner(scope, receive, send)
            finally:
                _write(work)

    app.asgi_app = watched  # type: ignore[method-assign]

    @app.before_request
    async def note_route() -> None:
        work = observe.current(observe.Request)
        if work is not None and request.url_rule is not None:
            work.route = request.url_rule.rule
            session_id = (request.view_args or {}).get("session_id", "")
            work.session_id = session_id if _SESSION_ID.fullmatch(session_id) else ""

    @app.after_request
    async def note_answer(response: Response) -> Response:
        work = observe.current(observe.Request)
        if work is not None:
            work.status = response.status_code
            work.streams = response.mimetype == "text/event-stream"
            if work.status >= 500:
                work.outcome, work.failure = "error", str(work.status)
            response.headers[HEADER] = work.id
        return response


def _write(work: observe.Request) -> None:
    """Log a request that has ended.

    The route is logged instead of the path, which may hold the secret of a shared session.
    """
    if work.status >= 500:
        level = logging.WARNING
    else:
        level = logging.DEBUG if work.route.startswith(_QUIET) else logging.INFO
    if not log.isEnabledFor(level):
        return
    data: dict[str, Any] = {
        "method": work.method,
        "route": work.route or "(none)",
        "status": work.status or GONE,
        "ms": round((observe.now() - work.began) * 1000, 1),
    }
    log.log(level, "%(method)s %(route)s %(status)d %(ms).1f ms", data, extra={"data": data})
