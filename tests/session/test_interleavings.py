"""All operations on sessions at once, in random order: each happened or was refused, and nothing else did.

A batch of operations starts together. Afterwards the sessions in memory, on disk and as a client knows them
from the events are compared, and held against what the operations answered.
"""

import asyncio
import json
import logging
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from opencode.errors import BadRequest, Conflict, NotFound
from opencode.schema.event import envelope
from opencode.schema.message import AssistantMessage
from opencode.schema.part import StepFinishPart, TextPart
from opencode.schema.prompt import CreateSessionBody, PromptBody, TextPartInput, UpdateSessionBody
from opencode.schema.session import Session
from opencode.schema.transfer import ImportedSession, SessionImport
from opencode.session.services import Services
from opencode.store import SessionQuery
from tests.faults.mirror import Mirror

from .conftest import running_services

REFUSALS = (NotFound, Conflict, BadRequest)

KINDS = (
    "note",
    "prompt",
    "command",
    "abort",
    "rename",
    "share",
    "unshare",
    "revert",
    "unrevert",
    "fork",
    "export",
    "import",
    "remove message",
    "remove part",
    "change part",
    "replace",
    "child",
    "delete",
    "leave",
)

operations = st.tuples(st.sampled_from(KINDS), st.integers(0, 2), st.integers(0, 5))
batches = st.lists(st.lists(operations, min_size=1, max_size=6), min_size=1, max_size=4)


