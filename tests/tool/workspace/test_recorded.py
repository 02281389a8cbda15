"""The file tools answer as opencode's do: the cases' recorded outputs, metadata, questions and files."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins

from opencode.errors import ToolError

from .cases import CASES, Case
from .folder import folder_at
from .record import RECORDED, files_in, filled_in, set_up, shape, shortened

RECORD: dict[str, Any] = json.loads(RECORDED.read_text())

OTHERWISE = {
    "read a negative offset": "input is refused in this server's words",
    "read a fraction": "input is refused in this server's words",
    "read with a wrong input": "input is refused in this server's words",
    "read numbers as text": "a number may be written as text",
    "read a file with a similar name": "similar names come in their order, not in the disk's",
    "read a folder with a slash": "the path is shown without the slash",
    "glob unclosed class": "a malformed pattern is told",
    "glob in a missing folder": "a missing folder is told",
    "grep a missing folder": "opencode searches the folder above instead",
    "grep one file": "opencode searches the file's folder instead",
    "grep a wrong expression": "RE2's words",
    "grep a newline": "a pattern that can't match is told",
    "grep a look-ahead": "RE2's words",
    "edit dollars": "the new text is taken as it is",
    "edit a folder": "another order of the words",
    "edit Latin-1": "opencode writes other bytes than it read",
    "write over a folder": "the failure is found before the user is asked",
    "write below a file": "the failure is found before the user is asked",
    "patch moves": "permission is asked for the new place too",
    "patch moves only": "permission is asked for the new place too",
    "patch deletes a missing file": "other words for what is missing",
    "grep a brace": "RE2 takes a lone brace for itself",
}
"""Cases that are answered otherwise on purpose, and why."""


async def answer(case: Case, root: Path) -> dict[str, Any]:
    """Return what the tools here answer to a case, in the form of the record."""
    set_up(case, root)
    before = files_in(root)
    state: dict[str, Any]
    try:
        async with folder_at(root) as folder:
            result = await folder.call(case.tool, **filled_in(case, root))
        state = {
            "status": "completed",
            "output": result.output,
            "metadata": result.metadata,
            "title": result.title,
        }
        if result.attachments:
            files = [to_builtins(each) for each in result.attachments]
            state["attachments"] = [
                {"type": "file", "mime": file["mime"], "url": file["url"]} for file in files
            ]
    except ToolError as error:
        state = {"status": "error", "error": error.message}
    after = files_in(root)
    changed = {name: after.get(name) for name in {*before, *after} if before.get(name) != after.get(name)}
    asked = [
        {"permission": permission, "patterns": patterns, "metadata": metadata}
        for permission, patterns, metadata in folder.asked
    ]
    return {
        **shortened(state, str(root)),
        "asked": shortened(asked, str(root)),
        "changed": dict(sorted(changed.items())),
    }


def comparable(case: Case, answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without what differs from one run to the next."""
    answer = {key: value for key, value in answer.items() if key != "tool"}
    answer["asked"] = [
        {key: value for key, value in each.items() if key != "always"} for each in answer["asked"]
    ]
    if case.tool == "write":  # this server adds the difference, which its page shows
        answer.get("metadata", {}).pop("diff", None)
    if case.tool in ("glob", "grep"):  # ripgrep searches in threads, so the order of files is open
        del answer["asked"]  # not recorded, see record.CONFIG
        output = answer.get("output")
        if isinstance(output, str):
            answer["output"] = sorted(output.split("\n"))
        elif output is not None:
            answer["output"] = output["characters"]
    return answer


@pytest.mark.parametrize("name", CASES)
async def test_a_call_is_answered_as_opencode_answers_it(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    case = CASES[name]
    ours, theirs = comparable(case, await answer(case, root)), comparable(case, RECORD["cases"][name])
    if name in OTHERWISE:
        assert ours != theirs, "it is answered alike: take it off the list"
    else:
        assert ours == theirs


@pytest.mark.parametrize("model", RECORD["offered"])
async def test_models_are_offered_tools_with_opencodes_inputs(tmp_path: Path, model: str) -> None:
    theirs = RECORD["offered"][model]
    (tmp_path / "root").mkdir()
    async with folder_at(tmp_path / "root") as folder:
        tools = [tool for tool in folder.tools.list() if tool.is_for(model)]
    ours = {tool.name: shape(tool.parameters()) for tool in tools}
    assert {name: shape(ours[name]) for name in theirs} == {name: shape(theirs[name]) for name in theirs}
    assert ("edit" in ours, "apply_patch" in ours) == ("edit" in theirs, "apply_patch" in theirs)
