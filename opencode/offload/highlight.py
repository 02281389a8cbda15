"""Highlighted code, within a time limit: a lexer's patterns may need minutes for hostile code."""

import signal
import threading
import time
from collections.abc import Callable
from functools import cache
from html import escape
from types import FrameType
from typing import TypeVar

LONGEST = 60_000
"""Characters above which code is shown without highlighting."""

BLOCK_SECONDS = 0.2
"""Processor time for one block of code; what takes longer is shown without highlighting."""

TEXT_SECONDS = 0.5
"""Processor time for all code of one text."""

_SHORTEST = 0.001

T = TypeVar("T")


class Highlighter:
    """Highlights the code of one text."""

    def __init__(self) -> None:
        self._left = TEXT_SECONDS

    def html(self, code: str, language: str) -> str:
        """Return code as HTML, escaped; plain if its language is unknown or its time is up."""
        began = time.process_time()
        try:
            return self._highlighted(code, language) or escape(code)
        finally:
            self._left -= time.process_time() - began

    def _highlighted(self, code: str, language: str) -> str | None:
        if len(code) > LONGEST or self._left < _SHORTEST or language.lower() not in _lexers():
            return None
        from pygments import highlight  # noqa: PLC0415 - loaded with the first code block
        from pygments.formatters.html import HtmlFormatter  # noqa: PLC0415
        from pygments.lexers import get_lexer_by_name  # noqa: PLC0415

        began = time.process_time()
        lexer = get_lexer_by_name(language)
        seconds = min(BLOCK_SECONDS, self._left - (time.process_time() - began))
        return within(seconds, lambda: str(highlight(code, lexer, HtmlFormatter(nowrap=True))))


class _Late(BaseException):
    """The time is up; not an Exception, which lexers catch."""


def _late(number: int, frame: FrameType | None) -> None:
    raise _Late


def within(seconds: float, work: Callable[[], T]) -> T | None:
    """Return what `work` returns, or None if that takes more processor time, or can not be limited here.

    The timer counts the process's own time and has its own signal: a timer that limits the caller runs on.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        return None
    if seconds < _SHORTEST:
        return None
    before = signal.signal(signal.SIGVTALRM, _late)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        try:
            return work()
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except _Late:
        return None
    finally:
        signal.signal(signal.SIGVTALRM, before)


@cache
def _lexers() -> frozenset[str]:
    """Return the names of known languages; unknown ones would be searched for in all installed packages."""
    from pygments.lexers import get_all_lexers  # noqa: PLC0415 - loaded with the first code block

    return frozenset(alias.lower() for _, aliases, _, _ in get_all_lexers(plugins=False) for alias in aliases)
