"""Running turns: one at a time for each session, each in a task that belongs to no request."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary, proxy

from opencode import observe
from opencode.agent.dependencies import TurnDependencies
from opencode.agent.title import make_title
from opencode.agent.turn import Turn
from opencode.errors import AgentServerError, Conflict
from opencode.schema.base import given
from opencode.schema.event import SessionIdle, SessionStatusChanged
from opencode.schema.message import MessageWithParts, ModelChoice, UserMessage
from opencode.schema.part import SubtaskPart, TextPart, Tokens
from opencode.schema.session import PermissionRule, Session, SessionStatus, StatusIdle
from opencode.tool.base import Started, Task, TaskAnswer

from .cache import SessionCache

DEFAULT_TITLE = "New session - "
"""How a title begins until the session has one of its own."""

ABORT_SECONDS = 5.0
"""How long an abort waits for a turn to write its end; it goes on in the background after that."""

TITLE_SECONDS = 1.0
"""How far into a turn its session's title is asked for: where many turns begin at once, answers go first."""

log = logging.getLogger(__name__)


class RunningTurn:
    """A session's turn on its way: hears how it goes, and lets others wait for its end."""

    def __init__(self, runner: "Runner", session: Session, turn_history: list[MessageWithParts]) -> None:
        self._runner = runner
        self._session = session
        self._prompts: list[UserMessage] = []
        self._begun = asyncio.Event()
        self.state: SessionStatus = StatusIdle()
        self.stopping = False
        self._answering = False
        # By a proxy, so that both go at once when it is over, and wait for no garbage collector.
        self.turn = Turn(runner.dependencies, turn_history, given(session.permission, []), proxy(self))
        self.task = asyncio.create_task(self._run(), name=f"turn-{session.id}")

    def add(self, prompt: MessageWithParts) -> None:
        """Have the next step answer a prompt too."""
        if isinstance(prompt.info, UserMessage):
            self._prompts.append(prompt.info)
        self.turn.add(prompt)

    async def wait(self) -> None:
        """Wait for the end of the turn; cancelling the wait leaves the turn alone."""
        await asyncio.wait([self.task])

    async def stop(self, reason: str) -> None:
        """End the turn, and wait until its end is written, or for ABORT_SECONDS."""
        self.stopping = True
        await self._begun.wait()  # a task that is cancelled before its first step never takes it
        self.task.cancel(reason)
        await asyncio.wait([self.task], timeout=ABORT_SECONDS)

    def status(self, status: SessionStatus) -> None:
        self.state = status
        self._runner.dependencies.bus.publish(
            SessionStatusChanged(session_id=self._session.id, status=status)
        )

    def allowed(self, rules: list[PermissionRule]) -> None:
        self._session.permission = [*given(self._session.permission, []), *rules]
        self._runner.cache.write(self._session)

    def answering(self) -> None:
        if not self._answering:
            self._answering = True
            self._runner.begin_title(self._session, self)

    def charge(self, cost: float, tokens: Tokens) -> None:
        self._session.cost += cost
        self._session.tokens = self._session.tokens.plus(tokens)
        self._runner.cache.write(self._session)

    def stepped(self) -> None:
        self._runner.cache.tell(self._session)

    async def delegate(self, task: Task, model: ModelChoice, started: Started) -> TaskAnswer:
        return await self._runner.delegate(self._session, task, model, started)

    async def _run(self) -> None:
        self._begun.set()
        with observe.watch(observe.Turn(session_id=self._session.id)) as work:
            try:
                await self.turn.run()
                work.outcome = "error" if self.turn.failed else "ok"
            except asyncio.CancelledError:
                work.outcome = "aborted"
            except AgentServerError as error:
                work.fail(error)
                log.error("turn ended: %s", error.message)
            except Exception as error:
                work.fail(error)
                log.exception("turn failed")
            finally:
                self._settle_prompts()
                self._runner.cache.write(self._session)  # it has changed just now: see session/state
                self._runner.ended(self._session.id)
                self.status(StatusIdle())
                self._runner.dependencies.bus.publish(SessionIdle(session_id=self._session.id))

    def _settle_prompts(self) -> None:
        """Note that the prompts are owed nothing; those that the server's end left unanswered stay open."""
        for prompt in self._prompts:
            if not self._runner.closing or self.turn.answer_to(prompt.id) is not None:
                self._runner.dependencies.store.put_message(prompt)


Delegate = Callable[[Session, Task, ModelChoice, Started], Awaitable[TaskAnswer]]
"""Has another agent carry out a task of a session's, with a model unless the agent has its own."""


