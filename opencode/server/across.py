"""Ask the other servers of the cluster what each of them alone knows."""

import asyncio
import logging
from typing import Any, TypeVar

import msgspec

from opencode.cluster.peers import TOKEN_HEADER, Peer
from opencode.errors import Elsewhere
from opencode.schema.event import PermissionAsked, QuestionAsked

from .app_state import app_state
from .client import from_server

ASK_SECONDS = 1.5
"""How long an answer waits for one server; one that does not answer is left out, and taken over soon."""

KEYS_CHANGED = "/cluster/keys"

T = TypeVar("T")

log = logging.getLogger(__name__)


async def everywhere(path: str, kind: type[T]) -> list[T]:
    """Return what the other servers answer to a GET; nothing if another server asks."""
    cluster = app_state().cluster
    if cluster is None or not cluster.peers or from_server():
        return []
    found = await asyncio.gather(*(_ask(peer, path, kind) for peer in cluster.peers))
    return [answer for answer in found if answer is not None]


async def find_request(request_id: str) -> None:
    """Raise Elsewhere if a pending request waits at another server."""
    cluster, pending = app_state().cluster, app_state().services.pending_requests
    if cluster is None or any(each.id == request_id for each in pending.of(None)) or from_server():
        return
    kinds: tuple[tuple[str, Any], ...] = (
        ("/permission", list[PermissionAsked]),
        ("/question", list[QuestionAsked]),
    )
    for peer in cluster.peers:
        for path, kind in kinds:
            if any(each.id == request_id for each in await _ask(peer, path, kind) or []):
                raise Elsewhere(peer.id)


async def tell_all(path: str) -> None:
    """Have all other servers do something: a POST without a body; one that does not answer is left out."""
    cluster = app_state().cluster
    if cluster is not None:
        await asyncio.gather(*(_ask(peer, path, bool, "POST") for peer in cluster.peers))


async def turns_of(peer: Peer) -> int:
    """Return how many turns run at another server; -1 if it does not answer."""
    running = await _ask(peer, "/session/status", dict[str, Any])
    return -1 if running is None else len(running)


async def _ask(peer: Peer, path: str, kind: type[T], method: str = "GET") -> T | None:
    from aiohttp import ClientError, ClientTimeout  # noqa: PLC0415 - of no use without others

    session = await app_state().connections_to_servers()
    try:
        async with session.request(
            method,
            f"{peer.address}{path}",
            headers={TOKEN_HEADER: peer.token},
            timeout=ClientTimeout(total=ASK_SECONDS),
        ) as response:
            response.raise_for_status()
            return msgspec.json.decode(await response.read(), type=kind)
    except (ClientError, OSError, TimeoutError, msgspec.DecodeError) as error:
        log.warning(
            "server %s at %s did not answer: %s", peer.id, peer.address, error or type(error).__name__
        )
        return None
