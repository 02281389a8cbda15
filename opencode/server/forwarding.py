"""Hands a request on to the server of the cluster that its session belongs to.

This server has checked the request as any other; the owner answers it, and the answer is passed on as it
comes. A handler that finds out late whose a session is raises Elsewhere: the request is handed on then.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from quart import Quart, Response, request

from opencode.cluster.peers import TOKEN_HEADER, Peer
from opencode.errors import Elsewhere, Unavailable

from .app_state import AppState
from .client import CLIENT_HEADER, client
from .errors import refuse

FORWARD_HEADER = "x-opencode-forward"
"""In the response of the app: which server the request goes to. Never seen outside."""

RECORDER = "opencode.recorder"
"""Where the scope of a request keeps what has been read of its body."""

RECORDED_BYTES = 4 * 1024 * 1024
"""How much of a body is kept for a handler that finds out late whose a session is."""

RETRY_SECONDS = 8.0
"""How long a request waits for a session whose server has just stopped."""

_NOT_PASSED_ON = {
    b"connection",
    b"keep-alive",
    b"transfer-encoding",
    b"te",
    b"upgrade",
    b"content-length",
    b"expect",
}


def register(app: Quart, state: AppState) -> None:
    """Find the owner of each request's session; called before the app's other layers are added."""
    app.asgi_app = Forwarding(app.asgi_app, state)  # type: ignore[method-assign]
    app.register_error_handler(Elsewhere, _elsewhere)


def register_check(app: Quart, state: AppState) -> None:
    """Look whose each request's session is, once the request has been admitted."""

    @app.before_request
    async def find_owner() -> Response | None:
        cluster = state.cluster
        if cluster is None:
            return None
        session_id = (request.view_args or {}).get("session_id")
        peer = None if session_id is None else await cluster.claim(session_id)
        if peer is not None:
            return _elsewhere(Elsewhere(peer.id))
        if session_id is not None:
            await cluster.taken(session_id)
        extensions: dict[str, Any] = request.scope.get("extensions") or {}
        extensions[RECORDER].keep(0 if session_id is not None else RECORDED_BYTES)
        return None


def _elsewhere(error: Elsewhere) -> Response:
    return Response(b"", status=421, headers={FORWARD_HEADER: error.server_id, CLIENT_HEADER: client()})


