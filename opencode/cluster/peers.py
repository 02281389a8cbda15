"""Another server of the cluster, as this one knows it."""

from urllib.parse import urlsplit

import msgspec

TOKEN_HEADER = "X-Opencode-Server"
"""Proves to a server that a request comes from another one: it holds the receiver's token."""


class Peer(msgspec.Struct, frozen=True):
    """`address`: its URL. `token`: what it accepts in TOKEN_HEADER. `started`: Unix ms. `silent`: how long
    it was not heard of, in ms."""

    id: str
    address: str
    token: str
    started: int
    silent: int

    @property
    def host(self) -> str:
        return urlsplit(self.address).hostname or ""
