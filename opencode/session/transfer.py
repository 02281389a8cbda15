"""Conversations out of the server and in again, as JSON."""

import asyncio
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from msgspec import UNSET, UnsetType, structs

from opencode import __version__, ids
from opencode.agent.dependencies import TurnDependencies
from opencode.agent.recovery import close_cut
from opencode.clock import now_ms
from opencode.errors import BadRequest, RequestError, TurnAborted
from opencode.schema.base import given
from opencode.schema.event import SessionCreated
from opencode.schema.message import AssistantMessage, MessageWithParts
from opencode.schema.part import CompactionPart, FilePart, Part, TextPart, ToolPart, ToolStateCompleted
from opencode.schema.session import Session, SessionModel, SessionRevert, SessionTime
from opencode.schema.transfer import ImportedTime, SessionExport, SessionImport
from opencode.store import Unit

from .cache import SessionCache
from .prompt import check_url
from .slug import make_slug
from .validation import check_metadata, clean_title
from .whole import whole

UNFINISHED = TurnAborted("This answer was still being written when the conversation was exported.")

_SLUG = re.compile(r"[a-z0-9-]{1,64}")
_ID = re.compile(r"(?:ses|msg|prt)_[0-9a-f]{12}[0-9A-Za-z]{14}")


class Transfer:
    """What `Sessions` does to export and import."""

    def __init__(self, dependencies: TurnDependencies, cache: SessionCache) -> None:
        self._dependencies = dependencies
        self._store = dependencies.store
        self._cache = cache
        self._lock = asyncio.Lock()
        self.underway: set[asyncio.Task[Any]] = set()

    async def export(self, session_id: str) -> SessionExport:
        """Return a whole conversation; raises NotFound. Its shared address is a secret, and left out."""
        session = await self._cache.get(session_id)
        return SessionExport(
            info=structs.replace(session, share=UNSET),
            messages=await self._store.messages(session_id),
            todos=await self._store.todos(session_id),
        )

    @whole
    async def import_(self, document: SessionImport) -> Session:
        """Store an exported conversation as a session of this server, all of it or nothing.

        Raises BadRequest and BodyTooLarge. Ids stay as they are where they are free and sort before all new
        ones; else all of them are new.
        """
        if not clean_title(document.info.title):
            raise BadRequest("info.title is empty: send a text.")
        check_metadata(given(document.info.metadata, {}))
        messages = [
            structs.replace(message, parts=[_usable(part, place) for place, part in _placed(number, message)])
            for number, message in enumerate(document.messages)
        ]
        async with self._lock:  # two imports of the same ids must not both find them free
            session_id = given(document.info.id, "")
            keep = await self._are_free(session_id, messages)
            session = await self._session(document, session_id if keep else ids.descending("ses"))
            renamed, new_ids = _renamed(messages, session.id, keep)
            session.revert = _revert(document.info.revert, new_ids)
            unit = self._store.unit()
            unit.put_session(session)
            for message in renamed:
                _put(unit, message)
            unit.put_todos(session.id, document.todos)
            await unit.commit()
            self._cache.add(session)
        self._dependencies.bus.publish(SessionCreated(session_id=session.id, info=session))
        return session

    async def _session(self, document: SessionImport, session_id: str) -> Session:
        info = document.info
        now = now_ms()
        time = given(info.time, ImportedTime(created=now, updated=now))
        return Session(
            id=session_id,
            slug=info.slug if info.slug and _SLUG.fullmatch(info.slug) else make_slug(),
            project_id="global",
            directory=self._dependencies.directory,
            path=self._dependencies.path,
            title=clean_title(info.title),
            version=__version__,
            time=SessionTime(created=time.created, updated=time.updated),
            cost=info.cost,
            tokens=info.tokens,
            agent=self._known_agent(info.agent),
            model=await self._known_model(info.model),
            metadata=info.metadata,
        )

    async def _are_free(self, session_id: str, messages: list[MessageWithParts]) -> bool:
        """Return whether all ids are of this server's form, in order, older than new ones, and not in use."""
        message_ids = [message.info.id for message in messages]
        part_ids = [part.id for message in messages for part in message.parts]
        newest = [*message_ids[-1:], ids.ascending("msg")]
        rows = [newest, message_ids, *([part.id for part in message.parts] for message in messages)]
        sound = (
            all(map(_ID.fullmatch, [session_id, *message_ids, *part_ids]))
            and all(earlier < later for row in rows for earlier, later in pairwise(row))
            and len(set(part_ids)) == len(part_ids)
            and max(part_ids, default="") < ids.ascending("prt")
        )
        if not sound or self._store.was_removed(session_id) or await self._store.session(session_id):
            return False
        return not await self._store.taken(message_ids, part_ids)

    def _known_agent(self, name: str | UnsetType) -> str | UnsetType:
        try:
            return self._dependencies.agents.get(name).name if name else UNSET
        except BadRequest:
            return UNSET

    async def _known_model(self, model: SessionModel | UnsetType) -> SessionModel | UnsetType:
        try:
            if model:
                await self._dependencies.providers.resolve(model.provider_id, model.id)
        except RequestError:
            return UNSET
        return model


