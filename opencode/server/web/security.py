"""Browser security: a strict Content-Security-Policy for pages with hostile text, and no cross-site posts."""

import secrets
from collections.abc import Container
from urllib.parse import urlsplit

from quart import Quart, Response, g, request

from opencode.config import Settings
from opencode.errors import Forbidden

from ..app_state import app_state
from ..cors import may_call

_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "private, no-cache",
}
"""Default headers of every response."""

_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def nonce() -> str:
    """Return the nonce of this response's own scripts."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def frames() -> str:
    """Return the policy of who may show a page in a frame. Hugging Face shows a Space in one of its pages."""
    return "frame-ancestors 'self'" + (" https://huggingface.co" if app_state().settings.space_id else "")


def register(app: Quart, settings: Settings) -> None:
    """Refuse posts from other sites, and add the default headers to every response."""

    @app.before_request
    async def same_site_only() -> None:
        if request.method in _UNSAFE and _is_cross_site(settings.cors):
            raise Forbidden("Refused: this request was sent by a page of another site.")

    @app.after_request
    async def add_headers(response: Response) -> Response:
        headers = response.headers
        present = {name.lower() for name, _ in headers}
        for name, value in _HEADERS.items():
            if name not in present:
                headers.add(name, value)
        if response.mimetype == "text/html":
            headers.setdefault("Content-Security-Policy", policy())
        return response


def policy() -> str:
    """Return the Content-Security-Policy of a page. `https:` images: the reader's click loads them."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'nonce-{nonce()}'",
            "style-src 'self'",
            "img-src 'self' data: blob: https:",
            "connect-src 'self'",
            "font-src 'self'",
            "frame-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            frames(),
        )
    )


def _is_cross_site(allowed: Container[str]) -> bool:
    """Return whether a browser reports that a page of another site sent this request.

    Programs send no such header and are let through, and so are the origins that `cors` allows.
    """
    origin = request.headers.get("Origin")
    if origin is not None and may_call(origin, allowed):
        return False
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    if origin is None:
        return False
    host = request.headers.get("Host", "")
    try:
        return urlsplit(origin).netloc not in {host, request.headers.get("X-Forwarded-Host", host)}
    except ValueError:
        return True
