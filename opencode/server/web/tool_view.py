"""Tool calls as the page shows them.

Models and imports put any JSON into a call's input and metadata. Here it becomes text of known types; the
templates look at nothing else. What does not have the tool's own form is shown as JSON.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal, TypeVar

import msgspec

from opencode.agent.pending_requests import DISMISSED, REJECTED
from opencode.offload.links import LONGEST, host
from opencode.schema.base import JsonObject, encode, given
from opencode.schema.part import (
    ToolPart,
    ToolState,
    ToolStateCompleted,
    ToolStateError,
    ToolStatePending,
    ToolStateRunning,
)

from .attachments import Attachment, attachment
from .file_tool_view import DiffFile, file_call

TITLE = 300
"""Characters of a title, a name or one line of a list."""

TEXT = 20_000
"""Characters of an output, an error or an input."""

EXCERPT = 1_500
"""Characters of a page that was read."""

LINES = 500
"""Lines of a list."""

DEPTH = 12
"""Levels of JSON that are indented."""

YEAR_MS = 366 * 24 * 3600 * 1000

SESSION_ID = re.compile(r"ses_[A-Za-z0-9_-]{1,60}")

RULED_OUT = "The user has specified a rule against "
"""How the error of a call begins that a permission rule denies."""

Ending = Literal["", "failed", "refused", "dismissed", "not allowed", "interrupted"]
"""How a call ended that has no result; the user refuses, and dismisses questions."""

Kind = Literal["call", "search", "page", "todos", "task", "answers", "files"]

T = TypeVar("T", bound=msgspec.Struct)


class SearchHit(msgspec.Struct, frozen=True):
    """A search result, of which only the address is certain."""

    url: str
    title: str | None = None
    date: str | None = None
    snippet: str | None = None


class TodoLine(msgspec.Struct, frozen=True):
    """An item of a todo list."""

    content: str
    status: str = "pending"


class _Question(msgspec.Struct, frozen=True):
    question: str


class _Questions(msgspec.Struct, frozen=True):
    """What the input of a question has."""

    questions: list[_Question]


class _Answered(msgspec.Struct, frozen=True):
    """What a question's metadata has."""

    questions: list[_Question]
    answers: list[list[str]]


class _PageAsked(msgspec.Struct, frozen=True):
    """What the input of webfetch has."""

    url: str


class _PageFound(msgspec.Struct, frozen=True):
    """What the metadata of webfetch has."""

    title: str = ""


class _Query(msgspec.Struct, frozen=True):
    """What the input of websearch has."""

    query: str


class _Task(msgspec.Struct, frozen=True):
    """What the input of a task has."""

    description: str
    subagent_type: str


class _TaskRun(msgspec.Struct, frozen=True):
    """What the metadata of a task has."""

    session_id: str = msgspec.field(default="", name="sessionId")


class ToolView(msgspec.Struct, kw_only=True):
    """A tool call. `kind`: its layout. `verb`, `subject`, `note`: its title; the subject is quoted.

    `ending`: why it has no result. `milliseconds`: how long it took. `input`: as JSON, "" where the rest says
    it all. `url`: the page that was read. `child`: the session that carried out a task. `diffs`: what a call
    changed in files.
    """

    id: str
    kind: Kind
    tool: str
    status: str
    verb: str
    subject: str = ""
    note: str = ""
    milliseconds: int = 0
    error: str = ""
    ending: Ending = ""
    output: str = ""
    input: str = ""
    url: str = ""
    child: str = ""
    hits: list[SearchHit] = []
    todos: list[TodoLine] = []
    answers: list[tuple[str, str]] = []
    diffs: list[DiffFile] = []
    files: list[Attachment] = []


def tool_view(part: ToolPart) -> ToolView:
    """Return a tool call as the page shows it, whatever its input, output and metadata are."""
    state = part.state
    view = ToolView(
        id=part.id,
        kind="call",
        tool=cut(part.tool, TITLE),
        status=str(state.__struct_config__.tag),
        verb=cut(part.tool, TITLE),
        subject=cut(given(state.title, ""), TITLE)
        if isinstance(state, ToolStateRunning | ToolStateCompleted)
        else "",
        input=json_text(state.input) if state.input else "",
    )
    if isinstance(state, ToolStateCompleted | ToolStateError):
        view.milliseconds = min(max(0, state.time.end - state.time.start), YEAR_MS)
    if isinstance(state, ToolStateError):
        view.error = cut(state.error, TEXT)
        view.ending = _ending(state)
    if isinstance(state, ToolStateCompleted):
        view.output = cut(state.output, TEXT)
        files = enumerate(given(state.attachments, []))
        view.files = [attachment(file, part.id, number) for number, file in files]
    if show := _SHAPES.get(part.tool):
        show(view, state, _metadata(state))
    return view


def _ending(state: ToolStateError) -> Ending:
    if given(state.metadata, {}).get("interrupted") is True:
        return "interrupted"
    if state.error == DISMISSED:
        return "dismissed"
    if state.error.startswith(REJECTED.rstrip(".")):
        return "refused"
    return "not allowed" if state.error.startswith(RULED_OUT) else "failed"


