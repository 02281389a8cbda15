"""Patterns for paths (`*`, `?`, `[a-z]`, `{a,b}`, `**`), matched in a time that grows with their length.

Projects and models write these patterns, so they are no regular expressions, whose time has no limit.
"""

from collections.abc import Sequence
from itertools import pairwise

import msgspec

MOST_ALTERNATIVES = 200
"""Patterns that one with braces may stand for."""

_DEEP = "**"


class PatternError(ValueError):
    """A pattern is malformed, or stands for too many."""


class Set(msgspec.Struct, frozen=True):
    """One character of `[…]`: any within `ranges`, or any but these."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool

    def holds(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self.ranges) is not self.negated


class Any(msgspec.Struct, frozen=True):
    """`?`, one character, or `*`, any number of them."""

    many: bool


Token = str | Set | Any


class Name(msgspec.Struct, frozen=True):
    """The pattern of one name in a path. `end`: it is no more than `*` and then this text, or this text alone
    if it is `exact`; most are."""

    tokens: tuple[Token, ...]
    end: str | None
    exact: bool

    def matches(self, name: str) -> bool:
        """Return whether a name is as the pattern says."""
        if self.end is not None:
            return name == self.end if self.exact else name.endswith(self.end)
        return _matches(self.tokens, name)


Step = Name | None
"""The pattern of one name in a path; None for `**`, any number of names."""


def compile_path(pattern: str) -> tuple[Step, ...]:
    """Return the steps of a pattern for whole paths, braces aside; raises PatternError."""
    steps: list[Step] = []
    for step in pattern.split("/"):
        if step == _DEEP:
            if steps[-1:] != [None]:
                steps.append(None)
        else:
            steps.append(compile_name(step))
    return tuple(steps)


def compile_name(pattern: str) -> Name:
    """Return a pattern of one name, without `/`, `**` and braces; raises PatternError."""
    tokens = _tokens(pattern)
    exact = tokens[:1] != (Any(True),)
    letters = [token for token in (tokens if exact else tokens[1:]) if isinstance(token, str)]
    is_plain = len(letters) == len(tokens) - (not exact)
    return Name(tokens, "".join(letters) if is_plain else None, exact)


def matches_path(steps: Sequence[Step], path: Sequence[str]) -> bool:
    """Return whether a path, as its names, is as the pattern says."""
    at = start = back = 0
    deep = -1
    for _ in range((len(steps) + 1) * (len(path) + 1)):
        step = steps[at] if at < len(steps) else None
        if at < len(steps) and step is None:
            deep, at, back = at, at + 1, start
        elif step is not None and start < len(path) and step.matches(path[start]):
            at, start = at + 1, start + 1
        elif at == len(steps) and start == len(path):
            return True
        elif deep >= 0 and back < len(path):
            back += 1
            at, start = deep + 1, back
        else:
            return False
    return False


def _matches(tokens: Sequence[Token], name: str) -> bool:
    """Match from the left; where that fails, the last `*` takes one character more."""
    at = start = 0
    star, back = -1, 0
    while start < len(name):
        token = tokens[at] if at < len(tokens) else None
        if isinstance(token, Any) and token.many:
            star, back = at, start
            at += 1
        elif token is not None and _is_one(token, name[start]):
            at, start = at + 1, start + 1
        elif star >= 0:
            back += 1
            at, start = star + 1, back
        else:
            return False
    return all(isinstance(token, Any) and token.many for token in tokens[at:])


def alternatives(pattern: str) -> list[str]:
    """Return the patterns that one with braces stands for; raises PatternError if there are too many."""
    done: list[str] = []
    pending = [pattern]
    while pending:
        if len(pending) + len(done) > MOST_ALTERNATIVES:
            raise PatternError(f"{pattern[:100]!r} stands for more than {MOST_ALTERNATIVES} patterns.")
        each = pending.pop()
        if (braces := _first_braces(each)) is None:
            done.append(each)
        else:
            start, end, options = braces
            pending += [f"{each[:start]}{option}{each[end:]}" for option in reversed(options)]
    return done


def _is_one(token: Token, character: str) -> bool:
    if isinstance(token, str):
        return token == character
    return not token.many if isinstance(token, Any) else token.holds(character)


def _tokens(step: str) -> tuple[Token, ...]:
    tokens: list[Token] = []
    at = 0
    while at < len(step):
        mark = step[at]
        at += 1
        if mark == "\\":
            if at == len(step):
                raise PatternError(f"{step[:100]!r} ends with a backslash.")
            tokens.append(step[at])
            at += 1
        elif mark == "*":
            if tokens[-1:] != [Any(True)]:
                tokens.append(Any(True))
        elif mark == "?":
            tokens.append(Any(False))
        elif mark == "[":
            token, at = _set(step, at)
            tokens.append(token)
        else:
            tokens.append(mark)
    return tuple(tokens)


def _set(step: str, at: int) -> tuple[Set, int]:
    """Return the set that begins after the bracket at `at` - 1, and where it ends."""
    negated = step[at : at + 1] in ("!", "^")
    at += negated
    first = at
    ranges: list[tuple[str, str]] = []
    while at < len(step) and (step[at] != "]" or at == first):
        at += step[at] == "\\" and at + 1 < len(step)
        low = high = step[at]
        at += 1
        if step[at : at + 1] == "-" and step[at + 1 : at + 2] not in ("", "]"):
            at += 1
            at += step[at] == "\\" and at + 1 < len(step)
            high = step[at]
            at += 1
        ranges.append((low, high))
    if at >= len(step):
        raise PatternError(f"{step[:100]!r} has a bracket that is not closed.")
    return Set(tuple(ranges), negated), at + 1


def _first_braces(pattern: str) -> tuple[int, int, list[str]] | None:
    """Return where the first `{a,b}` begins and ends, and its options; None without one."""
    depth = 0
    start = 0
    commas: list[int] = []
    at = 0
    while at < len(pattern):
        mark = pattern[at]
        if mark == "\\":
            at += 1
        elif mark == "{":
            if depth == 0:
                start, commas = at, []
            depth += 1
        elif mark == "," and depth == 1:
            commas.append(at)
        elif mark == "}" and depth:
            depth -= 1
            if depth == 0:
                marks = [start, *commas, at]
                return (
                    start,
                    at + 1,
                    [pattern[low + 1 : high] for low, high in pairwise(marks)],
                )
        at += 1
    return None
