"""Running turns: one at a time for each session, each in a task that is independent of requests."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol
from weakref import proxy

from opencode import observe
from opencode.agent.exchange import HANDED_OVER, is_last_step
from opencode.agent.prompt_defaults import PromptDefaults, prompt_defaults
from opencode.agent.turn import Turn
from opencode.errors import AgentServerError, Conflict, ModelError, NotFound, Unavailable
from opencode.schema.base import given
from opencode.schema.event import EventProperties, MessageUpdated, SessionIdle, SessionStatusChanged
from opencode.schema.message import AssistantMessage, MessageWithParts, ModelChoice, UserMessage
from opencode.schema.part import Tokens
from opencode.schema.session import PermissionRule, Session, SessionStatus, StatusIdle
from opencode.store import Unit
from opencode.tasks import Tasks
from opencode.tool.base import Started, Task, TaskAnswer

from .active_setup import ActiveSetup
from .cache import LiveSession
from .sessions import Sessions
from .titles import Titles

ABORT_SECONDS = 5.0
"""How long an abort waits for a turn to store its end. After that the turn ends in the background."""

NEWEST = 10
"""How many of a session's newest messages are searched for its last answer."""

STOPPED = "The server was stopped. The text so far is kept."

log = logging.getLogger(__name__)


class RunningTurn:
    """A session's running turn and its task. Implements TurnSession for the turn.

    `before`: a turn of the same session that is being aborted; the new turn waits for its end. `end`: the
    last event that the turn publishes. `handed_over`: it is left as it is when it is stopped, so that the
    next start of the server goes on with it.
    """

    def __init__(self, turns: "Turns", live: LiveSession, before: "RunningTurn | None" = None) -> None:
        self._turns = turns
        self.session_id = live.id
        self._live = live
        self._before = before
        self._prompts: list[UserMessage] = []
        self._open_prompts: list[UserMessage] = []
        self._begun = asyncio.Event()
        self._answering = False
        self.state: SessionStatus = StatusIdle()
        self.stopping = False
        self.handed_over = False
        self._resumed = False
        self.end = SessionIdle(session_id=live.id)
        # The proxy avoids a reference cycle, so both are freed as soon as the turn ends.
        self.turn = Turn(turns.setup.dependencies, given(live.info.permission, []), proxy(self))
        self.task = turns.tasks.spawn(self._run(), f"turn of {live.id}")

    def add(self, prompt: MessageWithParts, before: str = "") -> None:
        """Add a prompt for the next step; `before`: the id of the waiting prompt that it precedes."""
        if isinstance(prompt.info, UserMessage):
            self._prompts.append(prompt.info)
            self._open_prompts.append(prompt.info)
        self.turn.add(prompt, before)

    def withdraw(self, message_id: str) -> tuple[MessageWithParts, str] | None:
        """Take back a prompt as `Turn.withdraw` does."""
        withdrawn = self.turn.withdraw(message_id)
        if withdrawn is not None:
            self._prompts = [prompt for prompt in self._prompts if prompt.id != message_id]
            self._open_prompts = [prompt for prompt in self._open_prompts if prompt.id != message_id]
        return withdrawn

    def resume(self, prompts: Sequence[UserMessage]) -> None:
        """Go on with the answers to stored prompts, the last of which the server's stop cut."""
        self._resumed = True
        self._prompts += prompts
        self._open_prompts += prompts

    async def wait(self) -> None:
        """Wait for the end of the turn; cancelling the wait leaves the turn alone."""
        await asyncio.wait([self.task])

    async def stop(self, reason: str) -> None:
        """Cancel the turn and wait until its end is stored, at most ABORT_SECONDS."""
        self.stopping = True
        await self._begun.wait()  # a task that is cancelled before it starts never runs, not even `finally`
        self.task.cancel(HANDED_OVER if self.handed_over else reason)
        await asyncio.wait([self.task], timeout=ABORT_SECONDS)

    def new_message_id(self) -> str:
        return self._live.new_message_id()

    def defaults(self) -> PromptDefaults:
        return prompt_defaults(given(self._live.info.metadata, {}))

    async def commit(
        self, unit: Unit, events: Sequence[EventProperties], cost: float = 0, tokens: Tokens | None = None
    ) -> None:
        answered = self._answered_by(events)
        for prompt in answered:
            unit.put_message(prompt)
        async with self._turns.sessions.edit(self._live.id, unit) as draft:
            if tokens is not None:
                draft.charge(cost, tokens)
            draft.publish(*events)
        self._open_prompts = [prompt for prompt in self._open_prompts if prompt not in answered]

    async def allow(self, rules: list[PermissionRule]) -> None:
        try:
            async with self._turns.sessions.edit(self._live.id) as draft:
                draft.session.permission = [*given(draft.session.permission, []), *rules]
        except Unavailable as error:
            log.warning("a permission could not be stored and applies to this turn only: %s", error.message)

    def status(self, status: SessionStatus) -> None:
        self.state = status
        self._turns.publish(SessionStatusChanged(session_id=self._live.id, status=status))

    def answering(self) -> None:
        if not self._answering:
            self._answering = True
            self._turns.titles.begin(self._live, self.turn.first_prompt(), self.task)

    async def delegate(self, task: Task, model: ModelChoice, started: Started) -> TaskAnswer:
        return await self._turns.delegation.run(self._live.info, task, model, started)

    async def rejoin(self, session_id: str) -> TaskAnswer:
        return await self._turns.delegation.rejoin(self._live.info, session_id)

    async def _run(self) -> None:
        self._begun.set()
        with observe.watch(observe.Turn(session_id=self._live.id)) as work:
            try:
                if self._before is not None:
                    await self._before.wait()
                    self._before = None
                await self._answer()
                work.outcome = "error" if self.turn.failed else "ok"
            except (asyncio.CancelledError, NotFound):  # aborted, or its session is deleted
                work.outcome = "aborted"
            except AgentServerError as error:
                work.fail(error)
                log.error("turn ended: %s", error.message)
            except Exception as error:
                work.fail(error)
                log.exception("turn failed")
            finally:
                if not self.handed_over:
                    self._mark_answered()
                self._turns.forget(self)
                if not self._live.removed and not self.handed_over:
                    self.status(StatusIdle())
                    self._turns.publish(self.end)

    async def _answer(self) -> None:
        """Answer all prompts; with an error if the conversation can't be read or written."""
        try:
            known = [prompt.id for prompt in self._prompts]
            self.turn.load(await self._turns.history(self._live.id, known, whole=self._resumed))
            await self.turn.run(self._resumed)
        except Unavailable as error:
            await self.turn.fail(self._prompts, ModelError(error.message))

    def _answered_by(self, events: Sequence[EventProperties]) -> list[UserMessage]:
        """Return the prompts that a message answers for good, if one ends with these events."""
        prompt_ids = [prompt.id for prompt in self._open_prompts]
        for event in events:
            if not isinstance(event, MessageUpdated) or not isinstance(event.info, AssistantMessage):
                continue
            answer = event.info
            if answer.time.completed and is_last_step(answer) and answer.parent_id in prompt_ids:
                return self._open_prompts[: prompt_ids.index(answer.parent_id) + 1]
        return []

    def _mark_answered(self) -> None:
        """Mark all other prompts as answered, except those that the server's stop left without an answer."""
        for prompt in self._open_prompts if not self._live.removed else ():
            if not self._turns.closing or self.turn.answer_to(prompt.id) is not None:
                self._turns.store.put_message(prompt)


