"""A session as its page shows it: the newest messages, with what is being written right now."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec

from opencode.clock import now_ms
from opencode.errors import NotFound
from opencode.schema.event import (
    MessageUpdated,
    PartUpdated,
    PermissionAsked,
    QuestionAsked,
    SessionStatusChanged,
)
from opencode.schema.message import MessageWithParts
from opencode.schema.session import Session, SessionStatus, StatusIdle
from opencode.session.services import Services
from opencode.store import SessionQuery

PAGE = 30
"""Messages that a page begins with, and that each scroll to the top brings."""

LISTED = 80
"""Sessions in the side bar."""

FOUND = 20
"""Sessions that a search brings at once."""

FOUND_IN_ALL = 1000
"""Sessions after which a search ends: who looks for one that was not among them looks for more words."""

DIGITS = 18
"""A number of fewer is one of 64 bits."""

_PLACES = {"title": "In the title", "words": "In the conversation", "within": "Within longer words"}


class Running(msgspec.Struct):
    """How a session's turn stands. `message` is the one that is being written, with text not yet stored."""

    status: SessionStatus = msgspec.field(default_factory=StatusIdle)
    message: MessageWithParts | None = None


def running(services: Services, session_id: str) -> Running:
    found = Running()
    for event in services.snapshot.present(session_id):
        if isinstance(event, SessionStatusChanged):
            found.status = event.status
        elif isinstance(event, MessageUpdated):
            found.message = MessageWithParts(info=event.info)
        elif isinstance(event, PartUpdated) and found.message is not None:
            found.message.parts.append(event.part)
    return found


async def messages(
    services: Services, session_id: str, before: str | None = None
) -> tuple[list[MessageWithParts], bool]:
    """Return one page of messages, the newest or those before an id, and whether there are older ones."""
    found = await services.sessions.messages(session_id, PAGE + 1, before)
    more = len(found) > PAGE
    found = found[more:]
    live = running(services, session_id).message
    if live is not None and before is None:
        found = [live if each.info.id == live.info.id else each for each in found]
        if all(each.info.id != live.info.id for each in found):
            found.append(live)
    return found, more


async def asks(services: Services, session_id: str) -> list[PermissionAsked | QuestionAsked]:
    """Return what waits for the reader's answer, in the session and in those that carry out its tasks."""
    return [
        asked
        for asked in services.pending_requests.of(None)
        if session_id == asked.session_id or session_id in await above(services, asked.session_id)
    ]


async def above(services: Services, session_id: str) -> list[str]:
    """Return the ids of the sessions that a session carries out a task for, the nearest first."""
    found: list[str] = []
    with suppress(NotFound):
        while (parent := (await services.sessions.get(session_id)).parent_id) and parent not in found:
            found.append(parent)
            session_id = parent
    return found


class Listing(msgspec.Struct, frozen=True):
    """Sessions in groups. `next`: where the next page begins, "" where there is none."""

    groups: list[tuple[str, list[Session]]]
    next: str = ""


async def listing(services: Services, after: str = "") -> Listing:
    """Return the sessions as the side bar lists them: pinned ones, then day by day, the newest first.

    `after`: those older than a listing's end.
    """
    sessions = services.sessions
    found = await sessions.find(SessionQuery(limit=LISTED, roots=True, after=_place(after)))
    pinned = [] if after else await sessions.find(SessionQuery(roots=True, pinned=True))
    days: dict[str, list[Session]] = {"Pinned": _kept(pinned)} if _kept(pinned) else {}
    for session in _kept(found):
        if not is_pinned(session):
            days.setdefault(_day(session.time.updated), []).append(session)
    older = f"{found[-1].time.updated}-{found[-1].id}" if len(found) == LISTED else ""
    return Listing(list(days.items()), older)


async def matches(services: Services, words: str, after: str = "") -> Listing:
    """Return the sessions that have `words`, by where they have them. `after`: those after a listing's end.

    A group that goes on from there has no name again.
    """
    before, _, place = after.partition("-")
    skip = _number(before) or 0
    if skip >= FOUND_IN_ALL:
        return Listing([])
    found = await services.sessions.search(words, FOUND, skip)
    groups: dict[str, list[Session]] = {}
    for match in found.matches:
        if not match.session.time.archived:
            groups.setdefault("" if match.place == place else _PLACES[match.place], []).append(match.session)
    end = f"{skip + len(found.matches)}-{found.matches[-1].place}" if found.more else ""
    return Listing(list(groups.items()), end)


def is_pinned(session: Session) -> bool:
    return bool(session.metadata and session.metadata.get("pinned"))


def _kept(sessions: list[Session]) -> list[Session]:
    return [session for session in sessions if not session.time.archived]


def _place(after: str) -> tuple[int, str] | None:
    """Return a listing's end as the store wants it."""
    updated, _, session_id = after.partition("-")
    milliseconds = _number(updated)
    return (milliseconds, session_id) if milliseconds is not None and session_id else None


def _number(digits: str) -> int | None:
    """Return a number that a page's link had; None for anything else, and for more than a database holds."""
    return int(digits) if digits.isdecimal() and len(digits) < DIGITS else None


def busy(services: Services) -> Sequence[str]:
    """Return the ids of the sessions that are at work."""
    return list(services.turns.statuses())


def _day(milliseconds: int) -> str:
    day = datetime.fromtimestamp(milliseconds / 1_000, UTC).date()
    today = datetime.fromtimestamp(now_ms() / 1_000, UTC).date()
    if day == today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    return day.strftime("%A") if today - day < timedelta(days=7) else day.strftime("%B %Y")
