"""Error messages as the page words them: a session of the API is a chat there."""

import re

from opencode.errors import NotFound, RequestError

CHAT_NOT_FOUND = "Chat not found. It may have been deleted."

_SESSION = re.compile(r"\b([Ss])ession(s?)\b")


def page_message(error: RequestError) -> str:
    """Return an error's message for people who use the page."""
    if isinstance(error, NotFound) and error.message.startswith("Session not found"):
        return CHAT_NOT_FOUND
    return _SESSION.sub(lambda match: ("C" if match[1] == "S" else "c") + "hat" + match[2], error.message)
