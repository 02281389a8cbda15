"""Highlighted code, within a time limit: a lexer's patterns may need minutes for hostile code."""

import time
from functools import cache
from html import escape

from .time_limit import OutOfTime, time_limit

LONGEST = 60_000
"""Characters above which code is shown without highlighting."""

BLOCK_SECONDS = 0.2
"""Processor time for one block of code; what takes longer is shown without highlighting."""

TEXT_SECONDS = 0.5
"""Processor time for all code of one text."""

_SHORTEST = 0.001


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
        try:
            with time_limit(seconds):
                return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))
        except OutOfTime:
            return None


@cache
def _lexers() -> frozenset[str]:
    """Return the names of known languages; unknown ones would be searched for in all installed packages."""
    from pygments.lexers import get_all_lexers  # noqa: PLC0415 - loaded with the first code block

    return frozenset(alias.lower() for _, aliases, _, _ in get_all_lexers(plugins=False) for alias in aliases)
