"""Generates titles of sessions in the background, with a small model from the first prompt."""

import asyncio
import logging

from opencode.agent.fallback import model_name
from opencode.agent.title import make_title
from opencode.errors import AgentServerError, Conflict
from opencode.schema.message import MessageWithParts, UserMessage
from opencode.schema.part import SubtaskPart, TextPart
from opencode.tasks import Tasks

from .active_setup import ActiveSetup
from .cache import LiveSession
from .sessions import DEFAULT_TITLE, Sessions

TITLE_SECONDS = 1.0
"""The delay before a title is requested, so that answers go first when many turns begin at once."""

STOP_SECONDS = 5.0
"""How long the deletion of a session waits for the title's task to stop."""

log = logging.getLogger(__name__)


class Titles:
    """Generates titles, one at a time for each session."""

    def __init__(self, setup: ActiveSetup, sessions: Sessions, tasks: Tasks) -> None:
        self._setup = setup
        self._sessions = sessions
        self._tasks = tasks
        self._running: dict[str, asyncio.Task[None]] = {}

    def begin(self, live: LiveSession, prompt: MessageWithParts | None, turn: asyncio.Task[None]) -> None:
        """Start generating a title from the first prompt, if the session has none; `turn` answers it."""
        session = live.info
        untitled = session.title.startswith(DEFAULT_TITLE) and not session.parent_id
        if not untitled or prompt is None or live.id in self._running:
            return
        task = self._tasks.spawn(self._generate(live, prompt, turn), f"title of {live.id}")
        self._running[live.id] = task
        task.add_done_callback(lambda _: self._running.pop(live.id, None))

    async def stop(self, session_id: str) -> None:
        """Cancel the generation of a session's title."""
        if task := self._running.get(session_id):
            task.cancel()
            await asyncio.wait([task], timeout=STOP_SECONDS)

    def stop_all(self) -> None:
        for task in list(self._running.values()):
            task.cancel()

    async def _generate(self, live: LiveSession, prompt: MessageWithParts, turn: asyncio.Task[None]) -> None:
        text = "\n".join(_texts(prompt))
        if not text.strip() or not isinstance(prompt.info, UserMessage):
            return
        old_title = live.info.title
        await asyncio.wait([turn], timeout=TITLE_SECONDS)
        try:
            title = await self._title(prompt.info, text)
            if not title or live.info.title != old_title:
                return
            async with self._sessions.edit(live.id) as draft:
                if draft.session.title != old_title:
                    raise Conflict("it was renamed meanwhile")
                draft.session.title = title
        except AgentServerError as error:
            log.info("no title for %s: %s", live.id, error.message)

    async def _title(self, prompt: UserMessage, text: str) -> str | None:
        """Return a title from the first small model that answers; raises AgentServerError."""
        dependencies = self._setup.dependencies
        providers, fallbacks = dependencies.providers, dependencies.fallbacks
        models, _ = fallbacks.ready(fallbacks.chain(prompt.agent, prompt.model))
        choices = [small for model in models for small in providers.small_models(model)]
        agent = dependencies.agents.get("title")
        failure: AgentServerError | None = None
        for choice in {model_name(choice): choice for choice in choices}.values():
            try:
                resolved = await providers.resolve(choice.provider_id, choice.model_id)
                return await make_title(resolved, agent, text)
            except AgentServerError as error:
                failure = failure or error
        assert failure is not None
        raise failure


def _texts(prompt: MessageWithParts) -> list[str]:
    """Return the user's texts in a prompt, including the tasks for other agents."""
    return [
        part.prompt if isinstance(part, SubtaskPart) else part.text
        for part in prompt.parts
        if isinstance(part, SubtaskPart) or (isinstance(part, TextPart) and part.synthetic is not True)
    ]