class _Recorder:
    """A request's body, which can be read again while it is kept whole: first until its owner is known."""

    def __init__(self, receive: Any, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._messages: list[Any] = []
        self._size = 0
        self.is_whole = True

    def keep(self, limit: int) -> None:
        """Keep bodies of up to `limit` bytes from now on."""
        self._limit = limit
        self._check()

    def _check(self) -> None:
        if self._size > self._limit:
            self._messages.clear()
            self.is_whole = False

    async def __call__(self) -> Any:
        message = await self._receive()
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            if self.is_whole:
                self._messages.append(message)
                self._check()
        return message

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body from its beginning."""
        place = 0
        while True:
            message = self._messages[place] if place < len(self._messages) else await self()
            place += 1
            if message["type"] != "http.request":
                return
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                return

    def again(self) -> Any:
        """Return an ASGI `receive` that begins with the body that was kept."""
        left = list(self._messages)

        async def receive() -> Any:
            return left.pop(0) if left else await self()

        return receive

    async def gone(self) -> None:
        """Return when the client is gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


class _BrokenOff(Exception):
    """The other server did not answer. `sent`: it may have begun to work on the request."""

    def __init__(self, sent: bool) -> None:
        self.sent = sent


class Forwarding:
    """The innermost layer of the app: passes on what the app says belongs to another server."""

    def __init__(self, inner: Any, state: AppState) -> None:
        self._inner = inner
        self._state = state

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        cluster = self._state.cluster if scope["type"] == "http" else None
        if cluster is None:
            await self._inner(scope, receive, send)
            return
        recorder = _Recorder(receive, self._state.settings.max_body_bytes)
        scope = {**scope, "extensions": {**(scope.get("extensions") or {}), RECORDER: recorder}}
        found: dict[bytes, bytes] = {}

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = dict(message["headers"])
                if FORWARD_HEADER.encode() in headers:
                    found.update(headers)
            if not found:
                await send(message)

        with cluster.in_use(_session_of(scope["path"])):
            await self._inner(scope, recorder, answer)
        if found:
            await self._pass_on(scope, recorder, send, found)

    async def _pass_on(self, scope: Any, recorder: _Recorder, send: Any, found: dict[bytes, bytes]) -> None:
        cluster = self._state.cluster
        assert cluster is not None
        headers = dict(scope["headers"])
        if headers.get(TOKEN_HEADER.lower().encode()) == cluster.token.encode():
            await _say(send, 421, b"")  # the one that passed it on looks again
            return
        target = found[FORWARD_HEADER.encode()].decode()
        who = found[CLIENT_HEADER.lower().encode()].decode()
        until = asyncio.get_running_loop().time() + RETRY_SECONDS
        session_id = _session_of(scope["path"])
        while True:
            peer = cluster.peer(target)
            try:
                if peer is not None and recorder.is_whole:
                    await self._ask(peer, scope, recorder, send, who)
                    return
            except _BrokenOff as error:
                if error.sent and scope["method"] not in ("GET", "HEAD"):
                    await _refuse(
                        send,
                        "The server of this session has stopped. What it was asked for may have happened: "
                        "look, and try again.",
                    )
                    return
            if not recorder.is_whole or asyncio.get_running_loop().time() > until:
                await _refuse(send, "The server of this session can't be reached; try again in a moment.")
                return
            await asyncio.sleep(0.1)
            if session_id:
                try:
                    found_peer = await cluster.claim(session_id)
                except Unavailable:
                    continue
                if found_peer is None:
                    await self._inner(scope, recorder.again(), send)
                    return
                target = found_peer.id

    async def _ask(self, peer: Peer, scope: Any, recorder: _Recorder, send: Any, who: str) -> None:
        """Pass a request on, and its answer back; raises _BrokenOff without an answer."""
        from aiohttp import ClientConnectorError, ClientError  # noqa: PLC0415 - of no use without others

        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in scope["headers"]
            if name not in _NOT_PASSED_ON
            and name not in (TOKEN_HEADER.lower().encode(), CLIENT_HEADER.lower().encode())
        ]
        headers += [(TOKEN_HEADER, peer.token), (CLIENT_HEADER, who)]
        query = scope.get("query_string", b"").decode("latin-1")
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0]
        has_body = scope["method"] not in ("GET", "HEAD")
        begun = False
        gone = asyncio.ensure_future(recorder.gone()) if not has_body else None
        try:
            async with (await self._state.connections_to_servers()).request(
                scope["method"],
                _url(f"{peer.address}{path}{'?' if query else ''}{query}"),
                headers=headers,
                data=recorder.body() if has_body else None,
                allow_redirects=False,
            ) as response:
                if response.status == 421:
                    raise _BrokenOff(sent=False)
                begun = True
                if gone is None:
                    gone = asyncio.ensure_future(recorder.gone())
                await send(
                    {
                        "type": "http.response.start",
                        "status": response.status,
                        "headers": [
                            (name.lower(), value)
                            for name, value in response.raw_headers
                            if name.lower() not in _NOT_PASSED_ON - {b"content-length"}
                        ],
                    }
                )
                chunks = response.content.iter_any().__aiter__()
                while True:
                    following = asyncio.ensure_future(chunks.__anext__())
                    await asyncio.wait({following, gone}, return_when=asyncio.FIRST_COMPLETED)
                    if not following.done():
                        following.cancel()
                        return
                    try:
                        chunk = following.result()
                    except StopAsyncIteration:
                        break
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except (ClientError, OSError) as error:
            if not begun:
                raise _BrokenOff(sent=not isinstance(error, ClientConnectorError)) from None
        finally:
            if gone is not None:
                gone.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _url(address: str) -> Any:
    from yarl import URL  # noqa: PLC0415

    return URL(address, encoded=True)


def _session_of(path: str) -> str:
    for piece in path.split("/"):
        if piece.startswith("ses_"):
            return piece
    return ""


async def _refuse(send: Any, message: str) -> None:
    response = await refuse(Unavailable(message))
    await _say(send, 503, await response.get_data(as_text=False))


async def _say(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
