"""What an error's JSON says, in any of the shapes that providers and their proxies give it."""

import re
from typing import Any

import msgspec

_WORDS = (
    "message",
    "detail",
    "error_message",
    "errorMessage",
    "error_msg",
    "msg",
    "status_msg",
    "error_description",
)
"""Fields with an error's words, best first."""
_CODES = ("code", "error_code", "type", "error_type", "status", "status_code", "statusCode", "name")
"""Fields with what kind of error it is, as a number or a name, most telling first."""
_FAILED = frozenset({"error", "failed", "failure", "fail", "exception"})
_NESTED = 4
"""Errors within errors that are looked into."""
_FINE = frozenset({"", "ok", "success", "succeeded"})
"""Codes of answers that are no errors."""
_LONGEST_RAW = 500
"""Characters that are told of the answer which a router got from the provider behind it."""

# Words of the errors that pass by themselves, for servers that give neither a status nor a known code.
_PASSING = re.compile(
    r"overloaded|rate.?limit|too many requests|try (?:it )?again|retry your request|temporar(?:y|ily)"
    r"|timed?[ -]?out|internal (?:server )?error|service (?:is )?unavailable|bad gateway"
    r"|server (?:is )?busy|at capacity|enginecore|engine (?:is )?dead|upstream (?:connect|error)",
    re.IGNORECASE,
)
_SPENT = re.compile(
    r"insufficient.?(?:quota|balance|credit|fund)|exceeded.{0,12}quota|billing|balance|credits?\b|payment"
    r"|hard.?limit",
    re.IGNORECASE,
)
"""Words and names of errors that last until somebody pays."""
_TRANSIENT = frozenset(
    {
        "overloaded",
        "api",
        "ratelimit",
        "ratelimitexceeded",
        "ratelimited",
        "toomanyrequests",
        "resourceexhausted",
        "throttling",
        "throttlingexception",
        "timeout",
        "apitimeout",
        "requesttimeout",
        "deadlineexceeded",
        "server",
        "internal",
        "internalserver",
        "serviceunavailable",
        "unavailable",
        "badgateway",
        "gatewaytimeout",
        "enginedead",
    }
)
"""Names of passing errors, without `_` and without "error" at their end, in lower case."""
_RETRYABLE_STATUSES = frozenset({408, 409, 425, 429})


class ErrorDetail(msgspec.Struct, frozen=True):
    """An error's words, "" for none, its names (codes and types), and its HTTP status, 0 for none."""

    message: str = ""
    names: tuple[str, ...] = ()
    status: int = 0

    @property
    def spent(self) -> bool:
        """Whether a quota or a balance is used up, which no retry mends."""
        return any(_SPENT.search(name) for name in self.names)

    @property
    def transient(self) -> bool:
        """Whether a retry may succeed, by what the error says of itself."""
        if self.spent:
            return False
        if self.status:
            return is_transient(self.status)
        if any(_plain(name) in _TRANSIENT for name in self.names):
            return True
        return bool(_PASSING.search(self.message)) and not _SPENT.search(self.message)


def is_transient(status: int) -> bool:
    """Return whether a request that was answered with this HTTP status may succeed later."""
    return status in _RETRYABLE_STATUSES or status >= 500


def detail_of(error: Any) -> ErrorDetail:
    """Return what an error says: a sentence, a number, an object, or a list of them."""
    words: list[str] = []
    names: list[str] = []
    statuses: list[int] = []
    _collect(error, words, names, statuses, _NESTED)
    return ErrorDetail(words[0] if words else "", tuple(names), statuses[0] if statuses else 0)


def is_error(value: Any) -> bool:
    """Return whether a JSON value in an answer is an error and not a part of the answer."""
    if isinstance(value, list):
        return len(value) == 1 and isinstance(value[0], dict) and is_error(value[0])
    if not isinstance(value, dict):
        return False
    if value.get("error") or value.get("object") == "error":
        return True
    if value.get("choices") or value.get("usage"):
        return False
    base = value.get("base_resp")  # MiniMax's, beside `choices: null`
    if isinstance(base, dict) and base.get("status_code"):
        return True
    return _reads_as_error(value)


