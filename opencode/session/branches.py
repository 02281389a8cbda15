"""Branches: the other ends of a conversation, which edited and repeated prompts left.

A branch is a child session whose metadata has `{"branch": {"after": id, "first": id}}`. Its messages once
followed the message `after` of its parent ("" for the beginning); `first` is the first of them. They keep
their ids, so they go back to their place when the conversation switches to them. Nothing is copied: a message
is in the conversation or in one branch. A branch of a branch is a child of the conversation too.
"""

from collections import defaultdict
from contextlib import AsyncExitStack

import msgspec
from msgspec import structs

from opencode import __version__, ids
from opencode.clock import now_ms
from opencode.errors import Conflict, NotFound
from opencode.schema.base import given
from opencode.schema.event import MessageRemoved, MessageUpdated, PartUpdated
from opencode.schema.message import AssistantMessage, MessageWithParts
from opencode.schema.part import Part, StepFinishPart, TextPart, Tokens, ToolPart, ToolStateCompleted
from opencode.schema.session import Session, SessionTime
from opencode.store import SessionQuery, Store

from .draft import Draft
from .file_history import FileHistory
from .sessions import ALL, Sessions
from .slug import make_slug
from .turns import Turns


class Place(msgspec.Struct, frozen=True):
    """Where a branch belongs, and its first message; see the module."""

    after: str
    first: str


class Point(msgspec.Struct, frozen=True):
    """A prompt that has other versions. `branches`: each version's session id, "" for the present one."""

    prompt_id: str
    branches: tuple[str, ...]

    @property
    def number(self) -> int:
        """The present version, counted from 1."""
        return self.branches.index("") + 1


class Branches:
    """Keeps the ends of conversations that are replaced, and switches to them."""

    def __init__(self, store: Store, files: FileHistory, sessions: Sessions, turns: Turns) -> None:
        self._store = store
        self._files = files
        self._sessions = sessions
        self._turns = turns

    async def keep(self, draft: Draft) -> tuple[Session, str] | None:
        """Move the reverted messages of a draft to a new branch, if any of them has an answer.

        Returns the branch and the id of its last message, to be added when the draft is committed.
        """
        revert = draft.session.revert
        if not revert or revert.part_id:
            return None
        messages = await self._store.messages(draft.session.id)
        end = [message for message in messages if message.info.id >= revert.message_id]
        if not any(map(_is_answer, end)):
            return None
        before = [message.info.id for message in messages if message.info.id < revert.message_id]
        branch = _branch_of(draft.session, Place(before[-1] if before else "", end[0].info.id))
        _move(draft, end, draft.session, branch)
        await self._files.forget_reverted(draft, revert)
        draft.session.revert = msgspec.UNSET
        draft.unit.put_session(branch)
        _publish_removed(draft, end)
        return branch, end[-1].info.id

    async def switch(self, session_id: str, branch_id: str) -> None:
        """Exchange the end of a conversation with a branch; raises NotFound and Conflict.

        Only the conversation is exchanged: the files of the workspace stay as they are.
        """
        live = await self._sessions.open(branch_id)
        async with AsyncExitStack() as until_committed:
            async with self._sessions.edit(session_id) as draft:
                self._turns.check_at_rest(session_id)
                await until_committed.enter_async_context(live.lock)
                live.check()
                place = place_of(live.info)
                if place is None or live.info.parent_id != session_id:
                    raise NotFound(f"Branch not found: {branch_id}")
                if draft.session.revert:
                    raise Conflict("Later messages were undone: restore them, or send a message, first.")
                messages = await self._store.messages(session_id)
                if place.after and all(message.info.id != place.after for message in messages):
                    raise Conflict("This branch belongs to a message that is not shown now.")
                end = [message for message in messages if message.info.id > place.after]
                other_end = await self._store.messages(branch_id)
                branch = structs.replace(live.info, time=structs.replace(live.info.time))
                _move(draft, end, draft.session, branch)
                _move(draft, other_end, branch, draft.session)
                branch.metadata = {
                    **given(branch.metadata, {}),
                    **_metadata(Place(place.after, end[0].info.id if end else "")),
                }
                draft.unit.put_session(branch)
                _publish_removed(draft, end)
                _publish_restored(draft, other_end)
            live.info = branch

    async def points(self, session_id: str) -> dict[str, Point]:
        """Return the prompts of a conversation that have other versions, by their ids."""
        groups: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for child in await self._sessions.find(SessionQuery(parent_id=session_id, limit=ALL)):
            if (place := place_of(child)) is not None and place.first:
                groups[place.after].append((place.first, child.id))
        points = {}
        for after, versions in groups.items():
            following = await self._store.message_ids(session_id, after, 2)
            if after and following[:1] != [after]:
                continue  # it is in a branch itself
            for prompt_id in following[1:] if after else following[:1]:
                ordered = sorted([*versions, (prompt_id, "")])
                points[prompt_id] = Point(prompt_id, tuple(branch_id for _, branch_id in ordered))
        return points


