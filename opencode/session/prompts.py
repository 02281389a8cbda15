"""Sends prompts, commands and summary requests to a session."""

from contextlib import ExitStack

import msgspec

from opencode.clock import now_ms
from opencode.config import Limits
from opencode.errors import BadRequest, Conflict, NotFound, TurnFailed, Unavailable
from opencode.schema.base import given
from opencode.schema.event import CommandExecuted, MessageUpdated, PartUpdated
from opencode.schema.message import MessageWithParts, ModelChoice
from opencode.schema.prompt import CommandBody, PromptBody, SummarizeBody
from opencode.schema.session import Session, SessionModel
from opencode.tasks import Tasks

from .active_setup import ActiveSetup
from .admission import Admission
from .branches import Branches
from .chosen_ids import ChosenIds
from .command import Commands
from .draft import Draft
from .history import History
from .prompt import checked_prompt, compaction_message
from .sessions import Sessions
from .turns import RunningTurn, Turns

UNATTENDED = frozenset({"question", "plan_enter", "plan_exit"})
"""The tools that `opencode run` denies in its sessions because no user is there to reply. With `--attach`, it
exits with 0 unless its prompt's request fails, so in such a session a failed answer fails the request."""


class Prompted(msgspec.Struct, frozen=True):
    """A stored prompt. `running` is the turn that answers it; None if no reply was requested.

    `unattended`: a script sent it.
    """

    message: MessageWithParts
    running: RunningTurn | None
    unattended: bool = False

    async def answer(self) -> MessageWithParts:
        """Wait for the end of the turn and return its answer; raises Unavailable if the server stops."""
        if self.running is None:
            return self.message
        await self.running.wait()
        if self.running.handed_over:
            raise Unavailable(
                "The server is stopping. The answer goes on when it has started again: read it at GET "
                f"/session/{self.message.info.session_id}/message."
            )
        return self.running.turn.answer_to(self.message.info.id) or self.message

    def checked(self, answer: MessageWithParts) -> MessageWithParts:
        """Return the answer; raises TurnFailed if it ended with an error and a script waits for it."""
        if self.unattended and answer.failure:
            raise TurnFailed(answer.failure)
        return answer