def _reads_as_error(value: dict[str, Any]) -> bool:
    """Return whether an object without an `error` is one by its other fields."""
    kind, code = value.get("type"), value.get("code")
    states = [value.get(field) for field in ("status", "status_code", "statusCode", "code")]
    has_words = any(value.get(field) for field in _WORDS)
    if _names_error(kind) or (has_words and any(_is_failing(state) for state in states)):
        return True
    if isinstance(kind, str) and kind and "error" not in kind:
        return False  # an event of another kind
    if any(value.get(field) for field in ("error_message", "error_type", "errors")):
        return True
    if isinstance(code, str) and not code.isdigit() and code.lower() not in _FINE:
        return has_words  # Alibaba: `{"code": "InvalidParameter", "message": …}`
    # Words alone are an error too, unless a status says that all goes well ("loading the model").
    return has_words and all(state is None for state in states)


def _is_failing(state: Any) -> bool:
    """Return whether a status, a number or a name, is that of a failure."""
    text = "" if isinstance(state, bool) else str(state).strip()
    return (text.isdigit() and int(text[:9]) >= 400) or _names_error(state)


def _names_error(kind: Any) -> bool:
    """Return whether a name means an error: "error", "NotFoundError", "rate_limit_error", "failed"."""
    if not isinstance(kind, str):
        return False
    kind = kind.lower()
    return kind in _FAILED or kind.endswith(("error", "exception"))


def _collect(error: Any, words: list[str], names: list[str], statuses: list[int], depth: int) -> None:
    if isinstance(error, str):
        if error.strip():
            words.append(error.strip())
    elif isinstance(error, int) and not isinstance(error, bool):
        _name(error, names, statuses)
    elif isinstance(error, list) and error and depth:
        _collect(error[0], words, names, statuses, depth - 1)
    elif isinstance(error, dict) and depth:
        for field in ("error", "errors", "base_resp"):
            inner = error.get(field)
            if isinstance(inner, dict | list):
                _collect(inner, words, names, statuses, depth - 1)
        for field in _CODES:
            _name(error.get(field), names, statuses)
        _words(error, words, names, statuses, depth)


def _words(
    error: dict[str, Any], words: list[str], names: list[str], statuses: list[int], depth: int
) -> None:
    inner = error.get("error")
    for field in _WORDS:
        value = error.get(field)
        if isinstance(value, str) and value.strip():
            words.append(_with_raw(value.strip(), error.get("metadata")))
        elif isinstance(value, dict | list):  # FastAPI: `{"detail": [{"msg": …}]}`
            _collect(value, words, names, statuses, depth - 1)
    if isinstance(inner, str) and " " not in inner.strip() and words:
        names.append(inner)  # `{"error": "rate_limited", "message": "Slow down"}`
    else:
        _collect(inner if isinstance(inner, str | int) else None, words, names, statuses, depth - 1)
    raw = error.get("error_type")
    if not words and isinstance(raw, str):
        words.append(raw)


def _with_raw(message: str, metadata: Any) -> str:
    """Return OpenRouter's message with that of the provider behind it, if there is one."""
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return f"{message}: {str(raw)[:_LONGEST_RAW]}" if raw else message


def _name(value: Any, names: list[str], statuses: list[int]) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return
    text = str(value).strip()
    if text.isdigit() and len(text) == 3 and 400 <= int(text) < 600:
        statuses.append(int(text))
    elif text:
        names.append(text)


def _plain(name: str) -> str:
    """Return a name as `_TRANSIENT` has it: "InternalServerError" and "internal_server_error" are one."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    return plain.removesuffix("error") or plain
