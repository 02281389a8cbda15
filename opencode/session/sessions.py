"""The one door to sessions, for every face of the server: create, list, prompt, abort, delete."""

import asyncio
import hmac
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET

from opencode import __version__, ids
from opencode.agent.dependencies import TurnDependencies
from opencode.agent.recovery import close_cut, close_unanswered
from opencode.clock import now_ms
from opencode.config import Limits
from opencode.errors import BadRequest, NotFound
from opencode.schema.base import given
from opencode.schema.event import (
    EventProperties,
    SessionCreated,
    SessionDeleted,
)
from opencode.schema.message import MessageWithParts, UserMessage
from opencode.schema.part import Tokens
from opencode.schema.prompt import (
    CreateSessionBody,
    UpdateSessionBody,
)
from opencode.schema.session import Session, SessionShare, SessionStatus, SessionTime, Todo
from opencode.store import Found, Match, SessionQuery

from .cache import SessionCache
from .command import Commands
from .delegation import Delegation
from .history import History
from .prompts import Prompts
from .runner import DEFAULT_TITLE, Runner
from .slug import make_slug
from .snapshot import Snapshot
from .transfer import Transfer
from .validation import check_metadata, check_rules, clean_title
from .whole import whole

NEWEST = 50
"""How many messages are looked at for an answer to a prompt that was being answered last."""

CHANGE_SECONDS = 5.0
"""How long the end of the server waits for changes that have begun."""


