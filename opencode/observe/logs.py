"""The log: one line for each event, as text or JSON, with the ids of its request and session."""

import json
import logging
import re
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
"""Libraries whose INFO lines are noise here."""


_SHARED = re.compile(r"""(/share/[^/\s"'?\\]+/)[^/\s"'?\\]+""")
"""The address of a shared conversation; its last word is a secret."""


def set_up(level: str, form: str) -> None:
    """Log to standard error; `form`: TEXT or JSON. A log that is set up already stays as it is."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "JSON" else TextLines())
    logging.basicConfig(level=level, handlers=[handler])
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").addFilter(_redact_arguments)


def without_secrets(text: str) -> str:
    """Return a line of a log without the secrets in addresses of shared conversations."""
    return _SHARED.sub(r"\1[secret]", text) if "/share/" in text else text


def _redact_arguments(record: logging.LogRecord) -> bool:
    """Redact the paths in a record of uvicorn's access log, which has a formatter of its own."""
    if isinstance(record.args, tuple):
        record.args = tuple(without_secrets(arg) if isinstance(arg, str) else arg for arg in record.args)
    return True


class TextLines(logging.Formatter):
    """Text: time, level, logger, message, ids. A traceback follows on lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        ids = "".join(f" {name}={value}" for name, value in origin().items())
        line = super().formatMessage(record) + ids
        return line.replace("\r", "\\r").replace("\n", "\\n")


class JsonLines(logging.Formatter):
    """JSON: one object per line. The fields of a record's `extra["data"]` are fields of the object."""

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
        return without_secrets(json.dumps(line, default=str))  # ASCII: a lone surrogate could not be written