def place_of(session: Session) -> Place | None:
    """Return where a branch belongs; None if the session is no branch."""
    try:
        return msgspec.convert(given(session.metadata, {}).get("branch"), Place)
    except msgspec.ValidationError:
        return None


def _metadata(place: Place) -> dict[str, object]:
    return {"branch": structs.asdict(place)}


def _branch_of(origin: Session, place: Place) -> Session:
    now = now_ms()
    return Session(
        id=ids.descending("ses"),
        slug=make_slug(),
        project_id=origin.project_id,
        directory=origin.directory,
        path=origin.path,
        title=origin.title,
        version=__version__,
        time=SessionTime(created=now, updated=now),
        cost=0,
        tokens=Tokens(),
        parent_id=origin.id,
        agent=origin.agent,
        model=origin.model,
        metadata=_metadata(place),
    )


def _is_answer(message: MessageWithParts) -> bool:
    return isinstance(message.info, AssistantMessage) and any(
        isinstance(part, TextPart | ToolPart) for part in message.parts
    )


def _move(draft: Draft, messages: list[MessageWithParts], source: Session, target: Session) -> None:
    """Move messages, and what they cost, from one session to another."""
    unit = draft.unit
    for message in messages:
        unit.remove_message(source.id, message.info.id)
        unit.put_message(structs.replace(message.info, session_id=target.id))
        for part in message.parts:
            unit.remove_part(source.id, part.id)
            unit.put_part(_moved(part, target.id))
            if isinstance(part, StepFinishPart):
                source.cost = max(0.0, source.cost - part.cost)
                source.tokens = source.tokens.plus(part.tokens, -1)
                target.cost += part.cost
                target.tokens = target.tokens.plus(part.tokens, 1)


def _moved(part: Part, session_id: str) -> Part:
    moved = structs.replace(part, session_id=session_id)
    if (
        isinstance(moved, ToolPart)
        and isinstance(moved.state, ToolStateCompleted)
        and moved.state.attachments
    ):
        files = [structs.replace(file, session_id=session_id) for file in moved.state.attachments]
        moved.state = structs.replace(moved.state, attachments=files)
    return moved


def _publish_removed(draft: Draft, messages: list[MessageWithParts]) -> None:
    for message in messages:
        draft.publish(MessageRemoved(session_id=draft.session.id, message_id=message.info.id))


def _publish_restored(draft: Draft, messages: list[MessageWithParts]) -> None:
    session_id, now = draft.session.id, now_ms()
    for message in messages:
        info = structs.replace(message.info, session_id=session_id)
        draft.publish_later(MessageUpdated(session_id=session_id, info=info))
        draft.publish_later(
            *(
                PartUpdated(session_id=session_id, part=_moved(part, session_id), time=now)
                for part in message.parts
            )
        )
