"""The changes of files by sessions: shown as diffs, taken back with a conversation, and made again."""

import asyncio
import logging
from collections.abc import Sequence

from msgspec import structs

from opencode import ids
from opencode.bus import Bus
from opencode.errors import NotFound, Unavailable
from opencode.schema.base import given
from opencode.schema.event import SessionDiff, ToastShown
from opencode.schema.message import FileDiff, UserMessage
from opencode.schema.session import Session, SessionRevert, SessionSummary
from opencode.store import FileChange, Store, Unit
from opencode.tasks import Tasks
from opencode.workspace import Changes, Origin, Restored
from opencode.workspace.file_diffs import file_diff, unknown_diff

from .draft import Draft
from .reverted import is_reverted
from .sessions import Sessions

MOST_FILES = 500
"""Files whose diffs are returned."""

MOST_TOLD = 5
"""Files that a notice names."""

log = logging.getLogger(__name__)


class FileHistory:
    """What sessions have changed in the workspace; nothing without one.

    Changes of sessions that work was delegated to count as those of the session above, too.
    """

    def __init__(self, changes: Changes | None, store: Store, sessions: Sessions, bus: Bus) -> None:
        self.changes = changes
        self._store = store
        self._sessions = sessions
        self._bus = bus
        self._tasks = Tasks(refusals=(NotFound, Unavailable))
        self._noted: set[str] = set()
        if changes is not None:
            changes.changed = self._changed

    async def recover(self) -> None:
        """Settle the changes that the last stop interrupted; raises Unavailable."""
        if self.changes is not None:
            await self.changes.recover()

    async def close(self) -> None:
        """Wait for the summaries that are being made."""
        await self._tasks.close(1)

    async def diffs(self, session_id: str, message_id: str | None = None) -> list[FileDiff]:
        """Return the difference that a session has made of each file, or that answering one prompt has.

        What is reverted does not count. Raises NotFound.
        """
        session = await self._sessions.get(session_id)
        changes = [change for change in await self._of(session) if change.state != "reverted"]
        if message_id is not None:
            first, last = await self._span(session_id, message_id)
            changes = [change for change in changes if first <= change.time < last]
        return await self._diffs(changes)

    async def revert(self, draft: Draft, revert: SessionRevert) -> None:
        """Take the files back to what they were before a point of the conversation, as far as possible.

        Changes that an earlier revert took back and this one does not are made again. Raises Unavailable.
        """
        if self.changes is None:
            return
        session = draft.session
        since = await self._since(session.id, revert)
        changes = await self._of(session)
        probe = structs.replace(session, revert=revert)
        undone = {change.id for change in changes if _is_undone(probe, change, since)}
        again = [change for change in changes if change.state == "reverted" and change.id not in undone]
        back = [change for change in changes if change.state != "reverted" and change.id in undone]
        made = await self.changes.make_again(again)
        diffs = await self._diffs(back)
        taken = await self.changes.take_back(back)
        self.changes.mark(draft.unit, again, made, reverted=False)
        self.changes.mark(draft.unit, back, taken, reverted=True)
        _tell(draft, made, taken)
        if patch := "".join(given(diff.patch, "") for diff in diffs):
            revert.diff = patch
        if changes:
            await self._summarize(draft, _in_force(changes, made, taken))

    async def unrevert(self, draft: Draft) -> None:
        """Make the changes again that a revert took back, as far as possible."""
        if self.changes is None:
            return
        changes = await self._of(draft.session)
        again = [change for change in changes if change.state == "reverted"]
        made = await self.changes.make_again(again)
        self.changes.mark(draft.unit, again, made, reverted=False)
        _tell(draft, made)
        if changes:
            await self._summarize(draft, _in_force(changes, made))

    async def forget_reverted(self, draft: Draft, revert: SessionRevert) -> None:
        """Remove the changes from a revert point on: what made them is removed from the conversation."""
        if self.changes is None:
            return
        since = await self._since(draft.session.id, revert)
        probe = structs.replace(draft.session, revert=revert)
        for change in await self._of(draft.session):
            if _is_undone(probe, change, since):
                draft.unit.remove_file_change(change)

    async def forget(self, unit: Unit, session: Session, message_id: str, part_id: str | None = None) -> None:
        """Remove the changes that a message, or one of its parts, has made: it is being removed."""
        if self.changes is None:
            return
        for change in await self._of(session):
            if change.message_id == message_id and part_id in (None, change.part_id):
                unit.remove_file_change(change)

    def _changed(self, origin: Origin) -> None:
        """Bring the summary of a session up to date, once for changes in quick succession."""
        if origin.session_id not in self._noted:
            self._noted.add(origin.session_id)
            self._tasks.spawn(self._update(origin), f"diff of {origin.session_id}")

    async def _update(self, origin: Origin) -> None:
        await asyncio.sleep(0)
        self._noted.discard(origin.session_id)
        async with self._sessions.edit(origin.session_id) as draft:
            changes = await self._of(draft.session)
            await self._summarize(draft, [change for change in changes if change.state != "reverted"])

    async def _summarize(self, draft: Draft, changes: Sequence[FileChange]) -> None:
        diffs = await self._diffs(changes)
        draft.session.summary = SessionSummary(
            additions=sum(diff.additions for diff in diffs),
            deletions=sum(diff.deletions for diff in diffs),
            files=len(diffs),
        )
        draft.publish_later(SessionDiff(session_id=draft.session.id, diff=diffs))

    async def _of(self, session: Session) -> list[FileChange]:
        """Return the changes of a session and of those below it, in order."""
        if self.changes is None:
            return []
        root, parents = session.id, {session.id}
        while (above := await self._store.session(root)) is not None and above[0].parent_id:
            root = above[0].parent_id
        changes = await self._store.file_changes(root)
        if root == session.id:
            return changes
        parents.update(await self._store.descendants(session.id))
        return [change for change in changes if change.session_id in parents]

    async def _diffs(self, changes: Sequence[FileChange]) -> list[FileDiff]:
        spans: dict[str, tuple[FileChange, FileChange]] = {}
        for change in changes:
            spans[change.path] = spans.get(change.path, (change, change))[0], change
        diffs = []
        for path, (first, last) in sorted(spans.items())[:MOST_FILES]:
            if first.before != last.after:
                diffs.append(await self._diff(path, first, last))
        return diffs

    async def _diff(self, path: str, first: FileChange, last: FileChange) -> FileDiff:
        assert self.changes is not None
        old = await self._store.file_contents(first.id) if first.kept else None
        new = await self._store.file_contents(last.id) if last.kept else None
        if old is None or new is None:
            return unknown_diff(path, first.before, last.after)
        return await self.changes.workspace.run(file_diff, path, old.before, new.after)

    async def _since(self, session_id: str, revert: SessionRevert) -> int:
        """Return when what is reverted began, in Unix ms."""
        message = await self._store.message(session_id, revert.message_id, outlines=True)
        if revert.part_id and (made := ids.time_of(revert.part_id)) is not None:
            return made
        return message.info.time.created if message is not None else 0

    async def _span(self, session_id: str, message_id: str) -> tuple[int, int]:
        """Return when the answer to a prompt began and ended, in Unix ms: until the next prompt."""
        first, last = 0, 0
        for message in await self._store.messages(session_id, outlines=True):
            if not isinstance(message.info, UserMessage):
                continue
            if message.info.id == message_id:
                first, last = message.info.time.created, 2**62
            elif first and last == 2**62:
                last = message.info.time.created
        return first, last


