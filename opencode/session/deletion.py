"""Deleting sessions, with all sessions that they began."""

import asyncio
from contextlib import AsyncExitStack, suppress

from opencode.agent.dependencies import TurnDependencies
from opencode.errors import NotFound
from opencode.schema.event import SessionDeleted
from opencode.schema.session import Session
from opencode.tasks import Tasks

from .cache import LiveSession
from .sessions import Sessions
from .turns import Turns


class Deletion:
    """Deletes sessions: stored first, then refused to everyone, then their turns are stopped."""

    def __init__(
        self, dependencies: TurnDependencies, sessions: Sessions, turns: Turns, changes: Tasks
    ) -> None:
        self._store = dependencies.store
        self._bus = dependencies.bus
        self._sessions = sessions
        self._turns = turns
        self._changes = changes

    async def delete(self, session_id: str) -> None:
        """Delete a session and all below it; raises NotFound, and Unavailable with nothing changed."""
        await self._changes.finish(self._delete(session_id), f"deletion of {session_id}")

    async def _delete(self, session_id: str) -> None:
        async with AsyncExitStack() as locks:
            family = await self._lock_family(session_id, locks)
            unit = self._store.unit()
            for live in family:
                unit.remove_session(live.id)
            await unit.commit()
            deleted = [live.info for live in family]
            for live in family:
                self._sessions.remove(live)
        await self._announce(deleted)

    async def _announce(self, deleted: list[Session]) -> None:
        """Publish that sessions are deleted, the lowest first, and stop what works for them."""
        for session in reversed(deleted):
            self._bus.publish(SessionDeleted(session_id=session.id, info=session))
        await asyncio.gather(*(self._turns.remove(session.id) for session in deleted))

    async def _lock_family(self, session_id: str, locks: AsyncExitStack) -> list[LiveSession]:
        """Lock a session and all below it, parents first; raises NotFound.

        A session that is locked gets no children, so the family is complete once none below it is unlocked.
        """
        family = [await locks.enter_async_context(self._sessions.locked(session_id))]
        known = {session_id}
        while below := [each for each in await self._store.descendants(session_id) if each not in known]:
            for each in below:
                known.add(each)
                with suppress(NotFound):  # deleted meanwhile
                    family.append(await locks.enter_async_context(self._sessions.locked(each)))
        return family
