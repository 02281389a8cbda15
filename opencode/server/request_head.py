"""Answer request heads that the framework can't take: it would fail outside of every error handler."""

from functools import lru_cache
from typing import Any
from urllib.parse import quote

from quart import Quart

from opencode import observe
from opencode.schema.base import encode
from opencode.schema.error import BadRequestBody, BadRequestData

_LONGEST_HOST = 260
"""Characters of a host name with its port; DNS allows 253 for the name."""

_SAFE_IN_QUERY = "!#$%&'()*+,-./:;<=>?@[]^_`{|}~\"\\"


def register(app: Quart) -> None:
    """Bring the address of each request into the form that the app expects, and refuse a malformed Host."""
    inner = app.asgi_app

    async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] in ("http", "websocket"):
            hosts = [value for name, value in scope["headers"] if name.lower() == b"host"]
            if not all(map(is_host, hosts)):
                await _refuse(scope, receive, send)
                return
            scope = {
                **scope,
                "path": _path(scope["path"]),
                "query_string": quote(scope["query_string"], _SAFE_IN_QUERY).encode(),
            }
        await inner(scope, receive, send)

    app.asgi_app = asgi_app  # type: ignore[method-assign]


@lru_cache(maxsize=256)
def is_host(value: bytes) -> bool:
    """Return whether a Host header can be a host name or IP address with a port."""
    if len(value) > _LONGEST_HOST:
        return False
    try:
        value.decode("ascii").encode("idna")  # as the framework does to build addresses
    except UnicodeError:
        return False
    return True


def _path(path: str) -> str:
    """Return the path of a request's target, which may be a whole address or, of OPTIONS, an asterisk."""
    if path.startswith("/"):
        return path
    scheme, separator, rest = path.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        return "/" + rest.partition("/")[2]
    return f"/{path}"


async def _refuse(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1000})
        return
    work = observe.current(observe.Request)
    if work is not None:
        work.status = 400
    message = "The Host header is malformed: send the host name or IP address of this server."
    body = encode(BadRequestBody(data=BadRequestData(message=message)))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