class Prompts:
    """Stores prompts, publishes them and submits them to a turn. `branches`: what they replace."""

    def __init__(
        self,
        setup: ActiveSetup,
        sessions: Sessions,
        turns: Turns,
        history: History,
        branches: Branches,
        chosen_ids: ChosenIds,
        limits: Limits,
        changes: Tasks,
    ) -> None:
        self._setup = setup
        self._store = setup.dependencies.store
        self._sessions = sessions
        self._turns = turns
        self._history = history
        self.branches = branches
        self._chosen_ids = chosen_ids
        self._limits = limits
        self._changes = changes
        self._admission = Admission(turns, limits)

    @property
    def commands(self) -> Commands:
        """The commands by name."""
        return self._setup.commands

    async def send(self, session_id: str, body: PromptBody, replaces: str | None = None) -> Prompted:
        """Store a prompt and submit it to a turn.

        `replaces`: the id of a message that becomes a branch with all later ones, as part of the same change;
        if they have no answer, they are removed.
        Raises NotFound, BadRequest, BodyTooLarge, Conflict, TooManyRequests or Unavailable; then nothing has
        been stored.
        """
        return await self._changes.finish(self._send(session_id, body, replaces), f"prompt to {session_id}")

    async def rewrite(self, session_id: str, message_id: str, body: PromptBody) -> Prompted:
        """Change a prompt that waits behind a running answer, which goes on.

        Raises what `send` raises, and Conflict if the prompt does not wait; then nothing has changed.
        """
        return await self._changes.finish(
            self._rewrite(session_id, message_id, body), f"change of a prompt to {session_id}"
        )

    async def take_back(self, session_id: str, message_id: str) -> None:
        """Remove a prompt that waits behind a running answer, which goes on.

        Raises NotFound, Unavailable, and Conflict if the prompt does not wait; then nothing has changed.
        """
        await self._changes.finish(
            self._take_back(session_id, message_id), f"withdrawal of a prompt to {session_id}"
        )

    async def summarize(self, session_id: str, body: SummarizeBody) -> None:
        """Replace a conversation by a summary in later model requests; clients still see all messages.

        Raises NotFound, BadRequest, TooManyRequests, Conflict if a turn is running, and Unavailable if the
        summary fails.
        """
        request = self._request_summary(session_id, body)
        prompted = await self._changes.finish(request, f"summary of {session_id}")
        answer = await prompted.answer()
        if answer.failure:
            raise Unavailable("The summary failed; the session's last message has the error.")

    async def run_command(self, session_id: str, body: CommandBody) -> MessageWithParts:
        """Run a command and return the answer; raises what `send` and `Prompted.checked` raise."""
        prompted = await self.send(session_id, await self.commands.prompt(body))
        answer = await prompted.answer()
        executed = CommandExecuted(
            session_id=session_id,
            name=body.command,
            arguments=body.arguments,
            message_id=prompted.message.info.id,
        )
        self._setup.dependencies.bus.publish(executed)
        return prompted.checked(answer)

    async def _send(self, session_id: str, body: PromptBody, replaces: str | None) -> Prompted:
        live = await self._sessions.open(session_id)
        prompt = await checked_prompt(body, live.info, self._setup.dependencies, self._limits)
        chosen = given(prompt.body.message_id, "")
        with ExitStack() as reserved:
            reserved.enter_context(self._chosen_ids.reserve(filter(None, [chosen, *prompt.chosen_ids])))
            if body.no_reply is not True:
                reserved.enter_context(self._admission.reserve(session_id))
                await self._turns.settled(session_id)
            self._check_open()
            async with self._sessions.edit(session_id) as draft:
                await self._check_ids(session_id, chosen, prompt.chosen_ids)
                branch = None
                if replaces is not None:
                    await self._history.revert_draft(draft, replaces)
                    branch = await self.branches.keep(draft)
                    if branch is not None:
                        await self._sessions.claim(branch[0])
                message = prompt.message(session_id, chosen or live.new_message_id())
                draft.session.agent = prompt.agent
                draft.session.model = SessionModel(
                    id=prompt.model.model_id,
                    provider_id=prompt.model.provider_id,
                    variant=prompt.model.variant,
                )
                await self._put(draft, message, answered=body.no_reply is True)
            if branch is not None:
                self._sessions.add(*branch)
            live.note_message_id(message.info.id)
            running = None if body.no_reply is True else self._turns.submit(live, message)
        return Prompted(message, running, running is not None and _is_unattended(live.info))

    async def _rewrite(self, session_id: str, message_id: str, body: PromptBody) -> Prompted:
        live = await self._sessions.open(session_id)
        prompt = await checked_prompt(body, live.info, self._setup.dependencies, self._limits)
        with self._chosen_ids.reserve(prompt.chosen_ids):
            self._check_open()
            old, next_id = self._turns.withdraw(session_id, message_id)
            try:
                async with self._sessions.edit(session_id) as draft:
                    await self._check_ids(session_id, "", prompt.chosen_ids)
                    message = prompt.message(session_id, message_id)
                    self._history.take_out(draft, old, keep=True)
                    await self._put(draft, message, answered=False)
            except NotFound:
                raise
            except BaseException:
                self._turns.submit(live, old, next_id)
                raise
            return Prompted(message, self._turns.submit(live, message, next_id))

    async def _take_back(self, session_id: str, message_id: str) -> None:
        live = await self._sessions.open(session_id)
        old, next_id = self._turns.withdraw(session_id, message_id)
        try:
            async with self._sessions.edit(session_id) as draft:
                self._history.take_out(draft, old)
        except NotFound:
            raise
        except BaseException:
            self._turns.submit(live, old, next_id)
            raise

    async def _request_summary(self, session_id: str, body: SummarizeBody) -> Prompted:
        live = await self._sessions.open(session_id)
        choice = ModelChoice(provider_id=body.provider_id, model_id=body.model_id)
        await self._setup.dependencies.providers.resolve(choice.provider_id, choice.model_id)
        with self._admission.reserve(session_id):
            self._check_open()
            async with self._sessions.edit(session_id) as draft:
                self._turns.check_at_rest(session_id)
                if not await self._store.messages(session_id, limit=1):
                    raise BadRequest("The session has no messages to summarize.")
                agents = self._setup.dependencies.agents
                message = compaction_message(live.info, live.new_message_id(), choice, agents)
                await self._put(draft, message, answered=False)
            return Prompted(message, self._turns.submit(live, message))

    async def _put(self, draft: Draft, message: MessageWithParts, answered: bool) -> None:
        """Put a user message into a draft, and remove reverted messages for good.

        `answered`: the message needs no answer.
        """
        await self._history.settle_revert(draft)
        draft.unit.put_message(message.info, answered=answered)
        for part in message.parts:
            draft.unit.put_part(part)
        session_id, now = message.info.session_id, now_ms()
        draft.publish_later(
            MessageUpdated(session_id=session_id, info=message.info),
            *(PartUpdated(session_id=session_id, part=part, time=now) for part in message.parts),
        )

    def _check_open(self) -> None:
        if self._turns.closing:
            raise Unavailable("The server is stopping; try again in a moment.")

    async def _check_ids(self, session_id: str, message_id: str, part_ids: list[str]) -> None:
        """Raise Conflict if a client-chosen id is taken, in this session or another one."""
        if not message_id and not part_ids:
            return
        taken = await self._store.taken([message_id], part_ids)
        if message_id in taken:
            raise Conflict(
                f"A message {message_id} already exists; follow it at /session/{session_id}/event."
            )
        if taken or len(set(part_ids)) < len(part_ids):
            raise Conflict("The id of a part is taken: omit the ids of parts to get new ones.")


def _is_unattended(session: Session) -> bool:
    denied = (rule.permission for rule in given(session.permission, []) if rule.action == "deny")
    return UNATTENDED.issubset(denied)
