"""Reject requests before anything else: malformed paths, foreign host names, too many requests."""

import re
from collections.abc import Sequence

from quart import Quart, request

from opencode.config import Network, Settings
from opencode.errors import BadRequest, Forbidden, NotFound, TooManyRequests
from opencode.provider.demo.adapter import server_address

from .client import client, from_server, is_in, own_address, parse_address
from .host_names import HostNames, host_name
from .rate_limit import RateLimiter

UNLIMITED_PATH = "/global/health"
"""A health check must not fail because of other requests."""

_LONGEST_SHOWN = 253
"""Characters of a host name in an error."""

_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")


def register(app: Quart, settings: Settings) -> None:
    """Reject requests that no honest client sends, and clients that send too many."""
    limit = settings.limits.requests
    rate_limiter = RateLimiter(limit) if limit else None
    known = HostNames(settings)

    @app.before_request
    async def admit() -> None:
        if "\0" in request.path:
            raise NotFound("The path contains a NUL character: leave it out.")
        if request.query_string and "\0" in "".join(request.args.values()):
            raise BadRequest("The query contains a NUL character: leave it out.", "Query")
        if not from_server():  # which has looked at both
            if settings.password is None:
                _check_hosts(known, settings.trusted_proxies)
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


def _check_hosts(known: HostNames, proxies: Sequence[Network]) -> None:
    """Refuse a request for a host name that is not known to be this server's.

    The page of another site can make its own name resolve to this server (DNS rebinding). For the browser it
    is then a page of this server, and only a password could keep it out: whoever the peer is, since it may
    be a browser on this machine, in its network, behind a container's gateway or behind a proxy. What the
    browser asked a trusted proxy for may be in X-Forwarded-Host.
    """
    asked = request.headers.getlist("Host")
    if is_in(parse_address(request.remote_addr or ""), proxies):
        asked += request.headers.get("X-Forwarded-Host", "").split(",")
    for host in asked:
        if not known.include(host.strip()):
            name = host_name(host)[:_LONGEST_SHOWN]
            raise Forbidden(
                f"This server has no password and does not know the host name {name!r}. Set OPENCODE_HOSTS "
                "to the names that it is reached by, or set OPENCODE_SERVER_PASSWORD, or use localhost or "
                "its IP address."
            )
