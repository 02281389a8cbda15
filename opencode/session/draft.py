"""A change of a session before it is committed: a copy of the session, rows, and the events that follow."""

from msgspec import structs

from opencode.clock import now_ms
from opencode.schema.event import EventProperties
from opencode.schema.part import Tokens
from opencode.schema.session import Session
from opencode.store import Unit


class Draft:
    """What `Sessions.edit` yields: change `session`, put rows into `unit`, publish events.

    All of it happens when the block ends, or nothing.

    `session` is a copy; its nested values are replaced, not changed (`time` is a copy too).
    """

    def __init__(self, session: Session, unit: Unit) -> None:
        self.session = structs.replace(session, time=structs.replace(session.time))
        self.unit = unit
        self.events: list[EventProperties] = []
        self.later_events: list[EventProperties] = []

    def publish(self, *events: EventProperties) -> None:
        """Publish events once the change is on disk, in this order, before the session's own."""
        self.events += events

    def publish_later(self, *events: EventProperties) -> None:
        """Publish events after the session's own."""
        self.later_events += events

    def charge(self, cost: float, tokens: Tokens, times: int = 1) -> None:
        """Add what a step cost (USD, tokens) to the session's sums, or take it off again (`times` -1)."""
        self.session.cost = max(0.0, self.session.cost + times * cost)
        self.session.tokens = self.session.tokens.plus(tokens, times)

    def finish(self) -> None:
        """Put the session's row into the unit; it has changed just now."""
        self.session.time.updated = max(now_ms(), self.session.time.updated)
        self.unit.put_session(self.session)
