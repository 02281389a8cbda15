"""Limits of request bodies by route, so that a form is refused before it is read and parsed."""

import asyncio
import re
from typing import Any, cast
from urllib.parse import parse_qsl

from quart import Request, request
from quart.formparser import FormDataParser
from quart.wrappers.request import Body
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestTimeout

from opencode.errors import BodyTooLarge

LOGIN_BYTES = 8 * 1024
"""A login is a name, a password and a path."""

FORM_BYTES = 256 * 1024
"""Any other form of the page that has no files: a title, a key, answers to questions."""

TEXT_FORM_BYTES = 1024 * 1024
"""A message as `application/x-www-form-urlencoded`; the page sends multipart/form-data."""

FIELDS = 1_000
"""Fields and files of a form."""

_QUICK_BYTES = 16 * 1024
"""Larger forms are decoded in a thread."""

_WITH_FILES = re.compile(r"/chat(/[^/]+)?|/chats/import")
_PAGE = ("/chat/", "/chats/", "/settings/", "/logout/")


class LimitedFormParser(FormDataParser):
    """Parses forms of at most FIELDS fields; raises BodyTooLarge for others."""

    async def _parse_urlencoded(
        self, body: Body, _mimetype: str, _length: int | None, _options: dict[str, str]
    ) -> tuple[MultiDict[str, Any], MultiDict[str, Any]]:
        data = await body
        if data.count(b"&") >= FIELDS:
            raise BodyTooLarge(f"The form has more than {FIELDS:,} fields: send fewer.")
        pairs = await asyncio.to_thread(_pairs, data) if len(data) > _QUICK_BYTES else _pairs(data)
        storage = self.cls or MultiDict
        return storage(pairs), storage()

    parse_functions = {  # noqa: RUF012 - as the base class declares it
        **FormDataParser.parse_functions,
        "application/x-www-form-urlencoded": _parse_urlencoded,  # type: ignore[dict-item]
        "application/x-url-encoded": _parse_urlencoded,  # type: ignore[dict-item]
    }


class TakenBody(Body):
    """A body that can be taken: handed over without a copy, of which a large body would have several."""

    async def take(self) -> bytearray:
        """Return the whole body once it is here, and keep nothing of it; raises what awaiting it does."""
        for _ in range(2):  # it may become too large while it arrives
            if self._must_raise is not None:
                raise self._must_raise
            await self._complete.wait()
        data, self._data = self._data, bytearray()
        return data


class LimitedRequest(Request):
    """A request whose body has the limit of its route: `max_content_length`, in bytes."""

    body: TakenBody
    body_class = TakenBody
    form_data_parser_class = LimitedFormParser

    def __init__(self, *arguments: Any, max_content_length: int | None = None, **named: Any) -> None:
        _method, _scheme, path, _query, headers, *_ = arguments
        limit = body_limit(path, headers.get("Content-Type", ""), max_content_length or 0)
        super().__init__(*arguments, max_content_length=limit, **named)
        self.max_content_length = limit

    async def take_body(self) -> bytearray:
        """Return the body, which is read from nowhere else; raises RequestTimeout if it comes too slowly."""
        try:
            async with asyncio.timeout(self.body_timeout):
                return await self.body.take()
        except TimeoutError:
            raise RequestTimeout from None


async def take_body() -> bytearray:
    """Return the body of the current request; raises RequestTimeout and RequestEntityTooLarge."""
    return await cast(LimitedRequest, request).take_body()


def body_limit(path: str, content_type: str, largest: int) -> int:
    """Return the most bytes that a body for a path may have. `largest`: those of a route without a limit."""
    path = path.rstrip("/")
    if path == "/login":
        return min(LOGIN_BYTES, largest)
    if _WITH_FILES.fullmatch(path):
        is_multipart = content_type.lower().lstrip().startswith("multipart/")
        return largest if is_multipart else min(TEXT_FORM_BYTES, largest)
    if f"{path}/".startswith(_PAGE):
        return min(FORM_BYTES, largest)
    return largest


def _pairs(data: bytes) -> list[tuple[str, str]]:
    return parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True)
