"""What the page shows of sessions: messages with the text still being written, lists, search results."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Literal

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
from opencode.session.reverted import is_reverted, without_reverted
from opencode.session.services import Services
from opencode.store import SessionQuery

from . import names
from .excerpt import Hit, hit

PAGE = 30
"""Messages on a page at first, and loaded with each scroll to the top."""

FOLLOWING = 10
"""Messages behind the one that a search has found."""

LISTED = 80
"""Sessions on one page of the side bar."""

SCANNED = 2_000
"""Sessions that are read at most for one page of the side bar."""

SEARCH_PAGE = 20
"""Search results on one page."""

SEARCH_MOST = 1000
"""Search results in all; more words narrow a search that has more."""

DIGITS = 18
"""Decimal digits that always fit a signed 64-bit integer."""

State = Literal["busy", "waiting"]
"""What a session does: its turn runs, or waits for the user's reply."""

_PLACES = {"title": "In titles", "words": "In messages", "within": "In parts of words"}


class Running(msgspec.Struct):
    """The state of a session's turn. `message`: the one being written, with text that is not stored yet."""

    status: SessionStatus = msgspec.field(default_factory=StatusIdle)
    message: MessageWithParts | None = None


def running(services: Services, session_id: str) -> Running:
    """Return the present state of a session's turn."""
    turn = Running()
    for event in services.snapshot.present(session_id):
        if isinstance(event, SessionStatusChanged):
            turn.status = event.status
        elif isinstance(event, MessageUpdated):
            turn.message = MessageWithParts(info=event.info)
        elif isinstance(event, PartUpdated) and turn.message is not None:
            turn.message.parts.append(event.part)
    return turn


async def messages(
    services: Services, session: Session, before: str | None = None
) -> tuple[list[MessageWithParts], bool]:
    """Return one page of messages, the newest or those before an id, and whether there are older ones.

    Reverted messages are left out, and so is the content of files, which have addresses of their own.
    """
    revert = session.revert
    if revert and (before is None or before > revert.message_id):
        page = await services.sessions.messages(session.id, PAGE + 1, revert.message_id, outlines=True)
        if revert.part_id:
            with suppress(NotFound):  # it may have been removed since
                page.append(await services.sessions.message(session.id, revert.message_id, outlines=True))
        page = without_reverted(session, page)
    else:
        page = await services.sessions.messages(session.id, PAGE + 1, before, outlines=True)
    more = len(page) > PAGE
    page = page[-PAGE:]
    live = running(services, session.id).message
    if live is not None and before is None:
        page = [live if message.info.id == live.info.id else message for message in page]
        if all(message.info.id != live.info.id for message in page):
            page.append(live)
    return page, more


async def bound_around(services: Services, session_id: str, message_id: str) -> str | None:
    """Return the id before which the page of messages around one ends; None if it is the newest page."""
    following = await services.store.message_ids(session_id, message_id, FOLLOWING + 2)
    return following[-1] if following[:1] == [message_id] and len(following) == FOLLOWING + 2 else None


async def messages_after(
    services: Services, session: Session, message_id: str
) -> tuple[list[MessageWithParts], bool]:
    """Return the page of messages behind an id, and whether there are newer ones."""
    following = await services.store.message_ids(session.id, message_id, PAGE + 2)
    bound = following[-1] if len(following) == PAGE + 2 else None
    page, _ = await messages(services, session, bound)
    return [message for message in page if message.info.id > message_id], bound is not None


async def pending_requests(services: Services, session_id: str) -> list[PermissionAsked | QuestionAsked]:
    """Return the permission requests and questions that wait for a reply in a session and its sub-tasks."""
    return [
        request
        for request in services.pending_requests.of(None)
        if session_id == request.session_id or session_id in await ancestors(services, request.session_id)
    ]


async def ancestors(services: Services, session_id: str) -> list[str]:
    """Return the ids of a session's parent, its parent's parent and so on."""
    parents: list[str] = []
    with suppress(NotFound):
        while (parent := (await services.sessions.get(session_id)).parent_id) and parent not in parents:
            parents.append(parent)
            session_id = parent
    return parents


class Listing(msgspec.Struct, frozen=True):
    """Sessions in named groups. `next`: the cursor of the next page, "" on the last one.

    `hits`: where sessions have the words that were searched, by their ids.
    """

    groups: list[tuple[str, list[Session]]]
    next: str = ""
    hits: dict[str, Hit] = {}


