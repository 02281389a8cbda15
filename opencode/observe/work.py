"""The kinds of work that are reported. They hold no text of a conversation and no secret."""

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any, Literal, TypeVar

import msgspec

from opencode.errors import (
    ContentFiltered,
    ContextOverflow,
    ModelAPIError,
    ModelAuthError,
    OutputTooLong,
    StructuredOutputFailed,
)
from opencode.schema.part import Tokens

W = TypeVar("W", bound="Work")

now = perf_counter
"""The clock for durations, in seconds."""

Outcome = Literal["ok", "error", "aborted"]

RefusalReason = Literal["client_connections", "connections", "slow_head", "client_streams"]

Purpose = Literal["answer", "summary", "title"]
"""What a model's answer is used for."""


class Work(msgspec.Struct, kw_only=True, eq=False):
    """A piece of work. `seconds`: how long it took, once it has ended. `failure`: the kind of its error.

    `parent`: the work that it is part of. `trace`: a tracer's own object; `trace_id`: its trace in a log.
    """

    session_id: str = ""
    began: float = 0.0
    seconds: float = 0.0
    outcome: Outcome = "ok"
    failure: str = ""
    parent: "Work | None" = None
    trace: Any = None
    trace_id: str = ""

    def begin(self, parent: "Work | None") -> None:
        """Note the time and the work that this is part of."""
        self.parent = parent
        self.began = now()

    def fail(self, error: BaseException) -> None:
        """Mark it as failed with `error`."""
        self.outcome = "error"
        self.failure = failure_kind(error)

    def within(self, kind: type[W]) -> W | None:
        """Return the innermost work of a kind that this is part of, itself included."""
        return next((work for work in self.ancestry() if isinstance(work, kind)), None)

    def ancestry(self) -> Iterator["Work"]:
        """Yield this work, the work that it is part of, and so on outwards."""
        work: Work | None = self
        while work is not None:
            yield work
            work = work.parent


class Request(Work):
    """An HTTP request. `route`: the route's pattern, never the path. `status`: 0 until it is known.

    `carrier`: the request's trace headers.
    """

    method: str
    id: str
    route: str = ""
    status: int = 0
    streams: bool = False
    carrier: Mapping[str, str] = {}


class Turn(Work):
    """The work of an agent from a prompt to the answer.

    `agent`, `provider`, `model`: those of its last step. `tokens` and `cost` (USD) sum up its requests.
    """

    agent: str = ""
    provider: str = ""
    model: str = ""
    tokens: Tokens | None = None
    cost: float = 0.0

    def add(self, tokens: Tokens, cost: float) -> None:
        """Add the usage of one request to a model."""
        self.tokens = tokens if self.tokens is None else self.tokens.plus(tokens)
        self.cost += cost


class Step(Work):
    """One answer of a model with the tool calls in it, retries included."""

    provider: str
    model: str
    agent: str = ""

    def begin(self, parent: Work | None) -> None:
        super().begin(parent)
        if (turn := self.within(Turn)) is not None:
            turn.agent, turn.provider, turn.model = self.agent or turn.agent, self.provider, self.model


class ModelCall(Work):
    """One request to a model. `attempt`: from 1. `model`: as it was asked for.

    `first_token`: seconds until the answer began, None where it never did. `cost`: USD.
    `answered_by`, `answer_id`: the model and the id in the provider's answer, "" where it names none.
    """

    provider: str
    model: str
    attempt: int = 1
    purpose: Purpose = "answer"
    first_token: float | None = None
    tokens: Tokens | None = None
    cost: float = 0.0
    reason: str = ""
    answered_by: str = ""
    answer_id: str = ""

    def begin(self, parent: Work | None) -> None:
        if self.purpose == "title" and parent is not None:
            # Begun while a request for the answer runs, and no part of it.
            parent = parent.within(Turn) or parent
        super().begin(parent)

    def answers(self) -> None:
        """Note the time of the first token."""
        self.first_token = now() - self.began

    def finish(
        self, tokens: Tokens, cost: float, reason: str, answered_by: str = "", answer_id: str = ""
    ) -> None:
        """Note the usage and the stop reason of the whole answer, and the model and id that it names."""
        self.tokens, self.cost, self.reason = tokens, cost, reason
        self.answered_by, self.answer_id = answered_by, answer_id
        turn = self.within(Turn) if self.purpose != "title" else None
        if turn is not None:
            turn.add(tokens, cost)


class ToolCall(Work):
    """One tool call. `tool` is `unknown` where the model asked for a tool that does not exist."""

    tool: str
    call_id: str


class Commit(Work):
    """One transaction of the store."""


class CutOff(Work):
    """An event stream was closed because its client fell behind."""


class LoopLag(Work):
    """The event loop ran what was due `seconds` too late.

    `cpu`: seconds of CPU time that its thread used meanwhile; few of them where the machine was busy, or the
    loop waited. `stack`: what it was doing, innermost first, as `file:line function`; empty where it was
    not late enough to look.
    """

    cpu: float = 0.0
    stack: tuple[str, ...] = ()


class Refusal(Work):
    """A connection or stream was refused or closed because a limit was reached. `client`: its address."""

    reason: RefusalReason
    client: str


_STATUS_KINDS = {
    401: "auth",
    403: "auth",
    408: "timeout",
    413: "too_large",
    429: "rate_limit",
    529: "overloaded",
}

_KINDS: tuple[tuple[type[BaseException], str], ...] = (
    (ModelAuthError, "auth"),
    (ContextOverflow, "context_overflow"),
    (ContentFiltered, "content_filter"),
    (OutputTooLong, "output_length"),
    (StructuredOutputFailed, "structured_output"),
    (TimeoutError, "timeout"),
)


def failure_kind(error: BaseException) -> str:
    """Return the kind of an error, for a metric's label."""
    if isinstance(error, ModelAPIError):
        if error.status is None:
            return "connection"
        return _STATUS_KINDS.get(error.status) or ("server" if error.status >= 500 else "refused")
    return next((kind for cause, kind in _KINDS if isinstance(error, cause)), "other")
