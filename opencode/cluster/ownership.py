"""Which server a session belongs to: only that one changes it, runs its turns and keeps it in memory."""

from typing import Protocol

from .peers import Peer


class Ownership(Protocol):
    """Asked before a session is used."""

    def owns(self, session_id: str) -> bool:
        """Return whether a session is known to be this server's."""

    async def claim(self, session_id: str) -> Peer | None:
        """Make a stored session this server's, unless it belongs to another, which is returned.

        Nothing is done for a session that is not stored. Raises Unavailable.
        """

    async def claim_new(self, session_id: str, parent_id: str | None) -> Peer | None:
        """Make a session this server's that is about to be stored; as `claim`."""


class Alone:
    """The only server of its database: every session is its own."""

    def owns(self, session_id: str) -> bool:
        return True

    async def claim(self, session_id: str) -> Peer | None:
        return None

    async def claim_new(self, session_id: str, parent_id: str | None) -> Peer | None:
        return None


ALONE = Alone()
