"""The API's pages: Swagger UI, ReDoc and the OpenAPI document, all from this server."""

from quart import Quart, Response, render_template

from opencode.schema.base import encode

from .endpoint import JSON


def register(app: Quart) -> None:
    """Add `/docs`, `/redoc`, `/openapi.json` and `/doc`. The document is made when it is first asked for."""
    document: list[bytes] = []

    async def openapi() -> Response:
        if not document:
            from .openapi import describe  # noqa: PLC0415 - quart-schema costs 0.1 s and 10 MB at start

            document.append(encode(describe(app)))
        return Response(document[0], content_type=JSON)

    async def swagger() -> str:
        return await render_template("docs/swagger.html")

    async def redoc() -> str:
        return await render_template("docs/redoc.html")

    app.add_url_rule("/openapi.json", "openapi", openapi)
    app.add_url_rule("/doc", "doc", openapi)
    app.add_url_rule("/docs", "docs", swagger)
    app.add_url_rule("/redoc", "redoc", redoc)