class World:
    """Sessions that operations work on, and what is known of them from the answers alone."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.slots: list[str] = []
        self.parents: dict[str, str] = {}
        self.deleted: set[str] = set()
        self.titles: dict[str, set[str]] = defaultdict(set)
        self.shared: dict[str, set[bool]] = {}
        self.kept: dict[str, set[str]] = defaultdict(set)
        self.number = 0

    async def start(self) -> None:
        for number in range(3):
            session = await self.services.sessions.create(CreateSessionBody(title=f"session {number}"))
            self.slots.append(session.id)
            self.titles[session.id] = {session.title}
            self.shared[session.id] = {False}

    async def run(self, batch: list[tuple[str, int, int]]) -> None:
        """Run operations together, and note what each answered."""
        titles, shared = defaultdict(set), defaultdict(set)
        going_back: set[str] = set()
        sent: dict[str, set[str]] = defaultdict(set)

        async def one(kind: str, slot: int, place: int) -> None:
            session_id = self.slots[slot]
            self.number += 1
            try:
                result = await self._do(kind, session_id, place, f"{kind} {self.number}")
            except REFUSALS:
                return
            if kind in ("note", "prompt", "replace") and result is not None:
                sent[session_id].add(result)
            if kind in ("revert", "replace", "remove message"):
                going_back.add(session_id)
            elif kind == "rename":
                titles[session_id].add(result)
            elif kind in ("share", "unshare"):
                shared[session_id].add(kind == "share")
            elif kind == "delete":
                self.deleted.add(session_id)
            elif kind == "child":
                self.parents[result] = session_id

        reverted = {each for each in self.slots if await self._revert_of(each)}
        results = await asyncio.gather(*(one(*operation) for operation in batch), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        await self._rest()
        for session_id in self.slots:
            if titles[session_id]:
                self.titles[session_id] = titles[session_id]
            if shared[session_id]:
                self.shared[session_id] = shared[session_id]
            if session_id in going_back | reverted:
                self.kept[session_id] = set()  # any of them may have been removed
            else:
                self.kept[session_id] |= sent[session_id]
        await self._check()
        for slot, session_id in enumerate(self.slots):
            if session_id in self.deleted:
                session = await self.services.sessions.create(CreateSessionBody(title=f"anew {self.number}"))
                self.slots[slot] = session.id
                self.titles[session.id] = {session.title}
                self.shared[session.id] = {False}

    async def _do(self, kind: str, session_id: str, place: int, text: str) -> Any:  # noqa: PLR0912
        services = self.services
        match kind:
            case "note" | "prompt":
                body = PromptBody(parts=[TextPartInput(text="think" if kind == "prompt" else text)])
                body.no_reply = kind == "note"
                return (await services.prompts.send(session_id, body)).message.info.id
            case "command":
                body = PromptBody(content="todo: a, b")
                await (await services.prompts.send(session_id, body)).answer()
            case "abort":
                await services.turns.abort(session_id)
            case "rename":
                return (await services.sessions.update(session_id, UpdateSessionBody(title=text))).title
            case "share":
                await services.sessions.share(session_id, "http://localhost")
            case "unshare":
                await services.sessions.unshare(session_id)
            case "revert":
                await services.history.revert(session_id, await self._message(session_id, place))
            case "unrevert":
                await services.history.unrevert(session_id)
            case "fork":
                fork = await services.history.fork(session_id, None)
                self._check_closed(await services.sessions.messages(fork.id))
            case "export":
                self._check_closed((await services.transfer.export(session_id)).messages)
            case "import":
                await self._import(session_id)
            case "remove message":
                await services.history.remove_message(session_id, await self._message(session_id, place))
            case "remove part":
                message_id, part_id = await self._text_part(session_id, place)
                await services.history.remove_part(session_id, message_id, part_id)
            case "change part":
                message_id, part_id = await self._text_part(session_id, place)
                part = TextPart(id=part_id, session_id=session_id, message_id=message_id, text=text)
                await services.history.update_part(session_id, message_id, part)
            case "replace":
                body = PromptBody(content=text, no_reply=True)
                message_id = await self._message(session_id, place)
                return (await services.prompts.send(session_id, body, message_id)).message.info.id
            case "child":
                return (await services.sessions.create(CreateSessionBody(parent_id=session_id))).id
            case "delete":
                await services.deletion.delete(session_id)
            case "leave":
                task = asyncio.ensure_future(services.prompts.send(session_id, PromptBody(content="think")))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        return None

    async def _import(self, session_id: str) -> None:
        export = await self.services.transfer.export(session_id)
        info = ImportedSession(id=session_id, title="imported")
        session = await self.services.transfer.import_(SessionImport(info=info, messages=export.messages))
        assert session.id != session_id or session_id in self.deleted
        assert len(await self.services.sessions.messages(session.id)) == len(export.messages)

    async def _message(self, session_id: str, place: int) -> str:
        messages = await self.services.sessions.messages(session_id)
        return messages[place % len(messages)].info.id if messages else "msg_nothing"

    async def _text_part(self, session_id: str, place: int) -> tuple[str, str]:
        for message in await self.services.sessions.messages(session_id):
            for part in message.parts:
                if isinstance(part, TextPart):
                    return message.info.id, part.id
        raise NotFound("no text")

    async def _revert_of(self, session_id: str) -> bool:
        return bool((await self.services.sessions.get(session_id)).revert)

    async def _rest(self) -> None:
        """Wait for the ends of all turns, and for what waits to be written."""
        while (running := self.services.turns.all()) or len(self.services.changes):
            await asyncio.gather(*(each.wait() for each in running.values()), asyncio.sleep(0.001))
        await self.services.store.commit()

    async def _check(self) -> None:
        services = self.services
        listed = {each.id: each for each in await services.sessions.find(SessionQuery(limit=10_000))}
        for session_id in self.slots:
            if session_id in self.deleted:
                assert session_id not in listed
                with pytest.raises(NotFound):
                    await services.sessions.get(session_id)
                assert await services.store.messages(session_id) == []
                assert await services.store.todos(session_id) == []
                continue
            session = await services.sessions.get(session_id)
            assert listed[session_id] == session
            assert session.title in self.titles[session_id]
            assert bool(session.share) in self.shared[session_id]
            messages = await services.sessions.messages(session_id)
            self._check_closed(messages)
            self._check_costs(session, messages)
            assert self.kept[session_id] <= {message.info.id for message in messages}
        for child, parent in self.parents.items():
            assert (child in listed) == (parent not in self.deleted)

    def _check_closed(self, messages: Iterable[Any]) -> None:
        for message in messages:
            if isinstance(message.info, AssistantMessage):
                assert message.info.time.completed is not UNSET, message.info
            for part in message.parts:
                assert getattr(getattr(part, "state", None), "status", "") not in ("pending", "running")

    def _check_costs(self, session: Session, messages: Iterable[Any]) -> None:
        steps = [part for each in messages for part in each.parts if isinstance(part, StepFinishPart)]
        assert session.tokens.output == sum(step.tokens.output for step in steps)


async def act(data_dir: Path, plan: list[list[tuple[str, int, int]]]) -> None:
    async with running_services(data_dir) as services:
        mirror = Mirror()
        events = services.bus.subscribe()
        world = World(services)
        await world.start()
        for batch in plan:
            await world.run(batch)
        for event in events.take():
            mirror.take(event.id, json.loads(envelope(event.id, event.properties)))
        for session_id in world.slots:
            stored = await services.sessions.messages(session_id)
            assert mirror.of(session_id) == json.loads(msgspec.json.encode(stored))
            session = await services.sessions.get(session_id)
            assert mirror.sessions[session_id] == json.loads(msgspec.json.encode(session))
        assert not world.deleted & mirror.sessions.keys()


@pytest.mark.timeout(300)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=batches)
def test_each_operation_happens_entirely_or_is_refused(
    plan: list[list[tuple[str, int, int]]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    with tempfile.TemporaryDirectory() as data_dir:
        asyncio.run(act(Path(data_dir), plan))
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == []
