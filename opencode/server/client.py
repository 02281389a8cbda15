"""The address of a client, also behind proxies, and the server's address as the client knows it."""

import hmac
import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from quart import request

from opencode.cluster.peers import TOKEN_HEADER
from opencode.config import Network

from .app_state import app_state

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


CLIENT_HEADER = "X-Opencode-Client"
"""From another server of the cluster: the client whose request it passes on."""


def from_server() -> bool:
    """Return whether the request comes from another server of the cluster."""
    cluster = app_state().cluster
    if cluster is None:
        return False
    token = request.headers.get(TOKEN_HEADER, "")
    return hmac.compare_digest(token.encode("utf-8", "replace"), cluster.token.encode())


def client() -> str:
    """Return the client's address: an IPv4 address, or the /64 network of an IPv6 address.

    Behind trusted proxies it is the last address in X-Forwarded-For that is not a trusted proxy's; what
    stands before it was written by the client.
    """
    if from_server():
        return request.headers.get(CLIENT_HEADER, "unknown")
    proxies = app_state().settings.trusted_proxies
    address = parse_address(request.remote_addr or "")
    for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        previous = parse_address(hop)
        if previous is None or not is_in(address, proxies):
            break
        address = previous
    return client_name(address)


def client_name(address: Address | None) -> str:
    """Return what a client is counted by: an IPv4 address, or the /64 network of an IPv6 address."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address or "unknown")


def is_secure() -> bool:
    """Return whether the client used https, to this server or to a proxy before it."""
    return request.is_secure or request.headers.get("X-Forwarded-Proto", "").startswith("https")


def own_address() -> str:
    """Return this server's address as the client knows it, such as `https://name.hf.space`."""
    return f"{'https' if is_secure() else 'http'}://{request.host}"


@lru_cache(maxsize=1024)
def parse_address(text: str) -> Address | None:
    """Return the IP address in a text, which may have a port; None if it has none.

    An IPv4 address in IPv6's form is returned as IPv4.
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_in(address: Address | None, networks: Sequence[Network]) -> bool:
    """Return whether an address is in one of the networks."""
    return address is not None and any(address in network for network in networks)
