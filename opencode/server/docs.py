"""API documentation: Swagger UI, ReDoc and the OpenAPI document, all served locally."""

import asyncio

from quart import Quart, Response, render_template

from opencode.schema.base import encode

from .endpoint import JSON
from .web.security import frames

_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; worker-src blob:; base-uri 'none'; form-action 'self'; "
)
"""Swagger UI and ReDoc write style elements and attributes."""


def register(app: Quart) -> None:
    """Add `/docs`, `/redoc`, `/openapi.json` and `/doc`.

    The document is built when first requested, in a thread: it takes 0.4 s.
    """
    document: list[bytes] = []
    building = asyncio.Lock()

    async def openapi() -> Response:
        async with building:
            if not document:
                document.append(await asyncio.to_thread(_document, app))
        return Response(document[0], content_type=JSON)

    async def swagger() -> Response:
        return await _page("docs/swagger.html")

    async def redoc() -> Response:
        return await _page("docs/redoc.html")

    app.add_url_rule("/openapi.json", "openapi", openapi)
    app.add_url_rule("/doc", "doc", openapi)
    app.add_url_rule("/docs", "docs", swagger)
    app.add_url_rule("/redoc", "redoc", redoc)


def _document(app: Quart) -> bytes:
    from .openapi import describe  # noqa: PLC0415 - quart-schema costs 0.1 s and 10 MB at start

    return encode(describe(app))


async def _page(template: str) -> Response:
    return Response(await render_template(template), headers={"Content-Security-Policy": _POLICY + frames()})
