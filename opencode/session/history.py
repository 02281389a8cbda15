"""Going back in a conversation: fork it, take its end back or forth again, remove a message or a part.

A session's cost and tokens are those of the steps that it holds: they come and go with their messages.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, structs

from opencode import ids
from opencode.bus import Bus
from opencode.clock import now_ms
from opencode.errors import BadRequest, NotFound, Unavailable
from opencode.schema.event import EventProperties, MessageRemoved, PartRemoved, PartUpdated, SessionCreated
from opencode.schema.message import AssistantMessage, MessageWithParts
from opencode.schema.part import CompactionPart, FilePart, Part, StepFinishPart, TextPart, Tokens, ToolPart
from opencode.schema.session import Session, SessionRevert, SessionTime
from opencode.store import Store, Unit

from .cache import SessionCache
from .prompt import check_url
from .runner import Runner
from .slug import make_slug
from .whole import whole

_FORK = re.compile(r"(?P<title>.*) \(fork #(?P<number>\d+)\)")


class History:
    """What `Sessions` does with messages that are there already. Nothing of it while a turn runs."""

    def __init__(self, store: Store, bus: Bus, cache: SessionCache, runner: Runner) -> None:
        self._store = store
        self._bus = bus
        self._cache = cache
        self._runner = runner
        self.underway: set[asyncio.Task[Any]] = set()

    @whole
    async def fork(self, session_id: str, before: str | None) -> Session:
        """Copy a session with its messages up to, and without, the one named; raises NotFound."""
        origin = await self._cache.get(session_id)
        kept = await self._store.messages(session_id, before=before)
        if before is not None:
            await self._message(session_id, before)
        now = now_ms()
        fork = structs.replace(
            origin,
            id=ids.descending("ses"),
            slug=make_slug(),
            title=_fork_title(origin.title),
            time=SessionTime(created=now, updated=now),
            cost=0,
            tokens=Tokens(),
            parent_id=UNSET,
            share=UNSET,
            revert=UNSET,
        )
        _count(fork, [part for message in kept for part in message.parts])
        unit = self._store.unit()
        unit.put_session(fork)
        new_ids: dict[str, str] = {}
        for message in kept:
            new_ids[message.info.id] = ids.ascending("msg")
            _copy(unit, message, fork.id, new_ids)
        unit.put_todos(fork.id, await self._store.todos(session_id))
        await unit.commit()
        self._cache.add(fork)
        self._bus.publish(SessionCreated(session_id=fork.id, info=fork))
        return fork

    @whole
    async def revert(self, session_id: str, message_id: str, part_id: str | None = None) -> Session:
        """Take a conversation back to before a prompt, an answer's prompt, or a part of an answer.

        What is taken back stays until the next prompt; `unrevert` brings it forth again. Raises NotFound.
        """
        session = await self._at_rest(session_id)
        message = await self._message(session_id, message_id)
        session.revert = SessionRevert(message_id=message_id)
        if part_id is not None and _says_something(_parts_before(message, part_id)):
            session.revert.part_id = part_id
        elif isinstance(message.info, AssistantMessage):
            session.revert.message_id = message.info.parent_id
        return await self._changed(session)

    @whole
    async def unrevert(self, session_id: str) -> Session:
        """Bring forth again what was taken back; raises NotFound."""
        session = await self._at_rest(session_id)
        session.revert = UNSET
        return await self._changed(session)

    async def settle(self, session: Session, unit: Unit) -> list[EventProperties]:
        """Have a unit remove for good what was taken back; returns the events to tell once it is written."""
        if not session.revert:
            return []
        events: list[EventProperties] = []
        messages = await self._store.messages(session.id)
        revert, session.revert = session.revert, UNSET
        for message in messages:
            if message.info.id > revert.message_id or (
                message.info.id == revert.message_id and not revert.part_id
            ):
                events.append(_remove(unit, message))
                _count(session, message.parts, -1)
            elif message.info.id == revert.message_id:
                gone = [part for part in message.parts if part.id >= (revert.part_id or "")]
                events += [_remove_part(unit, part) for part in gone]
                _count(session, gone, -1)
        return events

    @whole
    async def remove_message(self, session_id: str, message_id: str) -> None:
        """Remove a message; raises NotFound."""
        session = await self._at_rest(session_id)
        message = await self._message(session_id, message_id)
        unit = self._store.unit()
        event = _remove(unit, message)
        await self._take_out(session, message.parts, unit, event)

    @whole
    async def remove_part(self, session_id: str, message_id: str, part_id: str) -> None:
        """Remove a part of a message; raises NotFound."""
        session = await self._at_rest(session_id)
        part = _part(await self._message(session_id, message_id), part_id)
        unit = self._store.unit()
        event = _remove_part(unit, part)
        await self._take_out(session, [part], unit, event)

    @whole
    async def update_part(self, session_id: str, message_id: str, part: Part) -> Part:
        """Replace a part of a message by one with the same ids; raises NotFound and BadRequest."""
        await self._at_rest(session_id)
        old = _part(await self._message(session_id, message_id), part.id)
        if (part.session_id, part.message_id) != (session_id, message_id) or type(part) is not type(old):
            raise BadRequest("The part must keep its type, sessionID and messageID.")
        if isinstance(part, FilePart):
            check_url(part.url, part.filename or "the file")
        unit = self._store.unit()
        unit.put_part(part)
        await unit.commit()
        self._bus.publish(PartUpdated(session_id=session_id, part=part, time=now_ms()))
        return part

    async def _take_out(
        self, session: Session, parts: Sequence[Part], unit: Unit, event: EventProperties
    ) -> None:
        """Write a unit that removes `parts`, and tell it; raises Unavailable, nothing changed."""
        before = session.cost, session.tokens
        _count(session, parts, -1)
        self._cache.write(session)
        try:
            await unit.commit()
        except Unavailable:
            session.cost, session.tokens = before
            self._cache.write(session)
            raise
        self._bus.publish(event)
        self._cache.tell(session)

    async def _at_rest(self, session_id: str) -> Session:
        session = await self._cache.get(session_id)
        self._runner.check_at_rest(session_id)
        return session

    async def _message(self, session_id: str, message_id: str) -> MessageWithParts:
        message = await self._store.message(session_id, message_id)
        if message is None:
            raise NotFound(f"Message not found: {message_id}")
        return message

    async def _changed(self, session: Session) -> Session:
        self._cache.write(session)
        await self._store.commit()
        self._cache.tell(session)
        return session


def _count(session: Session, parts: Sequence[Part], times: int = 1) -> None:
    """Add what the steps that ended with `parts` cost to a session's sums, or take it off again (-1)."""
    for part in parts:
        if isinstance(part, StepFinishPart):
            session.cost = max(0.0, session.cost + times * part.cost)
            session.tokens = session.tokens.plus(part.tokens, times)


