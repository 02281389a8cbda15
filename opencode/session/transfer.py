"""Exports and imports conversations as JSON."""

import re
from collections.abc import Iterator
from itertools import pairwise

from msgspec import UNSET, UnsetType, structs

from opencode import __version__, ids
from opencode.agent.prompt_defaults import DEFAULTS
from opencode.agent.recovery import closed
from opencode.clock import now_ms
from opencode.config import Limits
from opencode.errors import BadRequest, Conflict, RequestError, TurnAborted
from opencode.schema.base import JsonObject, given
from opencode.schema.message import AssistantMessage, MessageWithParts
from opencode.schema.part import CompactionPart, FilePart, Part, TextPart, ToolPart, ToolStateCompleted
from opencode.schema.session import PermissionRule, Session, SessionModel, SessionRevert, SessionTime
from opencode.schema.transfer import ImportedTime, SessionExport, SessionImport
from opencode.store import Unit
from opencode.tasks import hold

from .active_setup import ActiveSetup
from .chosen_ids import ChosenIds
from .sessions import Sessions
from .slug import make_slug
from .validation import check_metadata, check_parts, check_rules, check_todos, check_url, clean_title

UNFINISHED = TurnAborted("This answer was still being written when the conversation was exported.")

_SLUG = re.compile(r"[a-z0-9-]{1,64}")
_ID = re.compile(r"(?:ses|msg|prt)_[-0-9a-z][0-9a-z]{11}[0-9A-Za-z]{14}")


class Transfer:
    """Exports sessions and imports them."""

    def __init__(self, setup: ActiveSetup, sessions: Sessions, chosen_ids: ChosenIds, limits: Limits) -> None:
        self._setup = setup
        self._store = setup.dependencies.store
        self._sessions = sessions
        self._chosen_ids = chosen_ids
        self._limits = limits

    async def export(self, session_id: str) -> SessionExport:
        """Return a session with all messages and todos; raises NotFound.

        An unfinished answer is exported with its content so far and ends with an error. The share link is a
        secret and is omitted.
        """
        async with self._sessions.locked(session_id) as live:
            messages = await self._store.messages(session_id)
            todos = await self._store.todos(session_id)
            info = structs.replace(live.info, share=UNSET)
        return SessionExport(info=info, messages=[_closed(message) for message in messages], todos=todos)

    async def import_(self, document: SessionImport) -> Session:
        """Store an exported conversation as a session of this server, all of it or nothing.

        Ids are kept if they are free and sort before all new ones; otherwise all ids are new. Raises
        BadRequest, BodyTooLarge if prompts with the same content would be refused, and Unavailable.
        """
        if not clean_title(document.info.title):
            raise BadRequest("info.title is empty: send a text.")
        check_metadata(given(document.info.metadata, {}))
        check_rules(given(document.info.permission, []))
        check_todos(document.todos)
        messages = [
            structs.replace(
                message, parts=[_importable(part, path) for path, part in _part_paths(number, message)]
            )
            for number, message in enumerate(document.messages)
        ]
        for number, message in enumerate(messages):
            check_parts(message.info, message.parts, self._limits, f"messages[{number}]")
        try:
            with self._chosen_ids.reserve(_ids(given(document.info.id, ""), messages)):
                return await self._import(document, messages)
        except Conflict:
            return await self._import(document, messages, keep_ids=False)

    async def _import(
        self, document: SessionImport, messages: list[MessageWithParts], keep_ids: bool = True
    ) -> Session:
        session_id = given(document.info.id, "")
        keep = keep_ids and await self._are_free(session_id, messages)
        session = await self._session(document, session_id if keep else ids.descending("ses"))
        renamed, new_ids = _renamed(messages, session.id, keep)
        session.revert = _revert(document.info.revert, new_ids)
        await self._sessions.claim(session)
        unit = self._store.unit()
        unit.put_session(session)
        for message in map(_closed, renamed):
            unit.put_message(message.info)
            for part in message.parts:
                unit.put_part(part)
        unit.put_todos(session.id, document.todos)
        newest = max((message.info.id for message in renamed), default="")
        await hold(self._commit_import(session, unit, newest))
        return session

    async def _commit_import(self, session: Session, unit: Unit, newest: str) -> None:
        await unit.commit()
        self._sessions.add(session, newest)

    async def _session(self, document: SessionImport, session_id: str) -> Session:
        info = document.info
        now = now_ms()
        time = given(info.time, ImportedTime(created=now, updated=now))
        return Session(
            id=session_id,
            slug=info.slug if info.slug and _SLUG.fullmatch(info.slug) else make_slug(),
            project_id="global",
            directory=self._setup.dependencies.directory,
            path=self._setup.dependencies.path,
            title=clean_title(info.title),
            version=__version__,
            time=SessionTime(created=time.created, updated=time.updated),
            cost=info.cost,
            tokens=info.tokens,
            agent=self._known_agent(info.agent),
            model=await self._known_model(info.model),
            metadata=_without_defaults(info.metadata),
            permission=_restricting(info.permission),
        )

    async def _are_free(self, session_id: str, messages: list[MessageWithParts]) -> bool:
        """Return whether all ids have this server's format, are in order, older than new ids, and free."""
        message_ids = [message.info.id for message in messages]
        part_ids = [part.id for message in messages for part in message.parts]
        newest = [*message_ids[-1:], ids.ascending("msg")]
        sequences = [newest, message_ids, *([part.id for part in message.parts] for message in messages)]
        well_formed = (
            all(map(_ID.fullmatch, [session_id, *message_ids, *part_ids]))
            and all(earlier < later for sequence in sequences for earlier, later in pairwise(sequence))
            and len(set(part_ids)) == len(part_ids)
            and max(part_ids, default="") < ids.ascending("prt")
        )
        if (
            not well_formed
            or self._store.was_removed(session_id)
            or await self._store.session(session_id) is not None
        ):
            return False
        return not await self._store.taken(message_ids, part_ids)

    def _known_agent(self, name: str | UnsetType) -> str | UnsetType:
        try:
            return self._setup.dependencies.agents.get(name).name if name else UNSET
        except BadRequest:
            return UNSET

    async def _known_model(self, model: SessionModel | UnsetType) -> SessionModel | UnsetType:
        try:
            if model:
                await self._setup.dependencies.providers.resolve(model.provider_id, model.id)
        except RequestError:
            return UNSET
        return model


def _restricting(rules: list[PermissionRule] | UnsetType) -> list[PermissionRule] | UnsetType:
    """Return the rules that ask or deny: the file of a stranger must not allow its conversation anything."""
    return [rule for rule in given(rules, []) if rule.action != "allow"] or UNSET


def _without_defaults(metadata: JsonObject | UnsetType) -> JsonObject | UnsetType:
    """Return metadata without instructions for every prompt, which a stranger may have written."""
    return {name: value for name, value in metadata.items() if name != DEFAULTS} if metadata else metadata


def _closed(message: MessageWithParts) -> MessageWithParts:
    return closed(message, UNFINISHED, "the conversation was exported.")


def _ids(session_id: str, messages: list[MessageWithParts]) -> Iterator[str]:
    if session_id:
        yield session_id
    for message in messages:
        yield message.info.id
        yield from (part.id for part in message.parts)


def _part_paths(number: int, message: MessageWithParts) -> Iterator[tuple[str, Part]]:
    """Yield the parts of message number `number`, each with its path in the document."""
    for index, part in enumerate(message.parts):
        yield f"messages[{number}].parts[{index}]", part


def _importable(part: Part, path: str) -> Part:
    """Return a part without files that were not exported; raises BadRequest if a file's URL is invalid."""
    if isinstance(part, FilePart):
        if _is_local_path(part):
            name = part.filename or part.url.rpartition("/")[2]
            text = f"[{name} ({part.mime}): the export does not include this file.]"
            return TextPart(
                id=part.id, session_id=part.session_id, message_id=part.message_id, text=text, synthetic=True
            )
        check_url(part.url, f"{path}.url")
    elif isinstance(part, ToolPart) and isinstance(part.state, ToolStateCompleted) and part.state.attachments:
        attachments = [file for file in part.state.attachments if not _is_local_path(file)]
        for file in attachments:
            check_url(file.url, f"{path}.state.attachments")
        return structs.replace(part, state=structs.replace(part.state, attachments=attachments))
    return part


def _is_local_path(file: FilePart) -> bool:
    """Return whether a file is only a path on the machine where the conversation took place."""
    return file.url.startswith("file:")


def _renamed(
    messages: list[MessageWithParts], session_id: str, keep: bool
) -> tuple[list[MessageWithParts], dict[str, str]]:
    """Return the messages as those of this session, and their new ids by their old ids."""
    renamed: list[MessageWithParts] = []
    new_ids: dict[str, str] = {}
    for message in messages:
        old = message.info
        new_ids[old.id] = old.id if keep else ids.ascending("msg")
        info = structs.replace(old, id=new_ids[old.id], session_id=session_id)
        if isinstance(info, AssistantMessage):
            info.parent_id = new_ids.get(info.parent_id, info.parent_id)
        parts = [_renamed_part(part, info.id, session_id, keep) for part in message.parts]
        for part in parts:
            if isinstance(part, CompactionPart) and part.tail_start_id:
                part.tail_start_id = new_ids.get(part.tail_start_id, UNSET)
        renamed.append(MessageWithParts(info=info, parts=parts))
    return renamed, new_ids


def _renamed_part(part: Part, message_id: str, session_id: str, keep: bool) -> Part:
    part_id = part.id if keep else ids.ascending("prt")
    renamed = structs.replace(part, id=part_id, session_id=session_id, message_id=message_id)
    if (
        isinstance(renamed, ToolPart)
        and isinstance(renamed.state, ToolStateCompleted)
        and renamed.state.attachments
    ):
        files = [
            structs.replace(file, id=ids.ascending("prt"), session_id=session_id, message_id=message_id)
            for file in renamed.state.attachments
        ]
        renamed.state = structs.replace(renamed.state, attachments=files)
    return renamed


def _revert(revert: SessionRevert | UnsetType, new_ids: dict[str, str]) -> SessionRevert | UnsetType:
    """Return the revert with its new message id; a revert to a part becomes one to the whole message."""
    if not revert or revert.message_id not in new_ids:
        return UNSET
    return SessionRevert(message_id=new_ids[revert.message_id])
