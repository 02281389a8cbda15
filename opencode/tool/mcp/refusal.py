"""Why an HTTP response refused a request: its reason in words, and the request's id."""

import html
import re
from typing import Any

import httpx2
import msgspec

MAX_REFUSAL = 64 * 1024
"""Bytes of a refusal that are read."""

MAX_REASON = 300
"""Characters of a reason."""

_REASONS = ("error_description", "message", "detail", "title", "error", "reason", "errors")
_UNSEEN = re.compile(r"<(script|style|head)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)


def reason_in(response: httpx2.Response) -> str:
    """Return the reason in a refusal's body or headers, on one line; "" if it gives none."""
    text = response.content.decode("utf-8", "replace").strip()
    try:
        said = _said(msgspec.json.decode(text))
    except (msgspec.DecodeError, RecursionError):
        said = _plain(text) if text.startswith("<") else text
    challenge = re.search(r'error_description="([^"]*)"', response.headers.get("www-authenticate", ""))
    return " ".join((said or (challenge[1] if challenge else "")).split())[:MAX_REASON]


def request_id(request: httpx2.Request) -> object:
    """Return the id of the JSON-RPC request in an HTTP request; None if it has none."""
    try:
        message = msgspec.json.decode(request.content)
    except (msgspec.DecodeError, httpx2.StreamError, RecursionError):
        return None
    return message.get("id") if isinstance(message, dict) else None


def _said(body: Any) -> str:
    if isinstance(body, str):
        return body
    if isinstance(body, list) and body:
        return _said(body[0])
    if isinstance(body, dict):
        return next((said for name in _REASONS if (said := _said(body.get(name)))), "")
    return ""


def _plain(page: str) -> str:
    title = _TITLE.search(page)
    return html.unescape(title[1] if title and title[1].strip() else _UNSEEN.sub(" ", page))
