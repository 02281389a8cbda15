"""Error messages as the page words them: a session of the API is a chat there.

A failed turn says what can be done about it.
"""

import re

from opencode.errors import NotFound, RequestError
from opencode.schema.error import (
    APIError,
    ContentFilterError,
    ContextOverflowError,
    MessageAbortedError,
    MessageError,
    MessageOutputLengthError,
    ProviderAuthError,
)

CHAT_NOT_FOUND = "Chat not found. It may have been deleted."

_SESSION = re.compile(r"\b([Ss])ession(s?)\b")

_ADVICE: dict[type[MessageError], str] = {
    MessageAbortedError: "",
    ProviderAuthError: (
        "Set the key in the settings, or pick a model of another provider below. Then try again."
    ),
    ContextOverflowError: (
        "Press Compact in the menu above, or pick a model with a larger context below. Then try again."
    ),
    ContentFilterError: "Edit your message, or pick another model below and try again.",
    MessageOutputLengthError: "Pick another model or a lower effort below, and try again.",
}


def page_message(error: RequestError) -> str:
    """Return an error's message for people who use the page."""
    if isinstance(error, NotFound) and error.message.startswith("Session not found"):
        return CHAT_NOT_FOUND
    return _SESSION.sub(lambda match: ("C" if match[1] == "S" else "c") + "hat" + match[2], error.message)


def advice(error: MessageError) -> str:
    """Return what somebody who uses the page can do about a failed turn; "" if it was stopped."""
    if isinstance(error, APIError):
        return _advice_by_status(error.data.status_code or 0)
    return _ADVICE.get(type(error), "Try again. If it fails again, pick another model below.")


def _advice_by_status(status: int) -> str:
    if status in (401, 403):
        return "Check the key in the settings, or pick a model of another provider below. Then try again."
    if status == 402:
        return "Add credit at the provider, or pick a model of another provider below. Then try again."
    if status == 429:
        return "Wait a moment, or pick another model below. Then try again."
    if status == 0 or status >= 500:
        return "Try again in a moment, or pick another model below."
    return "Pick another model below, or edit your message. Then try again."
