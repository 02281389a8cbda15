"""The host names that are known to be this server's, against DNS rebinding."""

import socket
from functools import lru_cache

from opencode.config import Settings

from .client import parse_address

_PRIVATE = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test")
"""Host names that nobody else can point at this server: they are not in the public DNS."""

_SPACES = ".hf.space"
"""Names of Hugging Face's Spaces, which only Hugging Face can point anywhere."""


class HostNames:
    """IP addresses, names without a dot, private names, this machine's own, a Space's, and OPENCODE_HOSTS."""

    def __init__(self, settings: Settings) -> None:
        own = {settings.host, settings.space_host, socket.gethostname()} | settings.hosts
        self._names = frozenset(name.lower().rstrip(".") for name in own if not name.startswith("*"))
        below = [name.removeprefix("*") for name in settings.hosts if name.startswith("*")]
        self._endings = (*_PRIVATE, *below, *([_SPACES] if settings.space_id else []))

    def include(self, host: str) -> bool:
        """Return whether a Host header, which may have a port, names this server."""
        name = host_name(host)
        if "." not in name or name in self._names or name.endswith(self._endings):
            return True
        return parse_address(name) is not None


@lru_cache(maxsize=256)
def host_name(host: str) -> str:
    """Return the name or address in a Host header, lower case, without port and trailing dots."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    if host.count(":") <= 1:
        host = host.partition(":")[0]
    return host.rstrip(".")
