"""Which files a search is about: patterns as ripgrep's `--glob` has them, and the walk that uses them."""

import time
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from opencode.workspace import Found, Workspace
from opencode.workspace.ignore import Rule, read_rules
from opencode.workspace.patterns import PatternError, alternatives

MAX_PATTERN = 2_000
"""Characters of a pattern."""

SECONDS = 15.0
"""How long one search may walk and read."""

_GIT = "!**/.git/**"


class Selection:
    """Files by patterns, each with `!` before it for what is left out; the last one that matches decides.

    As in ripgrep: a pattern without a slash names files at any depth, and what a pattern names is found even
    if it is hidden or ignored.
    """

    def __init__(self, patterns: Sequence[str], below: PurePosixPath) -> None:
        """`below`: the folder, from the root, that the patterns count from."""
        self._depth = len(below.parts)
        self._rules: list[Rule] = []
        for pattern in (*patterns, _GIT):
            self._rules += _rules(pattern)
        self._rules.reverse()
        self._names_files = any(not rule.negated for rule in self._rules)

    def __call__(self, path: Sequence[str], is_directory: bool) -> bool | None:
        """Return whether a path, as its steps from the root, is wanted; None if ignore files decide."""
        steps = path[self._depth :]
        for rule in self._rules:
            if rule.concerns(steps, is_directory):
                return not rule.negated
        return False if self._names_files and not is_directory else None


def _rules(pattern: str) -> Iterator[Rule]:
    if len(pattern) > MAX_PATTERN or "\n" in pattern:
        raise PatternError(f"The pattern is longer than {MAX_PATTERN} characters, or has several lines.")
    negation = "!" if pattern.startswith("!") else ""
    for each in alternatives(pattern.removeprefix("!")):
        rules = read_rules(negation + each)
        if not rules and each.strip() and not each.startswith("#"):
            raise PatternError(f"The pattern {pattern!r} can't be read: a bracket or an escape has no end.")
        yield from rules


class Search:
    """The files below a folder that patterns select. `stopped`: why it ended early, None if it did not."""

    def __init__(self, workspace: Workspace, folder: str, patterns: Sequence[str], hidden: bool) -> None:
        """Raises PatternError and what the workspace raises for the folder."""
        below = workspace.resolve(folder)
        self._walk = workspace.walk(
            str(below),
            skip=frozenset(),
            choose=Selection(patterns, below),
            hidden=hidden,
            seconds=SECONDS,
        )
        self._end = time.monotonic() + SECONDS
        self.cancelled = False

    @property
    def stopped(self) -> str | None:
        return self._walk.stopped

    def goes_on(self) -> bool:
        """Return whether there is time left."""
        if time.monotonic() > self._end and self._walk.stopped is None:
            self._walk.stopped = f"{SECONDS:g} seconds"
        return not self.cancelled and self._walk.stopped is None

    def files(self) -> Iterator[Found]:
        """Yield the files in the order of their paths."""
        try:
            for found in self._walk:
                if not self.goes_on():
                    return
                if not found.is_directory:
                    yield found
        finally:
            self._walk.close()