async def listing(services: Services, after: str = "", most: int = LISTED) -> Listing:
    """Return one page of the side bar: pinned sessions, then the others by day, the newest first.

    `after`: the cursor of an earlier page; pinned sessions are on the first page only. `most`: its sessions.
    """
    page, cursor = await _page(services, after, most, is_archived=False)
    pinned = [] if after else await services.sessions.find(SessionQuery(roots=True, pinned=True))
    pinned = [session for session in pinned if not session.time.archived]
    groups: dict[str, list[Session]] = {"Pinned": pinned} if pinned else {}
    for session in page:
        if not names.is_pinned(session):
            groups.setdefault(_day(session.time.updated), []).append(session)
    await names.learn(services, [*pinned, *page])
    return Listing(list(groups.items()), cursor)


async def archived(services: Services, after: str = "") -> Listing:
    """Return one page of the archived sessions, the last changed first."""
    page, cursor = await _page(services, after, LISTED, is_archived=True)
    await names.learn(services, page)
    return Listing([("Archived", page)] if page else [], cursor)


async def _page(services: Services, after: str, most: int, *, is_archived: bool) -> tuple[list[Session], str]:
    """Return one page of root sessions that are archived, or of those that are not, and the next cursor.

    It has fewer than `most` where many sessions in a row are of the other kind.
    """
    page: list[Session] = []
    cursor, read = _parse_cursor(after), 0
    while read < SCANNED:
        batch = await services.sessions.find(SessionQuery(limit=most, roots=True, after=cursor))
        for session in batch:
            cursor = session.time.updated, session.id
            if bool(session.time.archived) == is_archived:
                page.append(session)
            if len(page) == most:
                return page, f"{cursor[0]}-{cursor[1]}"
        if len(batch) < most:
            return page, ""
        read += len(batch)
    assert cursor is not None
    return page, f"{cursor[0]}-{cursor[1]}"


def first(listed: Listing, most: int) -> Listing:
    """Return the first sessions of a listing, and no cursor."""
    groups = []
    for name, sessions in listed.groups:
        if taken := sessions[:most]:
            groups.append((name, taken))
        most -= len(taken)
    return Listing(groups, hits=listed.hits)


async def matches(services: Services, words: str, after: str = "") -> Listing:
    """Return one page of the sessions that contain `words`, grouped by where. `after`: the cursor before it.

    A group that continues from the earlier page has the name "".
    """
    before, _, place = after.partition("-")
    skip = _number(before) or 0
    if skip >= SEARCH_MOST:
        return Listing([])
    result = await services.sessions.search(words, SEARCH_PAGE, skip)
    groups: dict[str, list[Session]] = {}
    hits: dict[str, Hit] = {}
    for match in result.matches:
        session = match.session
        groups.setdefault("" if match.place == place else _PLACES[match.place], []).append(session)
        found = None if match.place == "title" else await services.store.find_text(session.id, words)
        if found is not None and not is_reverted(session, found[0], ""):
            hits[session.id] = hit(*found, words)
    await names.learn(services, [match.session for match in result.matches])
    cursor = f"{skip + len(result.matches)}-{result.matches[-1].place}" if result.more else ""
    return Listing(list(groups.items()), cursor, hits)


def _parse_cursor(cursor: str) -> tuple[int, str] | None:
    """Return the time and session id in a listing's cursor, None if it is not one."""
    updated, _, session_id = cursor.partition("-")
    milliseconds = _number(updated)
    return (milliseconds, session_id) if milliseconds is not None and session_id else None


def _number(digits: str) -> int | None:
    """Return a number from a link; None for anything else and for numbers too large for the database."""
    return int(digits) if digits.isdecimal() and len(digits) < DIGITS else None


async def states(services: Services) -> Mapping[str, State]:
    """Return what sessions do: run, or wait for the user's reply, themselves or in a sub-task."""
    found: dict[str, State] = dict.fromkeys(services.turns.statuses(), "busy")
    for request in services.pending_requests.of(None):
        for session_id in (request.session_id, *await ancestors(services, request.session_id)):
            found[session_id] = "waiting"
    return found


def _day(milliseconds: int) -> str:
    day = datetime.fromtimestamp(milliseconds / 1_000, UTC).date()
    today = datetime.fromtimestamp(now_ms() / 1_000, UTC).date()
    if day == today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    return day.strftime("%A") if today - day < timedelta(days=7) else day.strftime("%B %Y")
