"""Changes to existing messages: fork, revert, unrevert, remove and update.

A session's cost and tokens are the totals of its steps, so they change with its messages.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from msgspec import UNSET, structs

from opencode import ids
from opencode.agent.recovery import closed
from opencode.clock import now_ms
from opencode.config import Limits
from opencode.errors import BadRequest, NotFound, TurnAborted
from opencode.schema.event import MessageRemoved, PartRemoved, PartUpdated
from opencode.schema.message import AssistantMessage, MessageWithParts
from opencode.schema.part import CompactionPart, Part, StepFinishPart, TextPart, Tokens, ToolPart
from opencode.schema.session import Session, SessionRevert, SessionTime
from opencode.store import Store, Unit
from opencode.tasks import hold

from .draft import Draft
from .file_history import FileHistory
from .reverted import without_reverted
from .sessions import Sessions
from .slug import make_slug
from .turns import Turns
from .validation import check_parts

COPIED = TurnAborted("This answer was still being written when the conversation was copied.")

_FORK = re.compile(r"(?P<title>.*) \(fork #(?P<number>\d+)\)")


class History:
    """Changes existing messages. Everything except a fork raises Conflict while a turn is running."""

    def __init__(
        self, store: Store, sessions: Sessions, turns: Turns, files: FileHistory, limits: Limits
    ) -> None:
        self._store = store
        self._files = files
        self._sessions = sessions
        self._turns = turns
        self._limits = limits

    async def fork(self, session_id: str, before: str | None) -> Session:
        """Copy a session with all messages, or with those before the message `before`; raises NotFound.

        Without `before`, reverted messages are left out. An unfinished answer is copied with its content so
        far and ends with an error.
        """
        async with self._sessions.locked(session_id) as live:
            messages = await self._store.messages(session_id, before=before)
            if before is not None:
                await self._message(session_id, before)
            else:
                messages = without_reverted(live.info, messages)
            todos = await self._store.todos(session_id)
            unit = self._store.unit()
            fork = _forked(live.info)
            copies = _copies(messages, fork.id)
            for message in copies:
                unit.put_message(message.info)
                for part in message.parts:
                    unit.put_part(part)
                _count(fork, message.parts)
            unit.put_session(fork)
            unit.put_todos(fork.id, todos)
            await hold(self._commit_fork(fork, unit, copies[-1].info.id if copies else ""))
        return fork

    async def revert(self, session_id: str, message_id: str, part_id: str | None = None) -> Session:
        """Hide a prompt and everything after it, or an answer from one of its parts on; take files back.

        For an answer without a part, its prompt is meant. The next prompt removes the reverted messages for
        good; until then `unrevert` restores them. Raises NotFound and Conflict.
        """
        async with self._edit_at_rest(session_id) as draft:
            await self.revert_draft(draft, message_id, part_id)
        return draft.session

    async def revert_draft(self, draft: Draft, message_id: str, part_id: str | None = None) -> None:
        """Revert a conversation as part of a larger change; raises NotFound and Conflict."""
        self._turns.check_at_rest(draft.session.id)
        message = await self._message(draft.session.id, message_id)
        revert = SessionRevert(message_id=message_id)
        if part_id is not None and _has_content(_parts_before(message, part_id)):
            revert.part_id = part_id
        elif isinstance(message.info, AssistantMessage):
            revert.message_id = message.info.parent_id
        await self._files.revert(draft, revert)
        draft.session.revert = revert

    async def unrevert(self, session_id: str) -> Session:
        """Restore the reverted messages; raises NotFound and Conflict."""
        async with self._edit_at_rest(session_id) as draft:
            if draft.session.revert:
                await self._files.unrevert(draft)
            draft.session.revert = UNSET
        return draft.session

    async def settle_revert(self, draft: Draft) -> None:
        """Remove the reverted messages and parts for good."""
        revert, draft.session.revert = draft.session.revert, UNSET
        if not revert:
            return
        await self._files.forget_reverted(draft, revert)
        for message in await self._store.messages(draft.session.id):
            if message.info.id > revert.message_id or (
                message.info.id == revert.message_id and not revert.part_id
            ):
                _remove_message(draft, message)
            elif message.info.id == revert.message_id:
                for part in message.parts:
                    if part.id >= (revert.part_id or ""):
                        _remove_part(draft, part)

    def take_out(self, draft: Draft, message: MessageWithParts, keep: bool = False) -> None:
        """Remove a message as part of a larger change, also while a turn runs that knows nothing of it.

        `keep`: its parts alone, since it gets others.
        """
        if not keep:
            _remove_message(draft, message)
        for part in message.parts if keep else ():
            _remove_part(draft, part)

    async def remove_message(self, session_id: str, message_id: str) -> None:
        """Remove a message; raises NotFound and Conflict."""
        async with self._edit_at_rest(session_id) as draft:
            _remove_message(draft, await self._message(session_id, message_id))
            await self._files.forget(draft.unit, draft.session, message_id)

    async def remove_part(self, session_id: str, message_id: str, part_id: str) -> None:
        """Remove a part of a message; raises NotFound and Conflict."""
        async with self._edit_at_rest(session_id) as draft:
            _remove_part(draft, _part(await self._message(session_id, message_id), part_id))
            await self._files.forget(draft.unit, draft.session, message_id, part_id)

    async def update_part(self, session_id: str, message_id: str, part: Part) -> Part:
        """Replace a part of a message with one that has the same ids and type.

        Raises NotFound, Conflict, BadRequest, and BodyTooLarge if the message exceeds the limits of a prompt.
        """
        async with self._edit_at_rest(session_id) as draft:
            message = await self._message(session_id, message_id)
            old = _part(message, part.id)
            if (part.session_id, part.message_id) != (session_id, message_id) or type(part) is not type(old):
                raise BadRequest("The part must keep its type, sessionID and messageID.")
            parts = [part if other is old else other for other in message.parts]
            check_parts(message.info, parts, self._limits, "part")
            draft.unit.put_part(part)
            _count(draft.session, [old], -1)
            _count(draft.session, [part])
            draft.publish(PartUpdated(session_id=session_id, part=part, time=now_ms()))
        return part

    @asynccontextmanager
    async def _edit_at_rest(self, session_id: str) -> AsyncIterator[Draft]:
        async with self._sessions.edit(session_id) as draft:
            self._turns.check_at_rest(session_id)
            yield draft

    async def _message(self, session_id: str, message_id: str) -> MessageWithParts:
        message = await self._store.message(session_id, message_id)
        if message is None:
            raise NotFound(f"Message not found: {message_id}")
        return message

    async def _commit_fork(self, fork: Session, unit: Unit, newest: str) -> None:
        await self._sessions.claim(fork)
        await unit.commit()
        self._sessions.add(fork, newest)


def _count(session: Session, parts: Sequence[Part], times: int = 1) -> None:
    """Add the cost and tokens of the steps that end in `parts` to a session, or subtract them (-1)."""
    for part in parts:
        if isinstance(part, StepFinishPart):
            session.cost = max(0.0, session.cost + times * part.cost)
            session.tokens = session.tokens.plus(part.tokens, times)


def _forked(origin: Session) -> Session:
    """Return a copy of a session with a new id and title, and without cost, parent, share and revert."""
    now = now_ms()
    return structs.replace(
        origin,
        id=ids.descending("ses"),
        slug=make_slug(),
        title=_fork_title(origin.title),
        time=SessionTime(created=now, updated=now),
        cost=0,
        tokens=Tokens(),
        parent_id=UNSET,
        share=UNSET,
        summary=UNSET,
        revert=UNSET,
    )


def _copies(messages: Sequence[MessageWithParts], session_id: str) -> list[MessageWithParts]:
    """Return copies of messages for another session, with new ids; unfinished answers are closed."""
    new_ids: dict[str, str] = {}
    copies = []
    for message in messages:
        new_ids[message.info.id] = ids.ascending("msg")
        ended = closed(message, COPIED, "the conversation was copied.")
        copies.append(_copy(ended, session_id, new_ids))
    return copies


def _copy(message: MessageWithParts, session_id: str, new_ids: dict[str, str]) -> MessageWithParts:
    info = structs.replace(message.info, id=new_ids[message.info.id], session_id=session_id)
    if isinstance(info, AssistantMessage):
        info.parent_id = new_ids.get(info.parent_id, info.parent_id)
    parts = []
    for part in message.parts:
        copy = structs.replace(part, id=ids.ascending("prt"), session_id=session_id, message_id=info.id)
        if isinstance(copy, CompactionPart) and copy.tail_start_id:
            copy.tail_start_id = new_ids.get(copy.tail_start_id, UNSET)
        parts.append(copy)
    return MessageWithParts(info=info, parts=parts)


def _remove_message(draft: Draft, message: MessageWithParts) -> None:
    info = message.info
    for part in message.parts:
        draft.unit.remove_part(info.session_id, part.id)
    draft.unit.remove_message(info.session_id, info.id)
    _count(draft.session, message.parts, -1)
    draft.publish(MessageRemoved(session_id=info.session_id, message_id=info.id))


def _remove_part(draft: Draft, part: Part) -> None:
    draft.unit.remove_part(part.session_id, part.id)
    _count(draft.session, [part], -1)
    draft.publish(PartRemoved(session_id=part.session_id, message_id=part.message_id, part_id=part.id))


def _fork_title(title: str) -> str:
    match = _FORK.fullmatch(title)
    return f"{match['title']} (fork #{int(match['number']) + 1})" if match else f"{title} (fork #1)"


def _part(message: MessageWithParts, part_id: str) -> Part:
    part = next((part for part in message.parts if part.id == part_id), None)
    if part is None:
        raise NotFound(f"Part not found: {part_id}")
    return part


def _parts_before(message: MessageWithParts, part_id: str) -> list[Part]:
    """Return the parts of a message before the part `part_id`; raises NotFound."""
    end = _part(message, part_id)
    return [part for part in message.parts if part.id < end.id]


def _has_content(parts: list[Part]) -> bool:
    return any(isinstance(part, TextPart | ToolPart) for part in parts)
