"""Requests to URLs that a model chose: the IP address, not the name, is checked before connecting.

All of them go through here. This module knows neither tools nor the content of pages.
"""

import asyncio
import ipaddress
import re
import socket
import string
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from opencode.config import Network
from opencode.errors import ToolError

from .one_shot_client import closed_after, tls

if TYPE_CHECKING:
    import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) → the addresses to try, in order. Raises OSError if the name has none."""

_CONNECT_SECONDS = 10.0
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver, which also accepts decimal, octal and hexadecimal IPv4 addresses."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in infos))


def is_public(address: Address) -> bool:
    """Return whether an address belongs to the public internet.

    An IPv6 address that embeds an IPv4 one (mapped, 6to4, NAT64) counts as that one. Teredo, unique local,
    link-local and site-local addresses are not public (IANA special-purpose address registries).
    """
    if isinstance(address, ipaddress.IPv6Address):
        if inner := _embedded(address):
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


class Egress:
    """Sends GET requests to public addresses, and to those in `allow`.

    A name is resolved once per request, all its addresses are checked, and the connection goes to a checked
    address, which defeats DNS rebinding. There are no cookies and no proxies, and redirects are returned, not
    followed.
    """

    def __init__(self, allow: Sequence[Network] = (), resolver: Resolver = system_resolver) -> None:
        self._allow = tuple(allow)
        self._resolver = resolver

    @asynccontextmanager
    async def get(
        self, url: str, headers: Mapping[str, str], timeout: float
    ) -> "AsyncIterator[httpx.Response]":
        """Yield the response to one GET, its body unread and not decoded. `timeout`: seconds without a byte.

        Raises ToolError if the address may not be fetched, httpx.HTTPError if the network fails.
        """
        import httpx  # noqa: PLC0415

        target = parse_url(url)
        addresses = await self._addresses(target)
        limits = httpx.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS)).as_dict()
        async with closed_after(httpx.AsyncHTTPTransport(verify=tls(), trust_env=False)) as transport:
            for index, address in enumerate(addresses):
                request = httpx.Request(
                    "GET",
                    target.copy_with(host=str(address), fragment=None),
                    headers={"Host": target.netloc.decode("ascii"), **headers},
                    extensions={
                        "timeout": limits,
                        "sni_hostname": target.raw_host.decode("ascii").rstrip("."),
                    },
                )
                try:
                    response = await transport.handle_async_request(request)
                    break
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    if index == len(addresses) - 1:
                        raise
            try:
                yield response
            finally:
                await response.aclose()

    async def _addresses(self, url: "httpx.URL") -> list[Address]:
        host = url.raw_host.decode("ascii")
        return await self.addresses(host, url.port or (443 if url.scheme == "https" else 80))

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host, each one checked; raises ToolError."""
        try:
            resolved = await self._resolver(host, port)
        except (OSError, UnicodeError):
            resolved = []
        if not resolved:
            raise ToolError(f"The host {host!r} has no address. Check its spelling, or search for the page.")
        try:
            addresses = [ipaddress.ip_address(text) for text in resolved]
        except ValueError:
            raise ToolError(
                f"The host {host!r} resolved to an invalid address. Use another source."
            ) from None
        if not all(self._may_reach(address) for address in addresses):
            raise ToolError(
                f"The host {host!r} has a private, local or reserved address, which this server does "
                "not access. Use a public address; the operator of this server may allow a network with "
                "OPENCODE_FETCH_ALLOW."
            )
        return addresses

    def _may_reach(self, address: Address) -> bool:
        forms = [form for form in (address, _embedded(address)) if form is not None]
        return is_public(address) or any(form in network for form in forms for network in self._allow)


def canonical(url: str) -> str:
    """Return the canonical form of a URL, so that a rule for it can't be evaded by another spelling.

    It normalizes case, default port, a dot at the end of the host, needless escapes, dot segments and the
    fragment. Raises ToolError.
    """
    plain = parse_url(_ESCAPE.sub(_plain_escape, url))
    return str(plain.copy_with(host=plain.host.rstrip("."), fragment=None))


def _plain_escape(match: re.Match[str]) -> str:
    letter = chr(int(match[1], 16))
    return letter if letter in _UNRESERVED else match[0].upper()


def parse_url(url: str) -> "httpx.URL":
    """Return a URL if it can be fetched: http or https, with a host, no credentials; else raise ToolError."""
    import httpx  # noqa: PLC0415 - the server starts without it

    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise ToolError(f"{url!r} is not a valid URL: {error}.") from None
    if parsed.scheme not in ("http", "https") or not parsed.host or not 0 < (parsed.port or 80) < 65536:
        raise ToolError(f"{url!r} can't be fetched: give a full URL that begins with http:// or https://.")
    if parsed.userinfo:
        raise ToolError("The URL contains a user name or a password. Fetch it without them.")
    return parsed
