"""Frames for what a model wrote as HTML, SVG or a diagram: without our origin, network and storage.

The page sends a frame its text in a message. They hold nothing of a conversation, so they need no login.
"""

from quart import Blueprint, Response

from .pages import HTML
from .render import page
from .security import frames, nonce

blueprint = Blueprint("sandbox", __name__, url_prefix="/sandbox")

_ALONE = ("default-src 'none'", "base-uri 'none'", "form-action 'none'", "sandbox allow-scripts")


@blueprint.get("/preview")
async def preview() -> Response:
    """Return the frame in which a block of HTML or SVG is shown, without its scripts."""
    return _frame("preview", "img-src data: blob:; font-src data:; media-src data: blob:")


@blueprint.get("/mermaid")
async def mermaid() -> Response:
    """Return the frame that draws diagrams."""
    return _frame("mermaid", "img-src data:")


def _frame(name: str, allowed: str) -> Response:
    response = Response(page(f"sandbox/{name}.html", nonce=nonce()), content_type=HTML)
    own = f"script-src 'nonce-{nonce()}'; style-src 'unsafe-inline'"
    response.headers["Content-Security-Policy"] = "; ".join((*_ALONE, own, allowed, frames()))
    response.headers["X-DNS-Prefetch-Control"] = "off"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
