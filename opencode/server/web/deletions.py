"""Sessions that were deleted on the page, for as long as that can be undone."""

import asyncio
import logging
from collections.abc import AsyncGenerator

from quart import Quart, current_app

from opencode.clock import now_ms
from opencode.errors import NotFound, RequestError
from opencode.schema.prompt import UpdateSessionBody, UpdateSessionTime
from opencode.session.services import Services

from ..app_state import services

UNDO_SECONDS = 30.0
"""How long a deleted session can be had back."""

_KEY = "opencode-deletions"

log = logging.getLogger(__name__)


class Deletions:
    """Puts sessions away, and deletes them later; those that wait when the server stops, then."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sessions = services.sessions
        self._waiting: dict[str, asyncio.Task[None]] = {}

    def is_waiting(self, session_id: str) -> bool:
        return session_id in self._waiting

    async def put_away(self, session_id: str) -> None:
        """Raises NotFound."""
        await self._services.turns.abort(session_id)
        await self._archive(session_id, now_ms())
        if session_id not in self._waiting:
            self._waiting[session_id] = asyncio.create_task(
                self._delete_later(session_id), name=f"delete-{session_id}"
            )

    async def bring_back(self, session_id: str) -> None:
        """Raises NotFound where it is too late."""
        task = self._waiting.pop(session_id, None)
        if task is None:
            raise NotFound("It is too late to undo this: the chat is gone.")
        task.cancel()
        await self._archive(session_id, 0)

    async def close(self) -> None:
        """Delete at once what waits."""
        for session_id, task in list(self._waiting.items()):
            task.cancel()
            await self._delete(session_id)

    async def _archive(self, session_id: str, moment: int) -> None:
        await self._sessions.update(session_id, UpdateSessionBody(time=UpdateSessionTime(archived=moment)))

    async def _delete_later(self, session_id: str) -> None:
        await asyncio.sleep(UNDO_SECONDS)
        await self._delete(session_id)

    async def _delete(self, session_id: str) -> None:
        self._waiting.pop(session_id, None)
        try:
            await self._services.deletion.delete(session_id)
        except RequestError as error:
            log.warning("session %s could not be deleted: %s", session_id, error.message)


def register(app: Quart) -> None:
    @app.while_serving
    async def close() -> AsyncGenerator[None, None]:
        yield
        if found := app.extensions.pop(_KEY, None):
            await found.close()


def deletions() -> Deletions:
    """Return those of the app that serves this request."""
    if _KEY not in current_app.extensions:
        current_app.extensions[_KEY] = Deletions(services())
    found: Deletions = current_app.extensions[_KEY]
    return found