def _copy(unit: Unit, message: MessageWithParts, session_id: str, new_ids: dict[str, str]) -> None:
    info = structs.replace(message.info, id=new_ids[message.info.id], session_id=session_id)
    if isinstance(info, AssistantMessage):
        info.parent_id = new_ids.get(info.parent_id, info.parent_id)
    unit.put_message(info)
    for part in message.parts:
        copy = structs.replace(part, id=ids.ascending("prt"), session_id=session_id, message_id=info.id)
        if isinstance(copy, CompactionPart) and copy.tail_start_id:
            copy.tail_start_id = new_ids.get(copy.tail_start_id, UNSET)
        unit.put_part(copy)


def _remove(unit: Unit, message: MessageWithParts) -> MessageRemoved:
    info = message.info
    for part in message.parts:
        unit.remove_part(info.session_id, part.id)
    unit.remove_message(info.session_id, info.id)
    return MessageRemoved(session_id=info.session_id, message_id=info.id)


def _remove_part(unit: Unit, part: Part) -> PartRemoved:
    unit.remove_part(part.session_id, part.id)
    return PartRemoved(session_id=part.session_id, message_id=part.message_id, part_id=part.id)


def _fork_title(title: str) -> str:
    match = _FORK.fullmatch(title)
    return f"{match['title']} (fork #{int(match['number']) + 1})" if match else f"{title} (fork #1)"


def _part(message: MessageWithParts, part_id: str) -> Part:
    found = next((part for part in message.parts if part.id == part_id), None)
    if found is None:
        raise NotFound(f"Part not found: {part_id}")
    return found


def _parts_before(message: MessageWithParts, part_id: str) -> list[Part]:
    return [part for part in message.parts if part.id < _part(message, part_id).id]


def _says_something(parts: list[Part]) -> bool:
    return any(isinstance(part, TextPart | ToolPart) for part in parts)