class Sessions:
    """Everything one can do with conversations. Knows nothing of HTTP.

    `prompts` is how users talk in them, `history` goes back in them, `state` tells how they stand, `transfer`
    exports and imports them.
    """

    def __init__(
        self,
        dependencies: TurnDependencies,
        commands: Commands,
        may_share: bool = True,
        limits: Limits | None = None,
    ) -> None:
        self._dependencies = dependencies
        self._may_share = may_share
        self._store = dependencies.store
        self._bus = dependencies.bus
        self._cache = SessionCache(dependencies.store, dependencies.bus)
        self._runner = Runner(dependencies, self._cache, Delegation(self, dependencies.agents))
        self.underway: set[asyncio.Task[Any]] = set()
        self.snapshot = Snapshot(dependencies.store, self._cache, self._runner, dependencies.pending_requests)
        self.history = History(dependencies.store, dependencies.bus, self._cache, self._runner)
        self.prompts = Prompts(
            dependencies, self._cache, self._runner, self.history, commands, limits or Limits()
        )
        self.transfer = Transfer(dependencies, self._cache)

    async def recover(self) -> int:
        """Close what the server left open when it last stopped; returns how many answers were cut."""
        opened = await self._store.unfinished()
        cut = {message.info.session_id for message in opened if close_cut(self._store, message)}
        for prompt in (message.info for message in opened if isinstance(message.info, UserMessage)):
            newest = await self._store.messages(prompt.session_id, limit=NEWEST)
            if close_unanswered(self._store, prompt, newest, self._dependencies.directory):
                cut.add(prompt.session_id)
        for session_id in cut:
            self._cache.write(await self._cache.get(session_id))
        await self._store.commit()
        return len(cut)

    async def close(self, grace: float = 0) -> None:
        """Take no more prompts, let turns end within `grace` seconds, abort the rest and store their ends."""
        self._runner.closing = True
        if changes := self.underway | self.prompts.underway | self.history.underway | self.transfer.underway:
            await asyncio.wait(changes, timeout=CHANGE_SECONDS)
        await self._runner.close(grace)

    @whole
    async def create(self, body: CreateSessionBody) -> Session:
        """Make a session; raises BadRequest, BodyTooLarge and NotFound."""
        title = clean_title(given(body.title, ""))
        check_metadata(given(body.metadata, {}))
        check_rules(given(body.permission, []))
        if body.parent_id:
            await self._cache.get(body.parent_id)
        if body.agent:
            self._dependencies.agents.get(body.agent)
        if body.model:
            await self._dependencies.providers.resolve(body.model.provider_id, body.model.id)
        now = now_ms()
        stamp = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        session = Session(
            id=ids.descending("ses"),
            slug=make_slug(),
            project_id="global",
            directory=self._dependencies.directory,
            path=self._dependencies.path,
            title=title or f"{DEFAULT_TITLE}{stamp}Z",
            version=__version__,
            time=SessionTime(created=now, updated=now),
            cost=0,
            tokens=Tokens(),
            parent_id=body.parent_id,
            agent=body.agent,
            model=body.model,
            metadata=body.metadata,
            permission=body.permission,
        )
        unit = self._store.unit()
        unit.put_session(session)
        await unit.commit()
        self._store.begin_history(session.id)
        self._cache.add(session)
        self._bus.publish(SessionCreated(session_id=session.id, info=session))
        return session

    async def get(self, session_id: str) -> Session:
        """Return a session; raises NotFound."""
        return await self._cache.get(session_id)

    async def find(self, query: SessionQuery) -> list[Session]:
        """Return one page of sessions, the last changed first."""
        return self._cache.current(await self._store.sessions(query))

    async def search(self, words: str, limit: int, skip: int = 0) -> Found:
        """Return root sessions with `words` in the title or in a text: `limit` after the first `skip`.

        Those that have them in the title come first, then those that said them as words, then those that said
        something with them in it.
        """
        found = await self._store.search(words, limit, skip)
        current = self._cache.current([match.session for match in found.matches])
        matches = [Match(match.place, session) for match, session in zip(found.matches, current, strict=True)]
        return Found(matches, found.more)

    async def children(self, session_id: str) -> list[Session]:
        """Return the sessions that a session began; raises NotFound."""
        await self._cache.get(session_id)
        return await self.find(SessionQuery(parent_id=session_id))

    @whole
    async def update(self, session_id: str, body: UpdateSessionBody) -> Session:
        """Change what a client may change; raises NotFound, BadRequest and BodyTooLarge, nothing changed."""
        session = await self._cache.get(session_id)
        title = clean_title(given(body.title, session.title))
        if not title:
            raise BadRequest("title is empty: send a text.")
        check_metadata(given(body.metadata, {}))
        permission = [*given(session.permission, []), *given(body.permission, [])]
        check_rules(permission)
        session.title = title
        if body.metadata is not UNSET:
            session.metadata = body.metadata
        if body.permission is not UNSET:
            session.permission = permission
        if body.time is not UNSET:
            session.time.archived = body.time.archived
        return await self._changed(session)

    @whole
    async def share(self, session_id: str, base_url: str) -> Session:
        """Give a session an address where everyone who knows it may read; raises NotFound and BadRequest."""
        if not self._may_share:
            raise BadRequest('Sharing is off: opencode.json says "share": "disabled".')
        session = await self._cache.get(session_id)
        if not session.share:
            url = f"{base_url}/share/{session_id}/{secrets.token_urlsafe(18)}"
            session.share = SessionShare(url=url)
        return await self._changed(session)

    @whole
    async def unshare(self, session_id: str) -> Session:
        """Take that address away; raises NotFound."""
        session = await self._cache.get(session_id)
        session.share = UNSET
        return await self._changed(session)

    async def shared(self, session_id: str, token: str) -> Session:
        """Return a session by its shared address; raises NotFound where it is not, or no longer."""
        session = await self._cache.get(session_id)
        known = session.share.url.rpartition("/")[2] if session.share else ""
        if not (known and hmac.compare_digest(known.encode(), token.encode())):
            raise NotFound("This link does not work, or no longer.")
        return session

    @whole
    async def delete(self, session_id: str) -> None:
        """Stop a session's turn and remove it, its children and all that belongs to them; raises NotFound."""
        session = await self._cache.get(session_id)
        for child in await self.children(session_id):
            await self.delete(child.id)
        await self._runner.forget(session_id)
        unit = self._store.unit()
        unit.remove_session(session_id)
        await unit.commit()
        self._cache.drop(session_id)
        await self._runner.forget(session_id)  # a prompt may have come in between
        self._bus.publish(SessionDeleted(session_id=session_id, info=session))

    async def todos(self, session_id: str) -> list[Todo]:
        await self._cache.get(session_id)
        return await self._store.todos(session_id)

    async def messages(
        self, session_id: str, limit: int | None = None, before: str | None = None
    ) -> list[MessageWithParts]:
        """Return the newest `limit` messages before the message `before`, in order; raises NotFound."""
        await self._cache.get(session_id)
        return await self._store.messages(session_id, limit, before)

    async def message(self, session_id: str, message_id: str) -> MessageWithParts:
        """Return one message; raises NotFound."""
        await self._cache.get(session_id)
        message = await self._store.message(session_id, message_id)
        if message is None:
            raise NotFound(f"Message not found: {message_id}")
        return message

    async def abort(self, session_id: str) -> bool:
        """Stop a session's turn; what it wrote so far stays. Raises NotFound."""
        await self._cache.get(session_id)
        return await self._runner.abort(session_id)

    async def _changed(self, session: Session) -> Session:
        self._cache.write(session)
        await self._store.commit()
        self._cache.tell(session)
        return session

    def statuses(self) -> dict[str, SessionStatus]:
        """Return the status of every session whose turn is running."""
        return {session_id: running.state for session_id, running in self._runner.all().items()}

    def waiting(self) -> int:
        """Return how many prompts no step has taken up yet."""
        return sum(running.turn.waiting for running in self._runner.all().values())

    def present_state(self, session_id: str | None = None) -> Iterator[EventProperties]:
        """Yield events that tell how running turns stand."""
        return self.snapshot.present(session_id)
