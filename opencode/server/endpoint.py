"""Declare the types of a route once: decode requests, encode responses and document both."""

from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from typing import Any

import msgspec
from quart import Response, request

from opencode.errors import BadRequest
from opencode.schema.base import JsonObject, encode
from opencode.schema.explain import explain, not_json

from .fields import MAX_BYTES, Fields
from .json_body import check_values, exported_json
from .request_body import take_body

JSON = "application/json"
ATTRIBUTE = "_opencode_endpoint"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A route in the API document. `errors`: the HTTP statuses of its errors.

    `examples`: request bodies by title. `needs_password`: if one is set. `failures`: bodies of errors that
    differ from the usual ones, by status.
    """

    returns: Any
    body: Any = None
    body_required: bool = True
    query: Any = None
    status: int = 200
    errors: tuple[int, ...] = ()
    stream: Any = None
    examples: dict[str, JsonObject] = {}
    answer: Any = None
    headers: dict[str, str] = {}
    needs_password: bool = True
    failures: dict[int, Any] = {}
    deprecated: bool = False


Handler = Callable[..., Awaitable[Any]]


def endpoint(
    returns: Any,
    *,
    body: Any = None,
    body_required: bool = True,
    query: Any = None,
    status: int = 200,
    errors: tuple[int, ...] = (),
    stream: Any = None,
    examples: dict[str, JsonObject] | None = None,
    answer: Any = None,
    headers: dict[str, str] | None = None,
    needs_password: bool = True,
    failures: dict[int, Any] | None = None,
    lenient: bool = False,
    deprecated: bool = False,
) -> Callable[[Handler], Handler]:
    """Turn a handler of typed values into a view.

    The handler gets `body` and `query` as the declared types, and the path's variables. What it returns is
    encoded as JSON; a Response is passed on. `returns=None`: the response has no body. `stream`: what
    a text/event-stream answer holds. `answer`: an example response. `headers`: response headers and what they
    mean. `lenient`: the body is a file that a program exported, so misspelled fields are ignored as
    unknown ones are, and so is what the program said before it.
    """
    spec = Endpoint(
        returns=returns,
        body=body,
        body_required=body_required,
        query=query,
        status=status,
        errors=errors,
        stream=stream,
        examples=examples or {},
        answer=answer,
        headers=headers or {},
        needs_password=needs_password,
        failures=failures or {},
        deprecated=deprecated,
    )
    decoder = msgspec.json.Decoder(body) if body is not None else None
    fields = Fields(body) if body is not None and not lenient else None

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        async def view(**arguments: Any) -> Response:
            if decoder is not None:
                # Without a name for the bytes, which would keep them until the handler has answered.
                arguments["body"] = decode_body(
                    decoder, await _body(lenient), body_required, fields, spec.examples.values()
                )
            if query is not None:
                arguments["query"] = decode_query(query)
            value = await handler(**arguments)
            if isinstance(value, Response):
                return value
            if returns is None:
                return Response(b"", status=status)
            return Response(encode(value), status=status, content_type=JSON)

        setattr(view, ATTRIBUTE, spec)
        return view

    return decorate


async def _body(lenient: bool) -> bytes | bytearray:
    data = await take_body()
    return exported_json(data) if lenient else data


def decode_body(
    decoder: msgspec.json.Decoder[Any],
    data: bytes | bytearray,
    required: bool,
    fields: Fields | None = None,
    examples: Iterable[Any] = (),
) -> Any:
    """Return a request's body as its type.

    Raises BadRequest that says what is wrong and where, and BodyTooLarge. `fields`: those that must not be
    misspelled.
    """
    if not data or data.isspace():
        if required:
            raise BadRequest("The request has no body: send a JSON object.")
        data = b"{}"
    check_values(data)
    try:
        value = decoder.decode(data)
    except msgspec.ValidationError as error:
        raw = _decode_json(data)
        misspelled = fields.misspelled(raw) if fields is not None and len(data) <= MAX_BYTES else None
        raise BadRequest(misspelled or explain(error, decoder.type, raw, examples)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(not_json(error, data)) from None
    if fields is not None and not fields.are_known(data):
        misspelled = fields.misspelled(_decode_json(data))
        if misspelled is not None:
            raise BadRequest(misspelled)
    return value


def decode_query(kind: Any) -> Any:
    """Return the query string as its type; parameters that it does not name are ignored."""
    parameters = request.args.to_dict()
    try:
        return msgspec.convert(parameters, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(explain(error, kind, parameters), "Query") from None


def _decode_json(data: bytes | bytearray) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(not_json(error, data)) from None
