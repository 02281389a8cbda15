"""Requests that wait for the user: permissions for tool calls, and questions of models."""

import asyncio
from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from opencode import ids
from opencode.bus import Bus
from opencode.errors import BadRequest, NotFound, ToolRefused
from opencode.schema.event import (
    PermissionAsked,
    PermissionReplied,
    Question,
    QuestionAsked,
    QuestionRejected,
    QuestionReplied,
    ToolReference,
)
from opencode.schema.pending_request import PermissionReply as Reply
from opencode.schema.session import PermissionRule

from .permission import matches

REJECTED = "The user rejected permission to use this specific tool call."
CORRECTED = f"{REJECTED[:-1]} with the following feedback: "
DISMISSED = "The user dismissed this question."

Asked = TypeVar("Asked", PermissionAsked, QuestionAsked)
Answer = TypeVar("Answer")


class Waiting(Generic[Asked, Answer]):
    """Requests of one kind that nobody has answered yet, by id."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._open: dict[str, tuple[Asked, asyncio.Future[Answer]]] = {}

    def __iter__(self) -> Iterator[Asked]:
        return iter([request for request, future in self._open.values() if not future.done()])

    def open(self, request: Asked) -> asyncio.Future[Answer]:
        """List a request until it is answered; returns the future of its answer."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open[request.id] = request, future
        return future

    def withdraw(self, request_id: str) -> bool:
        """Take a request back; returns whether nobody had answered it."""
        return self._open.pop(request_id, None) is not None

    def get(self, request_id: str) -> Asked:
        """Return a request; raises NotFound."""
        return self._find(request_id)[0]

    def answer(self, request_id: str, answer: Answer) -> None:
        """Answer a request; raises NotFound."""
        self._find(request_id)[1].set_result(answer)
        del self._open[request_id]

    def fail(self, request_id: str, error: Exception) -> None:
        """Refuse a request; raises NotFound."""
        future = self._find(request_id)[1]
        future.set_exception(error)
        future.exception()  # counts as seen, even if the call that waits is cancelled before it sees it
        del self._open[request_id]

    def _find(self, request_id: str) -> tuple[Asked, asyncio.Future[Answer]]:
        found = self._open.get(request_id)
        if found is None or found[1].done():  # done: the call that waits for it is being cancelled
            raise NotFound(f"{self._kind} request not found: {request_id}. It may be answered already.")
        return found


class PendingRequests:
    """All requests that wait for users, and their answers. A cancelled call takes its request back."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.permissions: Waiting[PermissionAsked, Reply] = Waiting("Permission")
        self.questions: Waiting[QuestionAsked, list[list[str]]] = Waiting("Question")

    def of(self, session_id: str | None) -> Iterator[PermissionAsked | QuestionAsked]:
        """Yield what waits in a session, or in all of them."""
        for asked in (*self.permissions, *self.questions):
            if session_id in (None, asked.session_id):
                yield asked

    async def permit(
        self,
        session_id: str,
        permission: str,
        patterns: list[str],
        always: list[str],
        metadata: object,
        tool: ToolReference,
    ) -> list[PermissionRule]:
        """Wait until the user allows something; returns the rules to remember. Raises ToolRefused.

        `always`: the patterns that are allowed from now on where the user says so.
        """
        asked = PermissionAsked(
            session_id=session_id,
            id=ids.ascending("per"),
            permission=permission,
            patterns=patterns,
            metadata=msgspec.to_builtins(metadata),
            always=always,
            tool=tool,
        )
        reply = self.permissions.open(asked)
        self._bus.publish(asked)
        try:
            given = await reply
        except asyncio.CancelledError:
            if self.permissions.withdraw(asked.id):
                self._publish_reply(asked, "reject")
            raise
        if given == "once":
            return []
        return [
            PermissionRule(permission=permission, pattern=pattern, action="allow") for pattern in asked.always
        ]

    def reply_permission(self, request_id: str, reply: Reply, message: str = "") -> None:
        """Answer a permission request; raises NotFound.

        A rejection holds for all that wait in the session, `always` for all that wait for the same.
        """
        asked = self.permissions.get(request_id)
        if reply != "reject":
            self.permissions.answer(request_id, reply)
            self._publish_reply(asked, reply)
            for other in list(self.permissions) if reply == "always" else ():
                same = (other.session_id, other.permission) == (asked.session_id, asked.permission)
                if same and all(any(matches(rule, one) for rule in asked.always) for one in other.patterns):
                    self.permissions.answer(other.id, "once")
                    self._publish_reply(other, "once")
            return
        error = ToolRefused(CORRECTED + message, ends_turn=False) if message else ToolRefused(REJECTED)
        for other in list(self.permissions):
            if other.session_id == asked.session_id:
                self.permissions.fail(other.id, error if other is asked else ToolRefused(REJECTED))
                self._publish_reply(other, "reject")

    async def question(
        self, session_id: str, questions: list[Question], tool: ToolReference
    ) -> list[list[str]]:
        """Wait for the user's answers, one list of labels for each question. Raises ToolRefused."""
        asked = QuestionAsked(session_id=session_id, id=ids.ascending("que"), questions=questions, tool=tool)
        answers = self.questions.open(asked)
        self._bus.publish(asked)
        try:
            return await answers
        except asyncio.CancelledError:
            if self.questions.withdraw(asked.id):
                self._bus.publish(QuestionRejected(session_id=session_id, request_id=asked.id))
            raise

    def reply_question(self, request_id: str, answers: list[list[str]]) -> None:
        """Answer a question; raises NotFound and BadRequest."""
        asked = self.questions.get(request_id)
        if len(answers) != len(asked.questions):
            raise BadRequest(
                f"answers has {len(answers)} lists for {len(asked.questions)} questions: send one for each, "
                "empty where there is no answer."
            )
        self.questions.answer(request_id, answers)
        self._bus.publish(
            QuestionReplied(session_id=asked.session_id, request_id=request_id, answers=answers)
        )

    def reject_question(self, request_id: str) -> None:
        """Dismiss a question; raises NotFound."""
        asked = self.questions.get(request_id)
        self.questions.fail(request_id, ToolRefused(DISMISSED))
        self._bus.publish(QuestionRejected(session_id=asked.session_id, request_id=request_id))

    def _publish_reply(self, asked: PermissionAsked, reply: Reply) -> None:
        self._bus.publish(PermissionReplied(session_id=asked.session_id, request_id=asked.id, reply=reply))
