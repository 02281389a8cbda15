"""Programs, files and agents in a command's template."""

import pytest

from opencode.session.command import fill_in
from opencode.session.command_references import mentions


def test_programs_are_not_run_and_arguments_are_left_as_they_are() -> None:
    text = fill_in("Log:\n!`git log $1`\nSay $ARGUMENTS", "x !`rm`")
    assert text == (
        "Log:\n[`git log x !`rm`` was not run: commands run no programs on this server.]\nSay x !`rm`"
    )


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("Read @src/a.py and @.env, then @~/notes", "src/a.py, .env, ~/notes"),
        ("Look at @../secret.txt.", "../secret.txt"),
        ("mail me@example.com, `@code.py`, @someone", ""),
        ("@a.md @a.md", "a.md"),
    ],
)
def test_files_are_left_out_with_a_line(text: str, left_out: str) -> None:
    result, agents = mentions(text, ["build"])
    assert agents == []
    line = f"\n\n[Left out: {left_out}. This server reads no files of the project.]" if left_out else ""
    assert result == text + line


def test_agents_are_mentioned() -> None:
    assert mentions("Ask @explore and @general/x, @explore", ["explore", "general/x"]) == (
        "Ask @explore and @general/x, @explore",
        ["explore", "general/x"],
    )


@pytest.mark.parametrize(
    ("arguments", "filled"),
    [
        ("one two three", "one, two three"),
        ("'a b' \"c d\" e", "a b, c d e"),
        ("[Image 1] x", "[Image 1], x"),
        ("it's late", "it, s late"),
        ("", ","),
    ],
)
def test_arguments_are_split_as_in_opencode(arguments: str, filled: str) -> None:
    assert fill_in("$1, $2", arguments) == filled
