"""Map every failure to opencode's error body, in one place."""

import logging

from quart import Quart, Response, current_app, request
from werkzeug.exceptions import HTTPException

from opencode.config import MEGABYTE
from opencode.errors import BadRequest, RequestError, TooManyRequests, Unavailable
from opencode.schema.base import encode
from opencode.schema.error import BadRequestBody, BadRequestData, FailureBody, MessageData

from .endpoint import JSON

log = logging.getLogger(__name__)

MAX_MESSAGE = 4_000
"""Characters of an error's message: one that quotes the request could be as long as the request."""

_HTTP_NAMES = {
    400: "BadRequest",
    404: "NotFoundError",
    405: "MethodNotAllowedError",
    413: "BodyTooLargeError",
}


def too_large() -> str:
    """Return the message for a body over the limit."""
    largest = current_app.config["MAX_CONTENT_LENGTH"]
    limit = request.max_content_length or largest
    if limit < largest:
        return f"The form exceeds the limit of {limit // 1024:,} KB for this page: send less."
    return (
        f"The request body exceeds the limit of {limit // MEGABYTE} MB: send less at once, or ask the "
        "operator of this server to raise OPENCODE_MAX_BODY_MB."
    )


def register(app: Quart) -> None:
    app.register_error_handler(RequestError, refuse)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _failure)

    @app.before_websocket
    async def no_websockets() -> Response:
        # Without this, Quart looks for a route, and for the request of a failure.
        return Response(b"", status=404)


async def refuse(error: RequestError) -> Response:
    """Return the response to a request that is refused."""
    message = error.message if len(error.message) <= MAX_MESSAGE else f"{error.message[:MAX_MESSAGE]}…"
    if isinstance(error, BadRequest):
        body = encode(BadRequestBody(data=BadRequestData(message=message, kind=error.kind)))
    else:
        body = encode(FailureBody(name=error.name, data=MessageData(message=message)))
    return wait(Response(body, status=error.status, content_type=JSON), error)


def wait(response: Response, error: RequestError) -> Response:
    """Return the response with Retry-After if another try may help."""
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = "5"
    elif isinstance(error, TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


async def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    messages = {
        404: f"There is no route {request.method} {request.path}; see /docs for all routes.",
        405: f"{request.method} is not allowed for this route; see /docs for all routes.",
        413: too_large(),
        408: "The request body did not arrive in time: send it again.",
    }
    message = messages.get(status, error.description or error.name)
    body = FailureBody(name=_HTTP_NAMES.get(status, "HTTPError"), data=MessageData(message=message))
    response = Response(encode(body), status=status, content_type=JSON)
    if allowed := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(allowed)
    return response


async def _failure(error: Exception) -> Response:
    # The route, never the path: that of a shared conversation is its secret.
    route = request.url_rule.rule if request.url_rule is not None else "(no route)"
    log.exception("%s %s failed", request.method, route, exc_info=error)
    body = FailureBody(
        name="UnknownError", data=MessageData(message="Internal server error: see the server's log.")
    )
    return Response(encode(body), status=500, content_type=JSON)
