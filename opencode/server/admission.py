"""Reject requests before anything else: malformed paths, foreign host names, too many requests."""

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from quart import Quart, request

from opencode.config import Network, Settings
from opencode.errors import BadRequest, Forbidden, NotFound, TooManyRequests
from opencode.provider.demo import server_address

from .client import client, is_in, own_address, parse_address
from .rate_limit import RateLimiter

UNLIMITED_PATH = "/global/health"
"""A health check must not fail because of other requests."""

_PRIVATE_NAMES = (".localhost", ".local", ".internal", ".lan", ".test", ".hf.space")
"""Host names that nobody else can point at this machine; those of Spaces belong to Hugging Face."""

_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")


def register(app: Quart, settings: Settings) -> None:
    """Reject requests that no honest client sends, and clients that send too many."""
    limit = settings.limits.requests
    rate_limiter = RateLimiter(limit) if limit else None

    @app.before_request
    async def admit() -> None:
        if "\0" in request.path:
            raise NotFound("The path contains a NUL character: leave it out.")
        if request.query_string and "\0" in "".join(request.args.values()):
            raise BadRequest("The query contains a NUL character: leave it out.", "Query")
        if settings.password is None:
            _check_host(settings.trusted_proxies)
        if rate_limiter is not None and request.path != UNLIMITED_PATH:
            _check_rate(rate_limiter, limit)
        if _HOST.fullmatch(request.host):
            server_address.set(own_address())


def _check_rate(rate_limiter: RateLimiter, limit: int) -> None:
    address = client()
    if seconds := rate_limiter.wait(address):
        raise TooManyRequests(
            f"More than {limit:,} requests a minute came from {address}: wait {seconds} s, or ask the "
            "operator of this server to raise OPENCODE_RATE_LIMIT.",
            seconds,
        )
    rate_limiter.count(address)


def _check_host(proxies: Sequence[Network]) -> None:
    """Reject a public host name on a connection from this machine, which may come from another site's page.

    Such a page can make its own name resolve to this machine (DNS rebinding). For the browser it is then a
    page of this server, and only a password could keep it out.
    """
    peer = parse_address(request.remote_addr or "")
    if peer is None or not peer.is_loopback or is_in(peer, proxies):
        return
    name = _host_name(request.host)
    if "." in name and parse_address(name) is None and not name.endswith(_PRIVATE_NAMES):
        raise Forbidden(
            f"This server has no password, so it refuses the host name {name}. Use localhost, or set "
            "OPENCODE_SERVER_PASSWORD, or name the proxy in front of it in OPENCODE_TRUSTED_PROXIES."
        )


@lru_cache(maxsize=256)
def _host_name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return "an invalid.name"
