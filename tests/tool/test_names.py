"""Names of tools as models write them."""

import pytest

from opencode.tool.names import meant_name

KNOWN = ["todowrite", "webfetch", "StructuredOutput", "files_read_file", "Files_readFile", "tools_list"]


@pytest.mark.parametrize(
    "written",
    [
        *("todowrite", "TodoWrite", "TODOWRITE", "todo_write", "todo-write", "todo.write", "Todo Write"),
        *("functions.todowrite", "functions.TodoWrite", "function:todowrite", "tools.todo_write"),
        *("default_api.todowrite", "default_api:todowrite", "mcp__todowrite"),
        *(" todowrite\n", "`todowrite`", '"todowrite"', "todowrite()"),
        *(
            "todowrite<|channel|>commentary",
            "functions.todowrite<|channel|>json",
            "todowrite<|constrain|>json",
        ),
        *("<|channel|>commentary to=functions.todowrite", "todowrite <|message|>", "todowrite to=functions"),
    ],
)
def test_a_name_is_understood_in_the_spellings_of_models(written: str) -> None:
    assert meant_name(written, KNOWN) == "todowrite"


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "*", "todo", "todowrit", "todowrites", "../todowrite", "todowrite;webfetch", "töd0write"),
        *("todowrite webfetch", "<|channel|>commentary", "functions.", "functions", "to=todowrite"),
        *("files_readfile", "FILES_READ_FILE"),  # two tools have these letters
    ],
)
def test_a_name_that_may_mean_nothing_or_several_tools_is_unknown(written: str) -> None:
    assert meant_name(written, KNOWN) is None


def test_a_name_that_a_tool_has_is_that_tools_own() -> None:
    assert meant_name("files_read_file", KNOWN) == "files_read_file"
    assert meant_name("tools_list", KNOWN) == "tools_list"
    assert meant_name("structured_output", KNOWN) == "StructuredOutput"
