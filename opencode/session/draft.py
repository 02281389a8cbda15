"""An uncommitted change of a session: a copy of the session, the rows to write and the events to publish."""

from msgspec import structs

from opencode.clock import now_ms
from opencode.schema.event import EventProperties
from opencode.schema.part import Tokens
from opencode.schema.session import Session
from opencode.store import Unit


class Draft:
    """What `Sessions.edit` yields: change `session`, put rows into `unit`, publish events.

    Everything takes effect when the block ends, or nothing does. `session` is a shallow copy: replace its
    nested values, do not change them (except `time`, which is copied too).
    """

    def __init__(self, session: Session, unit: Unit) -> None:
        self.session = structs.replace(session, time=structs.replace(session.time))
        self.unit = unit
        self.events: list[EventProperties] = []
        self.later_events: list[EventProperties] = []

    def publish(self, *events: EventProperties) -> None:
        """Publish events after the commit, in this order, before the session's own event."""
        self.events += events

    def publish_later(self, *events: EventProperties) -> None:
        """Publish events after the commit and after the session's own event."""
        self.later_events += events

    def charge(self, cost: float, tokens: Tokens, times: int = 1) -> None:
        """Add a step's cost (USD) and tokens to the session's totals, or subtract them (`times` -1)."""
        self.session.cost = max(0.0, self.session.cost + times * cost)
        self.session.tokens = self.session.tokens.plus(tokens, times)

    def finish(self) -> None:
        """Put the session's row into the unit, with `time.updated` set to now."""
        self.session.time.updated = max(now_ms(), self.session.time.updated)
        self.unit.put_session(self.session)