def json_text(value: Any) -> str:
    """Return JSON to read: indented unless it is nested deeply, cut if it is long."""
    try:
        compact = encode(value)
    except (RecursionError, ValueError, TypeError):
        return "(It is nested too deeply to be shown.)"
    if len(compact) <= TEXT and not _is_deeper(value, DEPTH):
        compact = msgspec.json.format(compact, indent=2)
    return cut(compact[: 4 * TEXT].decode(errors="ignore"), TEXT)


def cut(text: str, most: int) -> str:
    """Return a text with at most so many characters; an ellipsis stands for the others."""
    return text if len(text) <= most else f"{text[:most]}…"


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inner)


def _metadata(state: ToolState) -> JsonObject:
    return {} if isinstance(state, ToolStatePending) else given(state.metadata, {})


def _typed(value: Any, kind: type[T]) -> T | None:
    """Return JSON as a struct; None if it is anything else."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError):
        return None


def _lines(value: Any, kind: type[T]) -> list[T] | None:
    """Return JSON as a list of structs, as many as the page shows; None if any of it is anything else."""
    if not isinstance(value, list):
        return None
    lines = [line for each in islice(value, LINES) if (line := _typed(each, kind)) is not None]
    return lines if len(lines) == min(len(value), LINES) else None


def _show_search(view: ToolView, state: ToolState, metadata: JsonObject) -> None:
    view.verb, view.subject = "Search", ""
    if (query := _typed(state.input, _Query)) is not None:
        view.subject, view.input = cut(query.query, TITLE), ""
    hits = _lines(metadata.get("results"), SearchHit)
    if hits and isinstance(state, ToolStateCompleted):
        view.kind, view.hits = "search", list(map(_shown_hit, hits))


def _shown_hit(hit: SearchHit) -> SearchHit:
    title = hit.title or host(hit.url)
    return SearchHit(hit.url, cut(title, TITLE), cut(hit.date or "", 40), cut(hit.snippet or "", EXCERPT))


def _show_page(view: ToolView, state: ToolState, metadata: JsonObject) -> None:
    view.verb, view.subject = "Read", ""
    page = _typed(state.input, _PageAsked)
    if page is None:
        view.verb = "Read a page"
        return
    view.input = ""
    view.url = page.url[:LONGEST]
    view.note = cut(host(page.url), TITLE)
    if isinstance(state, ToolStateCompleted):
        found = _typed(metadata, _PageFound) or _PageFound()
        view.kind, view.subject = "page", cut(found.title, TITLE)
        view.output = cut(state.output, EXCERPT)


def _show_todos(view: ToolView, state: ToolState, metadata: JsonObject) -> None:
    todos = _lines(metadata.get("todos", []), TodoLine)
    if isinstance(state, ToolStateCompleted) and todos is None:
        return
    view.kind = "todos"
    view.todos = [TodoLine(cut(todo.content, TITLE), cut(todo.status, 40)) for todo in todos or []]


def _show_question(view: ToolView, state: ToolState, metadata: JsonObject) -> None:
    view.verb, view.subject = "Question for you", ""
    if not isinstance(state, ToolStateCompleted):
        asked = _typed(state.input, _Questions)
        if asked is not None:
            view.subject, view.input = cut("; ".join(each.question for each in asked.questions), TITLE), ""
        return
    answered = _typed(metadata, _Answered)
    if answered is not None and answered.questions:
        view.kind, view.answers = "answers", list(islice(_pairs(answered), LINES))


def _pairs(answered: _Answered) -> Iterator[tuple[str, str]]:
    for number, asked in enumerate(answered.questions):
        chosen = answered.answers[number] if number < len(answered.answers) else []
        yield cut(asked.question, EXCERPT), cut(", ".join(chosen), EXCERPT)


def _show_task(view: ToolView, state: ToolState, metadata: JsonObject) -> None:
    view.kind, view.verb, view.subject = "task", "A task", ""
    task = _typed(state.input, _Task)
    if task is not None:
        view.verb = cut(task.description, TITLE) or view.verb
        view.note = cut(task.subagent_type, TITLE)
        view.input = ""
    run = _typed(metadata, _TaskRun)
    if run is not None and SESSION_ID.fullmatch(run.session_id):
        view.child = run.session_id


def _show_files(view: ToolView, state: ToolState, metadata: JsonObject) -> None:
    completed = isinstance(state, ToolStateCompleted)
    call = file_call(view.tool, state.input, view.subject if completed else "", metadata if completed else {})
    if call is None:
        return
    view.verb, view.subject, view.note, view.input = call.verb, call.subject, call.note, ""
    if completed:
        view.kind, view.diffs = "files", call.diffs
        view.output = "" if call.diffs else call.text or view.output


_SHAPES = {
    "websearch": _show_search,
    "webfetch": _show_page,
    "todowrite": _show_todos,
    "todoread": _show_todos,
    "question": _show_question,
    "task": _show_task,
    **dict.fromkeys(("read", "glob", "grep", "list", "edit", "write", "apply_patch"), _show_files),
}
"""What gives the calls of a tool a layout of their own."""
