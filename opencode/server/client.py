"""Who asks: a client's own address, also behind proxies. And who is turned away before anything else."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from quart import Quart, current_app, request

from opencode.config import Network, Settings
from opencode.errors import BadRequest, Forbidden, NotFound, TooManyRequests
from opencode.provider.demo import server_address

from .rate_limit import RateLimiter

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

UNCOUNTED = "/global/health"
"""A health check must not fail because others ask too much."""

_PRIVATE_NAMES = (".localhost", ".local", ".internal", ".lan", ".test", ".hf.space")
"""Names that no stranger can lead to another's machine; those of Spaces are in Hugging Face's hands."""

_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")

_KEY = "opencode-trusted-proxies"


def register(app: Quart, settings: Settings) -> None:
    """Refuse what no honest client sends, and who asks too often."""
    proxies = app.extensions[_KEY] = settings.trusted_proxies
    limit = settings.limits.requests
    rate_limiter = RateLimiter(limit) if limit else None

    @app.before_request
    async def admit() -> None:
        if "\0" in request.path:
            raise NotFound("The address holds a NUL character, which no name here has.")
        if request.query_string and "\0" in "".join(request.args.values()):
            raise BadRequest("The query holds a NUL character; leave it out.", "Query")
        if settings.password is None:
            _check_name(proxies)
        if rate_limiter is not None and request.path != UNCOUNTED:
            _check_rate(rate_limiter, limit)
        if _HOST.fullmatch(request.host):
            server_address.set(own_address())


def client() -> str:
    """Return whose request this is: an IPv4 address, or the network of 64 bits of an IPv6 one.

    Behind a trusted proxy it is the last address in X-Forwarded-For that is no trusted proxy's: what stands
    before that was written by the client.
    """
    proxies: Sequence[Network] = current_app.extensions[_KEY]
    found = _address(request.remote_addr or "")
    for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        before = _address(hop)
        if before is None or not _is_in(found, proxies):
            break
        found = before
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(found), 64), strict=False))
    return str(found or "unknown")


def is_secure() -> bool:
    """Return whether the client came by https, to this server or to a proxy before it."""
    return request.is_secure or request.headers.get("X-Forwarded-Proto", "").startswith("https")


def own_address() -> str:
    """Return this server's address as the client knows it, such as `https://name.hf.space`."""
    return f"{'https' if is_secure() else 'http'}://{request.host}"


def _check_rate(rate_limiter: RateLimiter, limit: int) -> None:
    who = client()
    if seconds := rate_limiter.wait(who):
        raise TooManyRequests(
            f"More than {limit:,} requests a minute came from {who}: wait {seconds} s, or ask the "
            "operator of this server to raise OPENCODE_RATE_LIMIT.",
            seconds,
        )
    rate_limiter.count(who)


def _check_name(proxies: Sequence[Network]) -> None:
    """Refuse a public name on a connection within this machine: a page of another site may lead there.

    It does so by changing what its own name stands for (DNS rebinding). For the browser it is then a page of
    this server, and only a password could keep it out.
    """
    peer = _address(request.remote_addr or "")
    if peer is None or not peer.is_loopback or _is_in(peer, proxies):
        return
    name = _name(request.host)
    if "." in name and _address(name) is None and not name.endswith(_PRIVATE_NAMES):
        raise Forbidden(
            f"A server without a password is not reached by a public name ({name}) from its own machine. Use "
            "localhost; or set OPENCODE_SERVER_PASSWORD; or name the proxy before it in "
            "OPENCODE_TRUSTED_PROXIES."
        )


@lru_cache(maxsize=256)
def _name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return "an invalid.name"


@lru_cache(maxsize=1024)
def _address(text: str) -> Address | None:
    """Return an address that may have a port; one of IPv4 in IPv6's form is taken as what it is."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _is_in(address: Address | None, networks: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in networks)
