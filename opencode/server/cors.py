"""CORS: pages of this machine may call the API, as with opencode, and those of OPENCODE_CORS."""

import re
from collections.abc import Container

from quart import Quart, Response, request

from opencode.config import Settings

_LOCAL = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")


def may_call(origin: str, further: Container[str]) -> bool:
    """Return whether pages of an origin may call the API: this machine's and `further` ones."""
    return _LOCAL.fullmatch(origin) is not None or origin.lower() in further


def register(app: Quart, settings: Settings) -> None:
    @app.before_request
    async def preflight() -> Response | None:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return Response(b"", status=204)
        return None

    @app.after_request
    async def allow(response: Response) -> Response:
        origin = request.headers.get("Origin")
        if origin is not None:
            response.headers.add("Vary", "Origin")
            if may_call(origin, settings.cors):
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Access-Control-Allow-Credentials"] = "true"
                response.headers["Access-Control-Expose-Headers"] = "X-Next-Cursor, X-Request-Id"
                if request.method == "OPTIONS":
                    requested = request.headers.get("Access-Control-Request-Headers", "*")
                    response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, PATCH, DELETE"
                    response.headers["Access-Control-Allow-Headers"] = requested
                    response.headers["Access-Control-Max-Age"] = "600"
        return response
