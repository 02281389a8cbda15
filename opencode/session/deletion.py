"""Deletes sessions with all their descendants: for good, or into a trash from which they can be restored."""

import asyncio
import logging
from contextlib import AsyncExitStack, suppress

import msgspec

from opencode.agent.dependencies import TurnDependencies
from opencode.agent.recovery import closed
from opencode.clock import now_ms
from opencode.errors import Elsewhere, NotFound, TurnAborted, Unavailable
from opencode.schema.event import SessionCreated, SessionDeleted, SessionUpdated
from opencode.schema.session import Session
from opencode.store import Unit
from opencode.tasks import Tasks, hold

from .cache import LiveSession
from .sessions import Sessions
from .turns import Turns

UNDO_SECONDS = 30.0
"""How long a session in the trash can be restored."""

RETRY_SECONDS = 10.0
"""How long to wait before retrying a deletion that could not be stored."""

CUT = TurnAborted("The session was deleted while this answer was being written.")

log = logging.getLogger(__name__)


class Trashed(msgspec.Struct):
    """A deletion that can be undone. `family`: ids of the session and its descendants, parents first.

    `time`: when it was deleted (Unix ms). `task`: the task that deletes it for good.
    """

    family: list[str]
    time: int
    task: asyncio.Task[None] | None = None


class Deletion:
    """Deletes sessions: stores the deletion, makes every use of them raise NotFound, then stops their turns.

    Sessions in the trash are deleted for good after UNDO_SECONDS, also after a restart.
    """

    def __init__(
        self, dependencies: TurnDependencies, sessions: Sessions, turns: Turns, changes: Tasks
    ) -> None:
        self._store = dependencies.store
        self._bus = dependencies.bus
        self._sessions = sessions
        self._turns = turns
        self._changes = changes
        self._timers = Tasks()
        self._trash: dict[str, Trashed] = {}

    async def delete(self, session_id: str) -> None:
        """Delete a session and its descendants; raises NotFound, and Unavailable with nothing changed."""
        await self._changes.finish(self._delete(session_id), f"deletion of {session_id}")

    async def trash(self, session_id: str) -> None:
        """Move a session and its descendants to the trash; raises as `delete` does."""
        await self._changes.finish(self._put_into_trash(session_id), f"deletion of {session_id}")

    async def restore(self, session_id: str) -> None:
        """Restore a session from the trash.

        Raises NotFound if it is not there any more, and Unavailable with nothing changed.
        """
        await self._changes.finish(self._restore(session_id), f"restoring of {session_id}")

    def can_restore(self, session_id: str) -> bool:
        return session_id in self._trash

    async def resume(self) -> None:
        """Schedule the deletions that were pending when the server last stopped; raises Unavailable."""
        rows = await self._store.trashed()
        times = {row.session_id: row.time for row in rows}
        roots = [row for row in rows if times.get(row.parent_id or "") != row.time]
        for root in roots:
            try:
                await self._sessions.claim_stored(root.session_id)
            except Elsewhere:
                continue
            descendants = await self._store.descendants(root.session_id)
            family = [root.session_id, *(each for each in descendants if times.get(each) == root.time)]
            self._delete_later(root.session_id, Trashed(family, root.time))

    async def close(self) -> None:
        """Empty the trash. Sessions that can't be deleted now are deleted by the next start of the server."""
        for trashed in self._trash.values():
            if trashed.task is not None:
                trashed.task.cancel()
        await self._timers.close(1)
        for session_id in list(self._trash):
            try:
                await self._purge(session_id)
            except Unavailable as error:
                log.warning("session %s could not be deleted: %s", session_id, error.message)

    async def _delete(self, session_id: str) -> None:
        async with AsyncExitStack() as locks:
            family = await self._lock_family(session_id, locks)
            unit = self._store.unit()
            for live in family:
                unit.remove_session(live.id)
            await self._commit(unit, family)
        await self._publish_deleted([live.info for live in family])

    async def _put_into_trash(self, session_id: str) -> None:
        async with AsyncExitStack() as locks:
            family = await self._lock_family(session_id, locks)
            trashed = Trashed([live.id for live in family], now_ms())
            unit = self._store.unit()
            for live in family:
                unit.trash_session(live.id, trashed.time)
            await self._commit(unit, family)
        self._delete_later(session_id, trashed)
        await self._publish_deleted([live.info for live in family])

    async def _restore(self, session_id: str) -> None:
        trashed = self._trash.pop(session_id, None)
        if trashed is None:
            await self._sessions.get(session_id)  # it may already be restored
            return
        if trashed.task is not None:
            trashed.task.cancel()
        try:
            unit = self._store.unit()
            for trashed_id in trashed.family:
                unit.restore_session(trashed_id)
                await self._close_answers(unit, trashed_id)
            await unit.commit()
        except Unavailable:
            self._delete_later(session_id, trashed)
            raise
        for restored_id in trashed.family:
            with suppress(NotFound):
                session = await self._sessions.get(restored_id)
                self._bus.publish(SessionCreated(session_id=restored_id, info=session))
                self._bus.publish(SessionUpdated(session_id=restored_id, info=session))

    async def _close_answers(self, unit: Unit, session_id: str) -> None:
        """End the answers that were being written when their session was deleted."""
        for message in await self._store.messages(session_id):
            ended = closed(message, CUT, "the session was deleted.")
            if ended is message:
                continue
            unit.put_message(ended.info)
            for part in ended.parts:
                unit.put_part(part)

    def _delete_later(self, session_id: str, trashed: Trashed) -> None:
        self._trash[session_id] = trashed
        trashed.task = self._timers.spawn(
            self._wait_and_purge(session_id, trashed), f"deletion of {session_id}"
        )

    async def _wait_and_purge(self, session_id: str, trashed: Trashed) -> None:
        await asyncio.sleep(trashed.time / 1000 + UNDO_SECONDS - now_ms() / 1000)
        while self._trash.get(session_id) is trashed:
            try:
                await hold(self._purge(session_id))
            except Unavailable as error:
                log.warning("session %s could not be deleted yet: %s", session_id, error.message)
                await asyncio.sleep(RETRY_SECONDS)

    async def _purge(self, session_id: str) -> None:
        """Delete a session in the trash for good; raises Unavailable, and then it stays there."""
        trashed = self._trash.pop(session_id)
        unit = self._store.unit()
        for trashed_id in trashed.family:
            unit.remove_session(trashed_id)
        try:
            await unit.commit()
        except Unavailable:
            self._trash[session_id] = trashed
            raise

    async def _commit(self, unit: Unit, family: list[LiveSession]) -> None:
        await unit.commit()
        for live in family:
            self._sessions.remove(live)

    async def _publish_deleted(self, family: list[Session]) -> None:
        """Stop everything that runs for deleted sessions, then publish their deletion, the lowest first.

        A client gets no event of a session after its deletion.
        """
        await asyncio.gather(*(self._turns.remove(session.id) for session in family))
        for session in reversed(family):
            self._bus.publish(SessionDeleted(session_id=session.id, info=session))

    async def _lock_family(self, session_id: str, locks: AsyncExitStack) -> list[LiveSession]:
        """Lock a session and its descendants, parents first; raises NotFound.

        A locked session gets no new children, so the family is complete when all descendants are locked.
        """
        family = [await locks.enter_async_context(self._sessions.locked(session_id))]
        known = {session_id}
        while new_ids := [child for child in await self._store.descendants(session_id) if child not in known]:
            for child_id in new_ids:
                known.add(child_id)
                with suppress(NotFound):  # deleted meanwhile
                    family.append(await locks.enter_async_context(self._sessions.locked(child_id)))
        return family
