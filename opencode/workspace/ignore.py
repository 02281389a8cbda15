"""Which files of a project are left out of walks: what its ignore files say, as Git and ripgrep read them."""

from collections.abc import Sequence

import msgspec

from .patterns import PatternError, Step, compile_path, matches_path

IGNORE_FILES = (".gitignore", ".ignore", ".rgignore")
"""The later one's rules count for more, as in ripgrep. The first is read within a Git repository only."""

LARGEST_FILE = 64 * 1024
"""Bytes of an ignore file that are read; and of the rules that hold in a directory, as each entry is held
against all of them."""

LONGEST_RULE = 300


class Rule(msgspec.Struct, frozen=True):
    """One line of an ignore file. `whole`: it names paths from its directory on, not names at any depth."""

    steps: tuple[Step, ...]
    whole: bool
    directories: bool
    negated: bool

    def concerns(self, path: Sequence[str], is_directory: bool) -> bool:
        if self.directories and not is_directory:
            return False
        return matches_path(self.steps, path if self.whole else path[-1:])


class Ignored(msgspec.Struct, frozen=True):
    """The rules of one kind of file that hold in a directory. `depth`: its steps below the root."""

    depth: int
    rules: tuple[Rule, ...]
    size: int
    above: "Ignored | None" = None

    def decide(self, path: Sequence[str], is_directory: bool) -> bool | None:
        """Return whether an entry is left out, None if no rule concerns it; `path`: its steps from the root.

        The last rule of the deepest file counts.
        """
        level: Ignored | None = self
        while level is not None:
            for rule in reversed(level.rules):
                if rule.concerns(path[level.depth :], is_directory):
                    return not rule.negated
            level = level.above
        return None


def ignored(depth: int, text: str, above: Ignored | None) -> Ignored | None:
    """Return the rules of an ignore file `depth` steps below the root, with those above it."""
    size = len(text) + (above.size if above else 0)
    if size > 2 * LARGEST_FILE:
        return above
    return Ignored(depth, read_rules(text), size, above)


def read_rules(text: str) -> tuple[Rule, ...]:
    """Return the rules of an ignore file; malformed lines are left out, as Git leaves them out."""
    rules = []
    for line in text.removeprefix("\ufeff").split("\n"):
        rule = _rule(line.removesuffix("\r"))
        if rule is not None:
            rules.append(rule)
    return tuple(rules)


def _rule(line: str) -> Rule | None:
    if len(line) > LONGEST_RULE or line.startswith("#"):
        return None
    pattern = _without_trailing_spaces(line)
    negated = pattern.startswith("!")
    pattern = pattern[negated:]
    directories = pattern.endswith("/")
    pattern = pattern.rstrip("/") if directories else pattern
    if not pattern:
        return None
    whole = "/" in pattern
    try:
        return Rule(_steps(pattern.removeprefix("/")), whole, directories, negated)
    except PatternError:
        return None


def _steps(pattern: str) -> tuple[Step, ...]:
    steps = compile_path(pattern)
    if steps[-1] is None and len(steps) > 1:
        return (*steps, *compile_path("*"))  # what is below a directory, not the directory itself
    return steps


def _without_trailing_spaces(line: str) -> str:
    end = line.rstrip(" ")
    escaped = (len(end) - len(end.rstrip("\\"))) % 2 == 1
    return f"{end} " if escaped and end != line else end
