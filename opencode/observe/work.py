"""The kinds of work that are watched. No text of a conversation is in them, and no secret."""

from collections.abc import Mapping
from time import perf_counter
from typing import Any, Literal

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

now = perf_counter
"""The clock of work, in seconds."""

Outcome = Literal["ok", "error", "aborted"]

Purpose = Literal["answer", "summary", "title"]
"""What a model's answer is for."""


class Work(msgspec.Struct, kw_only=True, eq=False):
    """A piece of work. `seconds`: how long it took, once it has ended. `failure`: the kind of its error.

    `parent`: what it is a piece of. `trace`: what a tracer keeps with it; `trace_id`: its trace in a log.
    """

    session_id: str = ""
    began: float = 0.0
    seconds: float = 0.0
    outcome: Outcome = "ok"
    failure: str = ""
    parent: "Work | None" = None
    trace: Any = None
    trace_id: str = ""

    def fail(self, error: BaseException) -> None:
        """Note that it failed, and how."""
        self.outcome = "error"
        self.failure = failure_kind(error)


class Request(Work):
    """An HTTP request. `route`: as the server declares it, never the path. `status`: 0 until it is known.

    `carrier`: the headers that say which trace it belongs to.
    """

    method: str
    id: str
    route: str = ""
    status: int = 0
    streams: bool = False
    carrier: Mapping[str, str] = {}


class Turn(Work):
    """From a prompt to the answer."""


class Step(Work):
    """One answer of a model with the tool calls in it, retries included."""

    provider: str
    model: str


class ModelCall(Work):
    """One request to a model. `attempt`: from 1.

    `first_token`: seconds until the answer began, None where it never did. `cost`: USD.
    """

    provider: str
    model: str
    attempt: int = 1
    purpose: Purpose = "answer"
    first_token: float | None = None
    tokens: Tokens | None = None
    cost: float = 0.0
    reason: str = ""

    def answers(self) -> None:
        """Note that the answer has begun."""
        self.first_token = now() - self.began

    def finish(self, tokens: Tokens, cost: float, reason: str) -> None:
        """Note what the whole answer took, and why it ended."""
        self.tokens, self.cost, self.reason = tokens, cost, reason


class ToolCall(Work):
    """One call of a tool that there is: what a model asks for by a wrong name is `unknown`."""

    tool: str
    call_id: str


class Commit(Work):
    """One transaction of the store's writer."""


class CutOff(Work):
    """A subscriber fell too far behind and was cut off."""


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
    """Return an error's kind, one of a few words."""
    if isinstance(error, ModelAPIError):
        if error.status is None:
            return "connection"
        return _STATUS_KINDS.get(error.status) or ("server" if error.status >= 500 else "refused")
    return next((kind for cause, kind in _KINDS if isinstance(error, cause)), "other")
