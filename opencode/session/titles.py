"""Titles of sessions, made in the background by a small model from the first prompt."""

import asyncio
import logging

from opencode.agent.dependencies import TurnDependencies
from opencode.agent.title import make_title
from opencode.errors import AgentServerError
from opencode.schema.message import MessageWithParts, UserMessage
from opencode.schema.part import SubtaskPart, TextPart
from opencode.tasks import Tasks

from .cache import LiveSession
from .sessions import DEFAULT_TITLE, Sessions

TITLE_SECONDS = 1.0
"""How far into a turn its session's title is asked for: if many turns begin at once, answers go first."""

STOP_SECONDS = 5.0
"""How long the deletion of a session waits for its title to be given up."""

log = logging.getLogger(__name__)


class Titles:
    """Gives sessions their titles, one request for each session at a time."""

    def __init__(self, dependencies: TurnDependencies, sessions: Sessions, tasks: Tasks) -> None:
        self._dependencies = dependencies
        self._sessions = sessions
        self._tasks = tasks
        self._making: dict[str, asyncio.Task[None]] = {}

    def begin(self, live: LiveSession, prompt: MessageWithParts | None, turn: asyncio.Task[None]) -> None:
        """Make a session's title from its first prompt, if it has none; `turn` is the one that answers it."""
        session = live.info
        untitled = session.title.startswith(DEFAULT_TITLE) and not session.parent_id
        if not untitled or prompt is None or live.id in self._making:
            return
        task = self._tasks.spawn(self._make(live, prompt, turn), f"title of {live.id}")
        self._making[live.id] = task
        task.add_done_callback(lambda _: self._making.pop(live.id, None))

    async def stop(self, session_id: str) -> None:
        """Give up on a session's title."""
        if task := self._making.get(session_id):
            task.cancel()
            await asyncio.wait([task], timeout=STOP_SECONDS)

    def stop_all(self) -> None:
        for task in list(self._making.values()):
            task.cancel()

    async def _make(self, live: LiveSession, prompt: MessageWithParts, turn: asyncio.Task[None]) -> None:
        text = "\n".join(_texts(prompt))
        if not text.strip() or not isinstance(prompt.info, UserMessage):
            return
        before = live.info.title
        await asyncio.wait([turn], timeout=TITLE_SECONDS)
        try:
            providers = self._dependencies.providers
            small = providers.small_model(prompt.info.model)
            resolved = await providers.resolve(small.provider_id, small.model_id)
            title = await make_title(resolved, self._dependencies.agents.get("title"), text)
            if not title or live.info.title != before:
                return
            async with self._sessions.edit(live.id) as draft:
                if draft.session.title == before:  # else the user was quicker
                    draft.session.title = title
        except AgentServerError as error:
            log.info("no title for %s: %s", live.id, error.message)


def _texts(prompt: MessageWithParts) -> list[str]:
    """Return what the user wrote in a prompt, and the tasks that it gives to other agents."""
    return [
        part.prompt if isinstance(part, SubtaskPart) else part.text
        for part in prompt.parts
        if isinstance(part, SubtaskPart) or (isinstance(part, TextPart) and part.synthetic is not True)
    ]