def _put(unit: Unit, message: MessageWithParts) -> None:
    if isinstance(message.info, AssistantMessage) and not message.info.time.completed:
        close_cut(unit, message)
        message.info.error = UNFINISHED.wire()
    unit.put_message(message.info)
    for part in message.parts:
        unit.put_part(part)


def _placed(number: int, message: MessageWithParts) -> Iterator[tuple[str, Part]]:
    for index, part in enumerate(message.parts):
        yield f"messages[{number}].parts[{index}]", part


def _usable(part: Part, place: str) -> Part:
    """Return a part without files that are not here; raises BadRequest where a file's content is damaged."""
    if isinstance(part, FilePart):
        if _is_elsewhere(part):
            name = part.filename or part.url.rpartition("/")[2]
            text = f"[{name} ({part.mime}): the file itself is not part of the export.]"
            return TextPart(
                id=part.id, session_id=part.session_id, message_id=part.message_id, text=text, synthetic=True
            )
        check_url(part.url, f"{place}.url")
    elif isinstance(part, ToolPart) and isinstance(part.state, ToolStateCompleted) and part.state.attachments:
        kept = [file for file in part.state.attachments if not _is_elsewhere(file)]
        for file in kept:
            check_url(file.url, f"{place}.state.attachments")
        return structs.replace(part, state=structs.replace(part.state, attachments=kept))
    return part


def _is_elsewhere(file: FilePart) -> bool:
    """Return whether a file is named by a path on the machine of the one who exported it."""
    return file.url.startswith("file:")


def _renamed(
    messages: list[MessageWithParts], session_id: str, keep: bool
) -> tuple[list[MessageWithParts], dict[str, str]]:
    """Return the messages as this session's, and their ids by those that they had."""
    renamed: list[MessageWithParts] = []
    new_ids: dict[str, str] = {}
    for message in messages:
        old = message.info
        new_ids[old.id] = old.id if keep else ids.ascending("msg")
        info = structs.replace(old, id=new_ids[old.id], session_id=session_id)
        if isinstance(info, AssistantMessage):
            info.parent_id = new_ids.get(info.parent_id, info.parent_id)
        parts = [_moved(part, info.id, session_id, keep) for part in message.parts]
        for part in parts:
            if isinstance(part, CompactionPart) and part.tail_start_id:
                part.tail_start_id = new_ids.get(part.tail_start_id, UNSET)
        renamed.append(MessageWithParts(info=info, parts=parts))
    return renamed, new_ids


def _moved(part: Part, message_id: str, session_id: str, keep: bool) -> Part:
    part_id = part.id if keep else ids.ascending("prt")
    moved = structs.replace(part, id=part_id, session_id=session_id, message_id=message_id)
    if (
        isinstance(moved, ToolPart)
        and isinstance(moved.state, ToolStateCompleted)
        and moved.state.attachments
    ):
        files = [
            structs.replace(file, id=ids.ascending("prt"), session_id=session_id, message_id=message_id)
            for file in moved.state.attachments
        ]
        moved.state = structs.replace(moved.state, attachments=files)
    return moved


def _revert(revert: SessionRevert | UnsetType, new_ids: dict[str, str]) -> SessionRevert | UnsetType:
    """Return what was taken back in the conversation, by its new ids; whole messages only."""
    if not revert or revert.message_id not in new_ids:
        return UNSET
    return SessionRevert(message_id=new_ids[revert.message_id])
