"""Creates, finds, reads, changes and shares sessions."""

import hmac
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from msgspec import UNSET

from opencode import __version__, ids
from opencode.clock import now_ms
from opencode.cluster import ALONE, Ownership
from opencode.errors import BadRequest, Elsewhere, NotFound
from opencode.schema.base import given
from opencode.schema.event import SessionCreated, SessionUpdated
from opencode.schema.message import MessageWithParts
from opencode.schema.part import Tokens
from opencode.schema.prompt import CreateSessionBody, UpdateSessionBody
from opencode.schema.session import Session, SessionShare, SessionTime, Todo
from opencode.store import Found, SessionQuery, Unit
from opencode.tasks import hold

from .active_setup import ActiveSetup
from .cache import LiveSession, SessionCache
from .draft import Draft
from .slug import make_slug
from .validation import check_metadata, check_rules, clean_title

DEFAULT_TITLE = "New session - "
"""The prefix of a generated title, which is replaced after the first prompt."""

ALL = 2**31
"""A limit that no list reaches, for queries without paging."""


class Sessions:
    """All sessions, independent of HTTP and turns. Every change of an existing one goes through `edit`."""

    def __init__(self, setup: ActiveSetup, ownership: Ownership = ALONE) -> None:
        self._setup = setup
        self._store = setup.dependencies.store
        self._bus = setup.dependencies.bus
        self._ownership = ownership
        self._cache = SessionCache(self._store, ownership)

    @asynccontextmanager
    async def edit(self, session_id: str, unit: Unit | None = None) -> AsyncIterator[Draft]:
        """Change a session: the draft is committed as one unit, then replaces the session and is published.

        On any error, in the block or in the database, nothing has changed. Changes of one session run one
        after the other. Do not wait for the session's turn in the block: a turn changes its session too.
        `unit`: rows to commit with the draft. Raises NotFound, and Unavailable if the change can't be stored.
        """
        async with self.locked(session_id) as live:
            draft = Draft(live.info, unit or self._store.unit())
            yield draft
            await hold(self._commit(live, draft))

    @asynccontextmanager
    async def locked(self, session_id: str) -> AsyncIterator[LiveSession]:
        """Lock a session against changes until the block ends; raises NotFound. The rules of `edit` apply."""
        live = await self._cache.get(session_id)
        async with live.lock:
            live.check()
            yield live

    async def open(self, session_id: str) -> LiveSession:
        """Return the live session, whose `info` is always current; raises NotFound."""
        return await self._cache.get(session_id)

    async def get(self, session_id: str) -> Session:
        """Return a session; raises NotFound."""
        return (await self._cache.get(session_id)).info

    async def claim(self, session: Session) -> None:
        """Make a session this server's that is about to be stored; raises Elsewhere if its parent is not."""
        peer = await self._ownership.claim_new(session.id, given(session.parent_id, None))
        if peer is not None:
            raise Elsewhere(peer.id)

    async def claim_stored(self, session_id: str) -> None:
        """Make a session this server's, in the trash or not; raises Elsewhere if it is another's."""
        peer = await self._ownership.claim(session_id)
        if peer is not None:
            raise Elsewhere(peer.id)

    async def is_own(self, session_id: str) -> bool:
        """Return whether a session is this server's, after taking it if it is nobody's."""
        return await self._ownership.claim(session_id) is None

    def forget(self, is_lost: Callable[[str], bool]) -> None:
        """Keep in memory no longer what belongs to another server from now on."""
        self._store.forget_histories(self._cache.forget(is_lost))

    def add(self, session: Session, newest: str = "") -> None:
        """Add and publish a session that has just been stored. `newest`: the id of its last message."""
        self._cache.add(session, newest)
        self._bus.publish(SessionCreated(session_id=session.id, info=session))

    def remove(self, live: LiveSession) -> None:
        """Mark a session as deleted, so that every use of it raises NotFound."""
        self._cache.remove(live)

    async def create(self, body: CreateSessionBody) -> Session:
        """Create a session; raises BadRequest, BodyTooLarge, NotFound and Unavailable."""
        title = clean_title(given(body.title, ""))
        check_metadata(given(body.metadata, {}))
        check_rules(given(body.permission, []))
        if body.agent:
            self._setup.dependencies.agents.get(body.agent)
        if body.model:
            await self._setup.dependencies.providers.resolve(body.model.provider_id, body.model.id)
        now = now_ms()
        stamp = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        session = Session(
            id=ids.descending("ses"),
            slug=make_slug(),
            project_id="global",
            directory=self._setup.dependencies.directory,
            path=self._setup.dependencies.path,
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
        await self.claim(session)
        if not body.parent_id:
            await hold(self._commit_new(session))
        else:
            async with self.locked(body.parent_id):  # a session that is being deleted gets no more children
                await hold(self._commit_new(session))
        return session

    async def find(self, query: SessionQuery) -> list[Session]:
        """Return one page of sessions, the most recently changed first."""
        return await self._store.sessions(query)

    async def search(self, words: str, limit: int, skip: int = 0) -> Found:
        """Return root sessions with `words` in the title or in a text: up to `limit`, after the first `skip`.

        Matches in titles come first, then whole words in texts, then parts of longer words in texts.
        """
        return await self._store.search(words, limit, skip)

    async def children(self, session_id: str) -> list[Session]:
        """Return all child sessions of a session; raises NotFound."""
        await self._cache.get(session_id)
        return await self.find(SessionQuery(parent_id=session_id, limit=ALL))

    async def update(self, session_id: str, body: UpdateSessionBody) -> Session:
        """Update a session's title, metadata, permissions or archive time.

        Raises NotFound, BadRequest and BodyTooLarge.
        """
        async with self.edit(session_id) as draft:
            session = draft.session
            title = clean_title(given(body.title, session.title))
            if not title:
                raise BadRequest("title is empty: send a text.")
            session.title = title
            if body.metadata is not UNSET:
                check_metadata(body.metadata)
                session.metadata = body.metadata
            if body.permission is not UNSET:
                session.permission = [*given(session.permission, []), *body.permission]
                check_rules(session.permission)
            if body.time is not UNSET:
                session.time.archived = body.time.archived
        return draft.session

    async def share(self, session_id: str, base_url: str) -> Session:
        """Share a session by a secret link at which anyone can read it; raises NotFound and BadRequest."""
        if self._setup.settings.config.share == "disabled":
            raise BadRequest('Sharing is off: opencode.json has "share": "disabled".')
        async with self.edit(session_id) as draft:
            if not draft.session.share:
                url = f"{base_url}/share/{session_id}/{secrets.token_urlsafe(18)}"
                draft.session.share = SessionShare(url=url)
        return draft.session

    async def unshare(self, session_id: str) -> Session:
        """Invalidate a session's share link; raises NotFound."""
        async with self.edit(session_id) as draft:
            draft.session.share = UNSET
        return draft.session

    async def shared(self, session_id: str, token: str) -> Session:
        """Return a session by the token of its share link; raises NotFound if the token is invalid."""
        session = await self.get(session_id)
        known = session.share.url.rpartition("/")[2] if session.share else ""
        if not (known and hmac.compare_digest(known.encode(), token.encode())):
            raise NotFound("This link is invalid or has expired.")
        return session

    async def todos(self, session_id: str) -> list[Todo]:
        """Return a session's todos in order; raises NotFound."""
        await self._cache.get(session_id)
        return await self._store.todos(session_id)

    async def messages(
        self, session_id: str, limit: int | None = None, before: str | None = None, outlines: bool = False
    ) -> list[MessageWithParts]:
        """Return the newest `limit` messages before the message `before`, in order; raises NotFound.

        `outlines`: without the content of files, as pages show them.
        """
        await self._cache.get(session_id)
        return await self._store.messages(session_id, limit, before, outlines)

    async def count_visible(self, session_id: str) -> int:
        """Return how many messages a session has, without reverted ones; raises NotFound."""
        revert = (await self._cache.get(session_id)).info.revert
        if not revert:
            return await self._store.count_messages(session_id)
        before = await self._store.count_messages(session_id, revert.message_id)
        in_part = revert.part_id and await self._store.message(session_id, revert.message_id, True)
        return before + 1 if in_part else before

    async def message(self, session_id: str, message_id: str, outlines: bool = False) -> MessageWithParts:
        """Return one message; raises NotFound. `outlines`: without the content of files."""
        await self._cache.get(session_id)
        message = await self._store.message(session_id, message_id, outlines)
        if message is None:
            raise NotFound(f"Message not found: {message_id}")
        return message

    async def _commit(self, live: LiveSession, draft: Draft) -> None:
        draft.finish()
        await draft.unit.commit()
        live.info = draft.session
        updated = SessionUpdated(session_id=live.id, info=live.info)
        for event in (*draft.events, updated, *draft.later_events):
            self._bus.publish(event)

    async def _commit_new(self, session: Session) -> None:
        unit = self._store.unit()
        unit.put_session(session)
        await unit.commit()
        self._store.begin_history(session.id)
        self.add(session)