class Delegates(Protocol):
    """Has tasks of sessions done by other agents."""

    async def run(self, parent: Session, task: Task, model: ModelChoice, started: Started) -> TaskAnswer:
        """Run a task, with the given model unless the agent has its own."""

    async def rejoin(self, parent: Session, session_id: str) -> TaskAnswer:
        """Wait for a task that has begun in a child session."""


class Turns:
    """Starts turns, adds prompts to running ones, and aborts them.

    `delegation`: runs the tasks that turns delegate. `closing`: the server is stopping and accepts no
    prompts. `resumes`: the next start goes on with turns that this one's stop cuts.
    """

    delegation: Delegates

    def __init__(self, setup: ActiveSetup, sessions: Sessions, tasks: Tasks, resumes: bool = False) -> None:
        self.setup = setup
        self.store = setup.dependencies.store
        self.sessions = sessions
        self.tasks = tasks
        self.titles = Titles(setup, sessions, tasks)
        self.publish = setup.dependencies.bus.publish
        self.closing = False
        self.resumes = resumes
        self._running: dict[str, RunningTurn] = {}

    def submit(self, live: LiveSession, prompt: MessageWithParts, before: str = "") -> RunningTurn:
        """Submit a stored prompt to the session's running turn, or start a turn.

        `before`: the id of the waiting prompt that it precedes. Call this directly after the prompt's commit,
        before anyone else can take the session's lock.
        """
        running = self._running.get(live.id)
        if running is None or running.stopping:
            running = self._running[live.id] = RunningTurn(self, live, before=running)
        running.add(prompt, before)
        return running

    def resume(self, live: LiveSession, prompts: Sequence[UserMessage]) -> None:
        """Go on with a session's turn that the server's last stop cut; `prompts`: those that are open."""
        running = self._running[live.id] = RunningTurn(self, live)
        running.resume(prompts)

    async def last_answer(self, session_id: str) -> MessageWithParts | None:
        """Wait for the end of a session's turn, if one runs, and return the session's last answer."""
        if (running := self._running.get(session_id)) is not None:
            await running.wait()
        newest = await self.store.messages(session_id, limit=NEWEST)
        return next((each for each in reversed(newest) if isinstance(each.info, AssistantMessage)), None)

    def is_waiting(self, session_id: str, message_id: str) -> bool:
        """Return whether a prompt waits behind the message that is being written."""
        running = self._running.get(session_id)
        return running is not None and not running.stopping and running.turn.is_queued(message_id)

    def withdraw(self, session_id: str, message_id: str) -> tuple[MessageWithParts, str]:
        """Take a prompt that waits out of the running turn; raises Conflict if it does not wait.

        Returns it and the id of the one that waits behind it, "" if none does.
        """
        running = self._running.get(session_id)
        withdrawn = None if running is None or running.stopping else running.withdraw(message_id)
        if withdrawn is None:
            raise Conflict("This message does not wait any more: its answer has begun.")
        return withdrawn

    async def settled(self, session_id: str) -> None:
        """Wait until a turn that is being aborted has ended, so that its end precedes the next message."""
        running = self._running.get(session_id)
        if running is not None and running.stopping:
            await running.wait()

    async def history(
        self, session_id: str, prompts: Sequence[str], whole: bool = False
    ) -> list[MessageWithParts]:
        """Return a session's messages for a turn that has these prompts already; raises Unavailable.

        `whole`: with these prompts, too.
        """
        if whole:
            return await self.store.history(session_id, prompts[0])
        if self.store.has_only(session_id, prompts[0]):
            return []
        return await self.store.history(session_id, prompts[0], prompts)

    def get(self, session_id: str) -> RunningTurn | None:
        return self._running.get(session_id)

    def check_at_rest(self, session_id: str) -> None:
        """Raise Conflict if a turn is running."""
        if session_id in self._running:
            raise Conflict("A turn is running in this session. Abort it or wait until it ends.")

    def all(self) -> dict[str, RunningTurn]:
        return dict(self._running)

    def statuses(self) -> dict[str, SessionStatus]:
        """Return the status of every session whose turn is running."""
        return {session_id: running.state for session_id, running in self._running.items()}

    def waiting(self) -> int:
        """Return the number of prompts that no step has started to answer."""
        return sum(running.turn.waiting for running in self._running.values())

    def forget(self, ended: RunningTurn) -> None:
        """Remove a turn that has ended, unless a new one of its session has replaced it already."""
        if self._running.get(ended.session_id) is ended:
            del self._running[ended.session_id]

    async def abort(self, session_id: str) -> bool:
        """Stop a session's turn and wait until its end is stored; its text so far stays.

        Returns whether one was running. Raises NotFound.
        """
        await self.sessions.open(session_id)
        return await self._abort(session_id)

    async def remove(self, session_id: str) -> None:
        """Stop the turn and the title of a deleted session."""
        await self._abort(session_id)
        await self.titles.stop(session_id)

    async def close(self, grace: float = 0) -> None:
        """Refuse new prompts, let turns run for up to `grace` seconds, and stop the rest.

        Returns when their ends are stored, or what there is of those that go on after the next start.
        """
        self.closing = True
        turns = list(self._running.values())
        if turns and grace:
            log.info("waiting up to %g s for %d turns", grace, len(turns))
            await asyncio.wait([running.task for running in turns], timeout=grace)
        self.titles.stop_all()
        for running in self._running.values():
            running.handed_over = self.resumes and not running.stopping
        await asyncio.gather(*(running.stop(STOPPED) for running in self._running.values()))

    async def _abort(self, session_id: str) -> bool:
        running = self._running.get(session_id)
        if running is None:
            return False
        await running.stop("Aborted")
        return True