def _is_undone(session: Session, change: FileChange, since: int) -> bool:
    """Return whether a change is at or after the revert point of a session, or of a task begun after it."""
    if change.session_id == session.id:
        return is_reverted(session, change.message_id, change.part_id)
    return change.time >= since


def _in_force(
    changes: Sequence[FileChange], made: Restored, taken: Restored | None = None
) -> list[FileChange]:
    """Return the changes that hold after some were made again, and some taken back."""
    again = {change.id for change in made.changes}
    back = {change.id for change in taken.changes} if taken else set()
    return [
        change
        for change in changes
        if change.id not in back and (change.state != "reverted" or change.id in again)
    ]


def _tell(draft: Draft, *outcomes: Restored) -> None:
    """Say which files were left as they are: in the log, and to clients, which show it as a notice."""
    left = [f"{path}: {reason}" for outcome in outcomes for path, reason in outcome.left.items()]
    for line in left:
        log.warning("session %s: a file was left as it is: %s", draft.session.id, line)
    if left:
        more = f" and {len(left) - MOST_TOLD} more" if len(left) > MOST_TOLD else ""
        draft.publish_later(
            ToastShown(
                title="Files left as they are",
                message="; ".join(left[:MOST_TOLD]) + more,
                variant="warning",
            ).about(draft.session.id)
        )
