"""Requests that wait for the user's reply: permissions for tool calls, and questions of models."""

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
    """Unanswered requests of one kind, by id."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._open: dict[str, tuple[Asked, asyncio.Future[Answer]]] = {}

    def __iter__(self) -> Iterator[Asked]:
        return iter([request for request, future in self._open.values() if not future.done()])

    def open(self, request: Asked) -> asyncio.Future[Answer]:
        """Add a request; return the future of its answer."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open[request.id] = request, future
        return future

    def withdraw(self, request_id: str) -> bool:
        """Remove a request; return whether it was still unanswered."""
        return self._open.pop(request_id, None) is not None

    def get(self, request_id: str) -> Asked:
        """Return a request; raises NotFound."""
        return self._entry(request_id)[0]

    def answer(self, request_id: str, answer: Answer) -> None:
        """Answer a request; raises NotFound."""
        self._entry(request_id)[1].set_result(answer)
        del self._open[request_id]

    def fail(self, request_id: str, error: Exception) -> None:
        """Refuse a request; raises NotFound."""
        future = self._entry(request_id)[1]
        future.set_exception(error)
        future.exception()  # marks it as retrieved, in case the waiting call is cancelled before it is
        del self._open[request_id]

    def _entry(self, request_id: str) -> tuple[Asked, asyncio.Future[Answer]]:
        entry = self._open.get(request_id)
        if entry is None or entry[1].done():  # done: the waiting call is being cancelled
            raise NotFound(f"{self._kind} request not found: {request_id}. It may already be answered.")
        return entry


class PendingRequests:
    """All requests that wait for users, and their answers. Cancelling a call withdraws its request."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.permissions: Waiting[PermissionAsked, Reply] = Waiting("Permission")
        self.questions: Waiting[QuestionAsked, list[list[str]]] = Waiting("Question")

    def of(self, session_id: str | None) -> Iterator[PermissionAsked | QuestionAsked]:
        """Yield the pending requests of a session, or of all sessions."""
        for request in (*self.permissions, *self.questions):
            if session_id in (None, request.session_id):
                yield request

    async def permit(
        self,
        session_id: str,
        permission: str,
        patterns: list[str],
        always: list[str],
        metadata: object,
        tool: ToolReference,
    ) -> list[PermissionRule]:
        """Ask the user for permission and wait; return the rules to remember. Raises ToolRefused.

        `always`: the patterns that are allowed from now on if the user replies "always".
        """
        request = PermissionAsked(
            session_id=session_id,
            id=ids.ascending("per"),
            permission=permission,
            patterns=patterns,
            metadata=msgspec.to_builtins(metadata),
            always=always,
            tool=tool,
        )
        future = self.permissions.open(request)
        self._bus.publish(request)
        try:
            reply = await future
        except asyncio.CancelledError:
            if self.permissions.withdraw(request.id):
                self._publish_reply(request, "reject")
            raise
        if reply == "once":
            return []
        return [
            PermissionRule(permission=permission, pattern=pattern, action="allow")
            for pattern in request.always
        ]

    def reply_permission(self, request_id: str, reply: Reply, message: str = "") -> None:
        """Answer a permission request; raises NotFound.

        "reject" also rejects the session's other pending requests. "always" also allows those of them that
        its rules cover.
        """
        request = self.permissions.get(request_id)
        if reply != "reject":
            self.permissions.answer(request_id, reply)
            self._publish_reply(request, reply)
            for other in list(self.permissions) if reply == "always" else ():
                same = (other.session_id, other.permission) == (request.session_id, request.permission)
                if same and all(
                    any(matches(always, pattern) for always in request.always) for pattern in other.patterns
                ):
                    self.permissions.answer(other.id, "once")
                    self._publish_reply(other, "once")
            return
        error = ToolRefused(CORRECTED + message, ends_turn=False) if message else ToolRefused(REJECTED)
        for other in list(self.permissions):
            if other.session_id == request.session_id:
                self.permissions.fail(other.id, error if other is request else ToolRefused(REJECTED))
                self._publish_reply(other, "reject")

    async def question(
        self, session_id: str, questions: list[Question], tool: ToolReference
    ) -> list[list[str]]:
        """Ask the user and wait; return one list of labels for each question. Raises ToolRefused."""
        request = QuestionAsked(
            session_id=session_id, id=ids.ascending("que"), questions=questions, tool=tool
        )
        future = self.questions.open(request)
        self._bus.publish(request)
        try:
            return await future
        except asyncio.CancelledError:
            if self.questions.withdraw(request.id):
                self._bus.publish(QuestionRejected(session_id=session_id, request_id=request.id))
            raise

    def reply_question(self, request_id: str, answers: list[list[str]]) -> None:
        """Answer a question; raises NotFound and BadRequest."""
        request = self.questions.get(request_id)
        if len(answers) != len(request.questions):
            raise BadRequest(
                f"answers has {len(answers)} lists for {len(request.questions)} questions: send one list for "
                "each question, an empty one for no answer."
            )
        self.questions.answer(request_id, answers)
        self._bus.publish(
            QuestionReplied(session_id=request.session_id, request_id=request_id, answers=answers)
        )

    def reject_question(self, request_id: str) -> None:
        """Dismiss a question; raises NotFound."""
        request = self.questions.get(request_id)
        self.questions.fail(request_id, ToolRefused(DISMISSED))
        self._bus.publish(QuestionRejected(session_id=request.session_id, request_id=request_id))

    def _publish_reply(self, request: PermissionAsked, reply: Reply) -> None:
        self._bus.publish(
            PermissionReplied(session_id=request.session_id, request_id=request.id, reply=reply)
        )
