"""What a command's template refers to beside its arguments: programs, files of the project, agents."""

import re
from collections.abc import Collection

MAX_REFERENCES = 20
"""Files that are named as left out; a text with more of them is not a list of files."""

NOT_READ = "This server reads no files of the project."
NOT_FOUND = "There is no such file in the workspace."

_PROGRAM = re.compile(r"!`([^`]+)`")
_REFERENCE = re.compile(r"(?<![\w`])@(\.?[^\s`,.]*(?:\.[^\s`,.]+)*)")
_LONGEST = 200


def without_programs(template: str) -> str:
    """Return a template with a line in the place of each !`program`: this server runs none."""
    return _PROGRAM.sub(
        lambda match: f"[`{match[1][:_LONGEST]}` was not run: commands run no programs on this server.]",
        template,
    )


def references(text: str, agents: Collection[str]) -> list[str]:
    """Return what a command's text refers to as @name, but for agents: files, perhaps."""
    return [name for name in _names(text) if name not in agents][:MAX_REFERENCES]


def mentions(
    text: str, agents: Collection[str], read: Collection[str] = (), reason: str = NOT_READ
) -> tuple[str, list[str]]:
    """Return a command's text and the agents that it mentions as @agent.

    A line at its end names the files that it refers to as @file and that are not among those `read`, with
    the `reason`.
    """
    names = _names(text)
    mentioned = [name for name in names if name in agents]
    files = [name for name in names if name not in agents and name not in read and _is_path(name)]
    files = files[:MAX_REFERENCES]
    if files:
        listed = ", ".join(name[:_LONGEST] for name in files)
        text = f"{text}\n\n[Left out: {listed}. {reason}]"
    return text, mentioned


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(match[1] for match in _REFERENCE.finditer(text) if match[1]))


def _is_path(name: str) -> bool:
    return any(mark in name for mark in "/.~")