class Runner:
    """Starts, joins and aborts turns. `delegate`: who carries out the tasks that they give to others.

    `closing`: the server is about to stop, and takes no more prompts.
    """

    def __init__(self, dependencies: TurnDependencies, cache: SessionCache, delegate: Delegate) -> None:
        self.dependencies = dependencies
        self.cache = cache
        self.delegate = delegate
        self._running: dict[str, RunningTurn] = {}
        self._starting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._titles: dict[str, asyncio.Task[None]] = {}
        self.closing = False

    async def submit(self, session: Session, prompt: MessageWithParts) -> RunningTurn:
        """Have a stored prompt answered: by the running turn's next step, or by a new turn.

        Raises NotFound.
        """
        async with self._starting.setdefault(session.id, asyncio.Lock()):
            running = self._running.get(session.id)
            if running is not None and running.stopping:
                await running.wait()
                running = None
            if running is None:
                store = self.dependencies.store
                first = store.has_only(session.id, prompt.info.id)
                history = [] if first else await store.history(session.id, prompt.info.id)
                await self.cache.get(session.id)  # it may have been deleted meanwhile
                running = self._running[session.id] = RunningTurn(self, session, history)
            running.add(prompt)
            return running

    def get(self, session_id: str) -> RunningTurn | None:
        return self._running.get(session_id)

    def check_at_rest(self, session_id: str) -> None:
        """Raise Conflict where a turn runs."""
        if session_id in self._running:
            raise Conflict("The agent is at work in this session; abort it first, or wait.")

    def all(self) -> dict[str, RunningTurn]:
        return dict(self._running)

    def ended(self, session_id: str) -> None:
        self._running.pop(session_id, None)

    async def abort(self, session_id: str) -> bool:
        """Stop a session's turn and wait until its end is written; returns whether one was running."""
        running = self._running.get(session_id)
        if running is None:
            return False
        await running.stop("Aborted")
        return True

    async def forget(self, session_id: str) -> None:
        """Stop everything that works for a session."""
        await self.abort(session_id)
        if title := self._titles.get(session_id):
            title.cancel()
            await asyncio.wait([title], timeout=ABORT_SECONDS)

    async def close(self, grace: float = 0) -> None:
        """Take no more prompts, let turns end within `grace` seconds, and abort the rest.

        Returns once their ends are written.
        """
        self.closing = True
        turns = list(self._running.values())
        if turns and grace:
            log.info("turns still running: %d; they may take %g more seconds", len(turns), grace)
            await asyncio.wait([running.task for running in turns], timeout=grace)
        for title in self._titles.values():
            title.cancel()
        reason = "The server was stopped. What was written until then is kept."
        await asyncio.gather(*(running.stop(reason) for running in self._running.values()))

    def begin_title(self, session: Session, running: RunningTurn) -> None:
        """Make the session's title in the background, from its first prompt."""
        untitled = session.title.startswith(DEFAULT_TITLE) and not session.parent_id
        prompt = running.turn.first_prompt()
        if not untitled or prompt is None or session.id in self._titles:
            return
        task = asyncio.create_task(self._make_title(session, prompt, running), name=f"title-{session.id}")
        self._titles[session.id] = task
        task.add_done_callback(lambda _: self._titles.pop(session.id, None))

    async def _make_title(self, session: Session, prompt: MessageWithParts, running: RunningTurn) -> None:
        text = "\n".join(_said(prompt))
        if not text.strip() or not isinstance(prompt.info, UserMessage):
            return
        before = session.title
        await asyncio.wait([running.task], timeout=TITLE_SECONDS)
        try:
            small = self.dependencies.providers.small_model(prompt.info.model)
            resolved = await self.dependencies.providers.resolve(small.provider_id, small.model_id)
            title = await make_title(resolved, self.dependencies.agents.get("title"), text)
        except AgentServerError as error:
            log.info("no title for %s: %s", session.id, error.message)
            return
        if title and session.title == before:
            session.title = title
            self.cache.write(session)
            await self.dependencies.store.commit()
            self.cache.tell(session)


def _said(prompt: MessageWithParts) -> list[str]:
    """Return what the user said in a prompt, and the tasks that it gives to other agents."""
    return [
        part.prompt if isinstance(part, SubtaskPart) else part.text
        for part in prompt.parts
        if isinstance(part, SubtaskPart) or (isinstance(part, TextPart) and part.synthetic is not True)
    ]
