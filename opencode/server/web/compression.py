"""Gzip for HTML responses: the page of a long conversation shrinks to a tenth."""

import asyncio
import gzip
from functools import partial

from quart import Quart, Response, request

SMALLEST = 1_000
"""Bytes below which compression does not pay."""

_LEVEL = 4


def register(app: Quart) -> None:
    @app.after_request
    async def compress(response: Response) -> Response:
        if response.mimetype != "text/html" or "Content-Encoding" in response.headers:
            return response
        data = await response.get_data(as_text=False)
        response.headers.add("Vary", "Accept-Encoding")
        if len(data) >= SMALLEST and request.accept_encodings["gzip"]:
            response.set_data(await asyncio.to_thread(partial(gzip.compress, data, _LEVEL, mtime=0)))
            response.headers["Content-Encoding"] = "gzip"
        return response
