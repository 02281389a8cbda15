"""Whatever JSON a tool call has, the pages show what can be shown."""

import os
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opencode.schema.part import CompletedTime, RunTime, ToolPart, ToolStateCompleted, ToolStateError
from opencode.server.web.tool_view import LINES, TEXT, TITLE, ToolView, json_text, tool_view
from opencode.workspace.diff import line_diff
from tests.security.test_fuzz import Background

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))

TOOLS = ("webfetch", "websearch", "todowrite", "todoread", "question", "task", "other", "invalid")

NAMES = (
    "url",
    "query",
    "results",
    "todos",
    "questions",
    "answers",
    "question",
    "title",
    "date",
    "snippet",
    "content",
    "status",
    "description",
    "subagent_type",
    "sessionId",
)

TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ("", "ses_a", "http://[", "javascript:alert(1)", "//\u2100.example", "http://a:b", "\0<b>")
    ),
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | TEXTS, inner, max_size=4)
    ),
    max_leaves=12,
)

OBJECTS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6)

MOMENTS = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 10)

STATES = st.one_of(
    st.fixed_dictionaries({"status": st.just("pending"), "input": OBJECTS, "raw": TEXTS}),
    st.fixed_dictionaries(
        {"status": st.just("running"), "input": OBJECTS, "time": st.fixed_dictionaries({"start": MOMENTS})},
        optional={"title": TEXTS, "metadata": OBJECTS},
    ),
    st.fixed_dictionaries(
        {
            "status": st.just("completed"),
            "input": OBJECTS,
            "output": TEXTS,
            "title": TEXTS,
            "metadata": OBJECTS,
            "time": st.fixed_dictionaries({"start": MOMENTS, "end": MOMENTS}),
        }
    ),
    st.fixed_dictionaries(
        {
            "status": st.just("error"),
            "input": OBJECTS,
            "error": TEXTS,
            "time": st.fixed_dictionaries({"start": MOMENTS, "end": MOMENTS}),
        },
        optional={"metadata": OBJECTS},
    ),
)

CALLS = st.lists(st.tuples(st.sampled_from(TOOLS), STATES), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def background(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Background]:
    with Background(tmp_path_factory.mktemp("tool_view")) as background:
        yield background


def document(calls: list[tuple[str, Any]], created: int = 1, completed: int = 2) -> dict[str, Any]:
    """Return an exported session whose answer has these tool calls."""
    ids = {"sessionID": "ses_x", "messageID": "msg_2"}
    parts = [
        {"type": "tool", "id": f"prt_{number}", "callID": f"c{number}", "tool": tool, "state": state} | ids
        for number, (tool, state) in enumerate(calls)
    ]
    tokens = {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}}
    prompt = {
        "id": "msg_1",
        "sessionID": "ses_x",
        "role": "user",
        "time": {"created": created},
        "agent": "build",
        "model": {"providerID": "demo", "modelID": "demo"},
    }
    answer = {
        "id": "msg_2",
        "sessionID": "ses_x",
        "role": "assistant",
        "time": {"created": created, "completed": completed},
        "parentID": "msg_1",
        "modelID": "demo",
        "providerID": "demo",
        "mode": "build",
        "agent": "build",
        "path": {"cwd": "/", "root": "/"},
        "cost": 0,
        "tokens": tokens,
    }
    messages = [{"info": prompt, "parts": []}, {"info": answer, "parts": parts}]
    return {"info": {"title": "Odd"}, "messages": messages}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls=CALLS, created=MOMENTS, completed=MOMENTS)
def test_no_tool_call_breaks_a_page(
    background: Background, calls: list[tuple[str, Any]], created: int, completed: int
) -> None:
    with httpx.Client(base_url=background.url, timeout=20, trust_env=False) as client:
        imported = client.post("/session/import", json=document(calls, created, completed))
        assert imported.status_code == 200, imported.text
        session_id = imported.json()["id"]
        share = client.post(f"/session/{session_id}/share").json()["share"]["url"]
        chat = f"/chat/{session_id}"
        for path in (chat, share, f"{chat}/export.md", f"{chat}/export.json", f"{chat}/older?before=msg_zz"):
            assert client.get(path).status_code == 200, path
        client.delete(f"/session/{session_id}")


def call(tool: str, value: Any = None, metadata: Any = None, output: str = "", title: str = "") -> ToolView:
    state = ToolStateCompleted(
        input=value or {},
        output=output,
        title=title,
        metadata=metadata or {},
        time=CompletedTime(start=0, end=1500),
    )
    return tool_view(
        ToolPart(id="prt_1", session_id="ses_1", message_id="msg_1", call_id="1", tool=tool, state=state)
    )


def test_calls_of_known_forms_have_a_layout_of_their_own() -> None:
    search = call("websearch", {"query": "q"}, {"results": [{"url": "https://a.example/x", "date": None}]})
    assert (search.kind, search.verb, search.subject, search.input) == ("search", "Search", "q", "")
    assert search.hits[0].title == "a.example"
    page = call("webfetch", {"url": "https://www.a.example/x"}, {"title": "A"}, output="words")
    assert (page.kind, page.subject, page.note, page.input) == ("page", "A", "a.example", "")
    todos = call("todowrite", {}, {"todos": [{"content": "pack", "status": "completed", "priority": "high"}]})
    assert (todos.kind, todos.todos[0].content, todos.todos[0].status) == ("todos", "pack", "completed")
    asked = {"questions": [{"question": "Which?"}, {"question": "Why?"}], "answers": [["a", "b"]]}
    assert call("question", {}, asked).answers == [("Which?", "a, b"), ("Why?", "")]
    task = call("task", {"description": "Look", "subagent_type": "general"}, {"sessionId": "ses_2"})
    assert (task.kind, task.verb, task.note, task.child) == ("task", "Look", "general", "ses_2")
    other = call("mine", {"a": [1]}, title="Done")
    assert (other.kind, other.verb, other.subject) == ("call", "mine", "Done")
    assert other.input == '{\n  "a": [\n    1\n  ]\n}'
    assert other.milliseconds == 1500


