"""A tool: a name, an input type, a time limit and one coroutine. It knows neither HTTP nor models."""

import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from opencode.schema.base import JsonObject
from opencode.schema.event import Question
from opencode.schema.session import Todo


class ToolAttachment(msgspec.Struct, frozen=True):
    """A file that a tool returns; `url` is a `data:` URL with its content."""

    mime: str
    url: str
    filename: str | None = None


class ToolResult(msgspec.Struct, frozen=True):
    """The result of a call: `output` is for the model, `title` and `metadata` for people and clients."""

    output: str
    title: str = ""
    metadata: JsonObject = {}
    attachments: tuple[ToolAttachment, ...] = ()


class TodoList(Protocol):
    """The stored todos of one session; `write` also publishes them to clients."""

    async def read(self) -> list[Todo]: ...

    async def write(self, todos: list[Todo]) -> None: ...


class Waits:
    """Measures how long a call has waited for the user, which does not count towards its time-out."""

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


MAX_OUTPUT = 50_000
"""Characters of a call's output, unless a tool has a limit of its own."""

Asker = Callable[[str, list[str], JsonObject], Awaitable[None]]
"""Checks whether a call is permitted: (permission, patterns, metadata). Raises ToolError if not."""

Questioner = Callable[[list[Question]], Awaitable[list[list[str]]]]
"""Asks the user questions and returns the labels chosen for each. Raises ToolError without an answer."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Work for another agent. `session_id`: the session of an earlier task to continue."""

    agent: str
    description: str
    prompt: str
    session_id: str | None = None


class TaskAnswer(msgspec.Struct, frozen=True):
    """The text of an agent's last message, and the session that it worked in."""

    session_id: str
    text: str


Started = Callable[[str], None]
"""Called with the id of a task's session once it exists."""

Delegate = Callable[[Task, Started], Awaitable[TaskAnswer]]
"""Runs a task by another agent; cancelling it stops that agent. Raises ToolError."""

Progress = Callable[[str, JsonObject], None]
"""Reports the progress of a running call: a title, and metadata for clients."""


class ToolContext(msgspec.Struct, frozen=True):
    """A call's ids and agent, and the services that a tool may use."""

    session_id: str
    message_id: str
    part_id: str
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

    `run` raises ToolError with a message that the model can act on. It is cancelled on abort and after
    `timeout` seconds, not counting those it waits for the user. The caller truncates output of more than
    `max_output` characters, with a note. `repeatable`: a call that was interrupted can be made again, since
    the tool changes nothing, or the same thing once more.
    """

    name: str
    description: str
    input_type: type[Args]
    timeout: float = 60.0
    max_output: int = MAX_OUTPUT
    repeatable: bool = False

    def parameters(self) -> JsonObject:
        """Return the JSON Schema of the input, as it is sent to models."""
        return object_schema(self.input_type)

    def parse(self, value: JsonObject) -> Args:
        """Return the model's input as the tool's own type; raises msgspec.ValidationError."""
        return msgspec.convert(value, self.input_type, strict=False)

    def is_for(self, model_id: str) -> bool:
        """Return whether a model is offered the tool; all are, unless a tool suits some models only."""
        return True

    @abstractmethod
    async def run(self, args: Args, context: ToolContext) -> ToolResult:
        """Execute the call."""

    async def close(self) -> None:
        """Release its resources."""


AnyTool = Tool[Any]


class ToolSource(Protocol):
    """Where tools come from that are added and removed while the server runs."""

    def list(self) -> Sequence[AnyTool]:
        """Return its tools at this moment; their names differ."""

    def prefixes(self) -> Sequence[str]:
        """Return how the names of its tools begin, now and later."""

    async def ready(self) -> None:
        """Wait, a few seconds at most, for tools that are about to be added."""

    def instructions(self, offered: Iterable[str]) -> Sequence[str]:
        """Return texts for the system prompt on the use of its tools, if some of them are `offered`."""


@cache
def object_schema(type_: type[msgspec.Struct]) -> JsonObject:
    """Return a struct's JSON Schema as one self-contained object without `$ref`."""
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
