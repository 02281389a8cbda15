"""Limits of open connections, for each client and in all, so that one can't keep out all others."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from opencode import observe
from opencode.config import Limits, Network

from .client import client_name, is_in, parse_address
from .concurrency import ConcurrencyLimit

OTHER_FILES = 128
"""Open files that are left for the database, providers, fetches and MCP servers."""

_STATUS = {"client_connections": "429 Too Many Requests", "connections": "503 Service Unavailable"}
_MESSAGE = {
    "client_connections": "Too many connections are open from your address: close some, then try again.",
    "connections": "Too many connections are open: try again in a moment.",
}


class Connections:
    """Counts the open connections of a server.

    `open_files`: the process's limit, None if there is none; the limits stay below it, and a client gets at
    most half of what is left. A client is known by its address; the proxies in `proxies` stand for many, and
    so do those for which `is_server` returns True.
    """

    def __init__(
        self,
        limits: Limits,
        proxies: Sequence[Network] = (),
        open_files: int | None = None,
        is_server: Callable[[str], bool] = lambda _: False,
    ) -> None:
        total = limits.connections
        if open_files is not None:
            total = min(total, max(open_files - OTHER_FILES, open_files // 2))
        self._limit = ConcurrencyLimit(min(limits.client_connections, max(1, total // 2)), total)
        self._proxies = proxies
        self._is_server = is_server

    @property
    def count(self) -> int:
        """The number of open connections."""
        return self._limit.count

    @contextmanager
    def entered(self, writer: asyncio.StreamWriter) -> Iterator[bool]:
        """Count a connection in the block; yields False if it is refused: then it has been answered."""
        address = parse_address(_peer(writer))
        client = client_name(address)
        refused_by = self._limit.enter(
            client, exempt=is_in(address, self._proxies) or self._is_server(client)
        )
        if refused_by:
            reason: observe.RefusalReason = "connections" if refused_by == "total" else "client_connections"
            observe.happened(observe.Refusal(reason=reason, client=client))
            _refuse(writer, reason)
            yield False
            return
        try:
            yield True
        finally:
            self._limit.leave(client)

    def head_was_late(self, writer: asyncio.StreamWriter) -> None:
        """Note that a connection is closed because the head of its request did not come in time."""
        client = client_name(parse_address(_peer(writer)))
        observe.happened(observe.Refusal(reason="slow_head", client=client))


def _peer(writer: asyncio.StreamWriter) -> str:
    peer = writer.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""


def _refuse(writer: asyncio.StreamWriter, reason: str) -> None:
    """Answer a connection before its request is read, and close it."""
    name = "TooManyRequestsError" if reason == "client_connections" else "UnavailableError"
    body = json.dumps({"name": name, "data": {"message": _MESSAGE[reason]}}).encode()
    head = (
        f"HTTP/1.1 {_STATUS[reason]}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        "retry-after: 5\r\nconnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    writer.close()