def test_calls_of_file_tools_show_what_they_read_and_changed() -> None:
    display = {"text": "a\n<b>", "lineStart": 9, "lineEnd": 10, "totalLines": 30}
    read = call("read", {"filePath": "/p/f.py"}, {"display": display}, title="f.py")
    assert (read.kind, read.verb, read.subject, read.note) == ("files", "Read", "f.py", "lines 9–10 of 30")
    assert read.output == " 9  a\n10  <b>" and read.input == ""
    found = call("grep", {"pattern": "x"}, {"matches": 1}, output="Found 1 match")
    assert (found.verb, found.subject, found.note, found.output) == (
        *("Search files", "x", "1 match"),
        "Found 1 match",
    )
    patch = line_diff("/p/f.py", "a\nb\n", "a\n<c>\n").patch
    edit = call("edit", {"filePath": "/p/f.py"}, {"diff": patch}, title="f.py")
    assert (edit.verb, edit.subject, edit.note, edit.output) == ("Edit", "f.py", "+1 −1", "")
    assert [(line.kind, line.text) for line in edit.diffs[0].lines] == [
        *(("hunk", "⋯"), ("kept", " a"), ("removed", "-b"), ("added", "+<c>")),
    ]
    files = [{"relativePath": name, "type": "move", "patch": patch} for name in ("f.py", "g.py")]
    patched = call("apply_patch", {"patchText": "…"}, {"files": files}, title="Success.\nM f.py")
    assert (patched.subject, [file.path for file in patched.diffs]) == ("2 files", ["f.py", "g.py"])
    assert patched.diffs[0].note == "moved · +1 −1"
    huge = line_diff("f", "", "x\n" * 5_000).patch
    file = call("write", {"filePath": "f", "content": ""}, {"diff": huge}).diffs[0]
    assert (len(file.lines), file.note, file.omitted) == (400, "+5000 −0", 4_601)


@pytest.mark.parametrize("tool", ["read", "glob", "grep", "list", "edit", "write", "apply_patch"])
@pytest.mark.parametrize(
    "metadata",
    [{}, {"display": 5}, {"diff": 5, "files": 5}, {"count": "x", "files": [5]}, {"display": {"text": 5}}],
)
def test_a_file_tools_call_of_another_form_shows_its_output(tool: str, metadata: Any) -> None:
    view = call(tool, {"filePath": "f", "pattern": "p"}, metadata, output="what came back")
    assert view.output == "what came back" and not view.diffs
    assert call(tool, {"filePath": 5}, metadata, output="what came back").kind == "call"


@pytest.mark.parametrize(
    ("tool", "value", "metadata"),
    [
        ("webfetch", {"url": None}, {}),
        ("webfetch", {"url": ["http://a"]}, {"title": 5}),
        ("websearch", {"query": 5}, {"results": 5}),
        ("websearch", {"query": {}}, {"results": [None]}),
        ("todowrite", {"todos": 5}, {"todos": 5}),
        ("todowrite", {"todos": 5}, {"todos": [{"content": None}]}),
        ("question", {"questions": 5}, {"questions": [{"question": 5}], "answers": [5]}),
        ("question", {"questions": 5}, {"questions": {"a": 1}}),
        ("task", {"description": 5}, {"sessionId": 5}),
    ],
)
def test_what_has_another_form_is_shown_as_json_beside_its_output(
    tool: str, value: Any, metadata: Any
) -> None:
    view = call(tool, value, metadata, output="what came back")
    assert (view.kind == "call") == (tool != "task")
    assert view.output == "what came back"
    assert next(iter(value)) in view.input
    assert not (view.hits or view.todos or view.answers or view.url or view.child)


def test_huge_and_deep_values_are_cut_quickly() -> None:
    deep: Any = [0] * 5_000
    for _ in range(800):
        deep = [deep]
    long = "x" * 4_000_000
    began = time.perf_counter()
    assert len(json_text(deep)) <= TEXT + 1
    assert len(json_text({"a": long, long: [long]})) <= TEXT + 1
    view = call(long, {"url": long}, {"title": long}, output=long, title=long)
    assert len(view.tool) == len(view.verb) == len(view.subject) == TITLE + 1
    assert len(view.output) == TEXT + 1
    assert len(call("webfetch", {"url": f"http://{long}"}, {"title": long}, output=long).note) <= TITLE + 1
    results = {"results": [{"url": "http://a", "title": long[:1000]}] * 50_000}
    assert len(call("websearch", {"query": "q"}, results).hits) == LINES
    state = ToolStateError(input={}, error=long, time=RunTime(start=5, end=-(10**15)))
    part = ToolPart(id="p", session_id="s", message_id="m", call_id="1", tool="x", state=state)
    assert (len(tool_view(part).error), tool_view(part).milliseconds) == (TEXT + 1, 0)
    assert time.perf_counter() - began < 5


def test_json_that_is_deeper_than_the_encoder_goes_is_not_an_error() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert "deep" in json_text(deep)
    while deep:  # freed bit by bit: all at once takes more stack than there is
        deep = deep.pop()
