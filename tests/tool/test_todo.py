"""The todo tools."""

import json
from pathlib import Path

import msgspec
import pytest

from opencode.errors import ToolError
from opencode.schema.session import Todo
from opencode.tool.todo import TodoRead, TodoWrite
from tests.tool.calls import Call

RECORDED = Path(__file__).parents[1] / "fixtures" / "wire" / "tool.json"


def recorded_state() -> dict[str, object]:
    """Return the completed todowrite call that opencode was recorded to make."""
    parts = json.loads(RECORDED.read_text())["messages"][1]["parts"]
    (state,) = (part["state"] for part in parts if part["type"] == "tool")
    return dict(state)


async def test_writing_answers_as_opencode_was_recorded_to() -> None:
    state = recorded_state()
    tool, call = TodoWrite(), Call()
    result = await tool.run(tool.parse(state["input"]), call.context)  # type: ignore[arg-type]
    assert result.output == state["output"]
    assert result.title == state["title"]
    assert {**result.metadata, "truncated": False} == state["metadata"]
    assert call.todos.kept == [Todo(content="bench", status="pending", priority="low")]


async def test_the_title_counts_what_is_not_completed() -> None:
    states = ("completed", "cancelled", "in_progress", "pending", "completed")
    tool = TodoWrite()
    args = tool.parse({"todos": [{"content": state, "status": state} for state in states]})
    result = await tool.run(args, Call().context)
    assert result.title == "3 todos"


async def test_status_and_priority_have_defaults() -> None:
    tool, call = TodoWrite(), Call()
    await tool.run(tool.parse({"todos": [{"content": "tidy"}]}), call.context)
    assert call.todos.kept == [Todo(content="tidy", status="pending", priority="medium")]


async def test_a_step_without_words_is_refused_and_nothing_is_written() -> None:
    tool, call = TodoWrite(), Call(Todo(content="kept"))
    with pytest.raises(ToolError, match=r"todos\[1\]\.content is empty"):
        await tool.run(tool.parse({"todos": [{"content": "a"}, {"content": "  "}]}), call.context)
    assert call.todos.kept == [Todo(content="kept")]


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="status"):
        TodoWrite().parse({"todos": [{"content": "a", "status": "done"}]})


async def test_an_empty_list_clears_it() -> None:
    tool, call = TodoWrite(), Call(Todo(content="old"))
    result = await tool.run(tool.parse({"todos": []}), call.context)
    assert (result.output, result.title, call.todos.kept) == ("[]", "0 todos", [])


async def test_reading_gives_what_was_written_with_its_own_letters() -> None:
    todo = Todo(content="päckchen 📦", status="in_progress", priority="high")
    tool = TodoRead()
    result = await tool.run(tool.parse({"unasked": 1}), Call(todo).context)
    assert "päckchen 📦" in result.output
    assert json.loads(result.output) == result.metadata["todos"] == [msgspec.to_builtins(todo)]


async def test_a_refused_write_leaves_the_list_as_it_is() -> None:
    tool, call = TodoWrite(), Call(Todo(content="kept"), refuse=True)
    with pytest.raises(ToolError, match="not allowed: todowrite"):
        await tool.run(tool.parse({"todos": []}), call.context)
    assert call.todos.kept == [Todo(content="kept")]
