"""Posting through an SDK: it builds the first request of a kind, and those that follow are made like it.

To build a request takes an SDK longer than to send it, and comes out the same but for the content. This
module imports the SDKs' HTTP client, so it is imported with them: not before a provider is used.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import httpx2

Kind = tuple[tuple[str, str], ...]


class Posts:
    """Sends to one path. `client`: the SDK's, made with `http_client`, which does the sending for both."""

    def __init__(self, client: Any, http_client: httpx2.AsyncClient, path: str) -> None:
        self._client = client
        self._http_client = http_client
        self._path = path
        self._first: dict[Kind, httpx2.Request] = {}

    async def send(
        self,
        content: bytes,
        headers: Mapping[str, str],
        carried: Mapping[str, str],
        always: Mapping[str, Any],
    ) -> httpx2.Response:
        """Post `content` and return the answer, whose body is yet to be read.

        Beside the SDK's own headers go `headers`, which make a kind, `carried`, this request's alone, and
        `always`, the same each time. Raises the SDK's errors and those of its HTTP client; with both, a
        refusal has its `response`.
        """
        kind = tuple(headers.items())
        if first := self._first.get(kind):
            request = _like(first, content)
            if carried:
                request.headers.update({**carried, **headers})
            answer = await self._http_client.send(request, stream=True)
            if not answer.is_success:
                await answer.aread()
            return answer.raise_for_status()
        response: httpx2.Response = await self._client.post(
            self._path,
            cast_to=httpx2.Response,
            content=content,
            options={"headers": {**always, **carried, **headers}},
            stream=True,
        )
        if not response.history:  # a redirected request is no longer what the SDK made
            first = self._first[kind] = _like(response.request, b"", without=carried)
            first.headers.update(headers)
        return response


def _like(made: httpx2.Request, content: bytes, without: Iterable[str] = ()) -> httpx2.Request:
    """Return a request like one that was made, with other content and `without` some of its headers."""
    headers = made.headers.copy()
    for name in without:
        headers.pop(name, None)
    headers["Content-Length"] = str(len(content))
    stream = httpx2.ByteStream(content)
    request = httpx2.Request("POST", made.url, headers=headers, stream=stream, extensions=made.extensions)
    request.headers.encoding = headers.encoding  # known, else found out again for each
    request.read()
    return request
