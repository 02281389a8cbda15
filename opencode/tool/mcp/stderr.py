"""What a local MCP server writes to its standard error: its last lines, and the log."""

import logging
from collections import deque
from time import monotonic

from .failure import Redactor

MAX_LINES = 20
"""Lines that are kept."""

MAX_LINE = 300
"""Characters of a line that are kept."""

MAX_LOGGED = 60
"""Lines of one server that are logged in a minute."""

log = logging.getLogger(__name__)


class StandardError:
    """The last lines of a server's standard error, redacted."""

    def __init__(self, server: str, redactor: Redactor) -> None:
        self._server = server
        self._redact = redactor
        self._minute = 0.0
        self._logged = 0
        self._lines: deque[str] = deque(maxlen=MAX_LINES)

    def lines(self) -> list[str]:
        return list(self._lines)

    def clear(self) -> None:
        self._lines.clear()

    def add(self, line: str) -> None:
        """Keep a line, and log it unless there were too many."""
        text = self._redact("".join(each if each.isprintable() else " " for each in line)).strip()[:MAX_LINE]
        if not text:
            return
        self._lines.append(text)
        if monotonic() - self._minute > 60:
            self._minute, self._logged = monotonic(), 0
        self._logged += 1
        if self._logged <= MAX_LOGGED:
            log.info("MCP server %s: %s", self._server, text)
        elif self._logged == MAX_LOGGED + 1:
            log.info("MCP server %s writes more to its standard error; left out for a minute", self._server)
