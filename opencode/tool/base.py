"""What a tool is: a name, an input type, a time limit, one coroutine. It knows nothing of HTTP or models."""

import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from opencode.schema.base import JsonObject
from opencode.schema.event import Question
from opencode.schema.session import Todo


class ToolAttachment(msgspec.Struct, frozen=True):
    """A file that a tool gives back; `url` is a `data:` URL with its content."""

    mime: str
    url: str
    filename: str | None = None


class ToolResult(msgspec.Struct, frozen=True):
    """What a call gave: `output` is for the model, `title` and `metadata` are for people and clients."""

    output: str
    title: str = ""
    metadata: JsonObject = {}
    attachments: tuple[ToolAttachment, ...] = ()


class TodoList(Protocol):
    """One session's todos, stored; writing tells every client."""

    async def read(self) -> list[Todo]: ...

    async def write(self, todos: list[Todo]) -> None: ...


class Waits:
    """How long a call has waited for the user: that time is not the tool's own."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._since: list[float] = []

    @contextmanager
    def waiting(self) -> Iterator[None]:
        self._since.append(time.monotonic())
        try:
            yield
        finally:
            since = self._since.pop()
            if not self._since:
                self._seconds += time.monotonic() - since

    @property
    def seconds(self) -> float:
        return self._seconds + (time.monotonic() - self._since[0] if self._since else 0.0)


Asker = Callable[[str, list[str], JsonObject], Awaitable[None]]
"""Checks whether a call is permitted: (permission, patterns, metadata). Raises ToolError if it is not."""

Questioner = Callable[[list[Question]], Awaitable[list[list[str]]]]
"""Puts questions to the user and returns the labels chosen for each. Raises ToolError without an answer."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Work for another agent. `session_id`: a session of an earlier task that this one goes on with."""

    agent: str
    description: str
    prompt: str
    session_id: str | None = None


class TaskAnswer(msgspec.Struct, frozen=True):
    """What an agent's last message says, and the session that it worked in."""

    session_id: str
    text: str


Started = Callable[[str], None]
"""Hears of the session that a task is carried out in, once it is there."""

Delegate = Callable[[Task, Started], Awaitable[TaskAnswer]]
"""Has another agent carry a task out; cancelling it stops that agent. Raises ToolError."""

Progress = Callable[[str, JsonObject], None]
"""Tells what a running call is at: a title, and metadata for clients."""


class ToolContext(msgspec.Struct, frozen=True):
    """Where a call stands, and what a tool may reach through it."""

    session_id: str
    message_id: str
    call_id: str
    agent: str
    todos: TodoList
    ask: Asker
    question: Questioner
    delegate: Delegate
    progress: Progress
    waits: Waits


Args = TypeVar("Args", bound=msgspec.Struct)


class Tool(ABC, Generic[Args]):
    """Something a model may do.

    `run` raises ToolError with a sentence that the model can act on. It is cancelled on abort and after
    `timeout` seconds of its own: those that it waited for the user don't count. Output over `max_output`
    characters is cut by the caller, with a note.
    """

    name: str
    description: str
    input_type: type[Args]
    timeout: float = 60.0
    max_output: int = 50_000

    def parameters(self) -> JsonObject:
        """Return the JSON Schema of the input, as models are given it."""
        return object_schema(self.input_type)

    def parse(self, value: JsonObject) -> Args:
        """Return the model's input as the tool's own type; raises msgspec.ValidationError."""
        return msgspec.convert(value, self.input_type, strict=False)

    @abstractmethod
    async def run(self, args: Args, context: ToolContext) -> ToolResult:
        """Do it."""

    async def close(self) -> None:
        """Release what it holds."""


AnyTool = Tool[Any]


class ToolSource(Protocol):
    """Where tools come from that are added and removed while the server runs."""

    def list(self) -> Sequence[AnyTool]:
        """Return its tools at this moment; their names differ."""

    def prefixes(self) -> Sequence[str]:
        """Return how the names of its tools begin, now and later."""

    async def ready(self) -> None:
        """Wait, a few seconds at most, for tools that are about to be added."""


@cache
def object_schema(type_: type[msgspec.Struct]) -> JsonObject:
    """Return a struct's JSON Schema as one self-contained object: models are given no `$ref`."""
    (schema,), definitions = msgspec.json.schema_components([type_], ref_template="{name}")
    inlined: JsonObject = _inline(schema, definitions)
    return inlined


def _inline(schema: Any, definitions: JsonObject) -> Any:
    if isinstance(schema, list):
        return [_inline(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = _inline(definitions[schema["$ref"]], definitions)
        return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return {key: _inline(value, definitions) for key, value in schema.items() if key != "title"}
