"""The log: one line for each event, for people or as JSON, with the request and the session that it is of."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from .watch import origin

CHATTY = (
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "anthropic",
    "openai",
    "aiosqlite",
    "alembic",
    "urllib3",
    "ddgs",
    "primp",
)
"""Libraries that tell at INFO what is of no use here."""


def set_up(level: str, form: str) -> None:
    """Log to standard error; `form`: TEXT or JSON. Where the log is set up already, it stays as it is."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "JSON" else TextLines())
    logging.basicConfig(level=level, handlers=[handler])
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


class TextLines(logging.Formatter):
    """For people: time, level, logger, message, ids. A traceback follows on lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        ids = "".join(f" {name}={value}" for name, value in origin().items())
        line = super().formatMessage(record) + ids
        return line.replace("\r", "\\r").replace("\n", "\\n")


class JsonLines(logging.Formatter):
    """For programs: one object a line. `data` of a record's `extra` is in it field by field."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **origin(),
            **getattr(record, "data", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)  # in ASCII: a lone surrogate must not cost the line
