"""What keeps a page with hostile text in it safe: a strict policy, and no posts from other sites."""

import secrets
from collections.abc import Container
from urllib.parse import urlsplit

from quart import Quart, Response, g, request

from opencode.config import Settings
from opencode.errors import Forbidden

from ..cors import may_call

FRAMES = "frame-ancestors 'self' https://huggingface.co https://*.hf.space"
"""Who may show a page in a frame: a Space is shown in one."""

_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "private, no-cache",
}
"""What every answer carries that does not say otherwise."""

_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def nonce() -> str:
    """Return this page's own word for the scripts that it loads itself."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def register(app: Quart, settings: Settings) -> None:
    """Refuse posts from other sites, and add the headers that every answer carries."""

    @app.before_request
    async def same_site_only() -> None:
        if request.method in _UNSAFE and _is_from_elsewhere(settings.cors):
            raise Forbidden("This request comes from a page of another site, so it was refused.")

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
    """Return the Content-Security-Policy of a page. Images of other sites are loaded by a click only."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'nonce-{nonce()}'",
            "style-src 'self'",
            "img-src 'self' data: blob: https:",
            "connect-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            FRAMES,
        )
    )


def _is_from_elsewhere(allowed: Container[str]) -> bool:
    """Tell whether a browser says that another site's page sent this. Programs say nothing, and may.

    Pages that may call may post too, as in `cors`.
    """
    origin = request.headers.get("Origin")
    if origin is not None and may_call(origin, allowed):
        return False
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    if origin is None:
        return False
    hosts = {request.host, request.headers.get("X-Forwarded-Host", request.host)}
    return urlsplit(origin).netloc not in hosts
