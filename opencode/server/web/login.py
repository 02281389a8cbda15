"""The login page: a Space runs in a frame, where browsers show no password dialog."""

from urllib.parse import quote, unquote

from quart import Blueprint, Response, redirect, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as Redirection

from opencode.config.variables import USERNAME
from opencode.errors import TooManyRequests

from ..app_state import app_state
from ..auth import COOKIE, COOKIE_SECONDS
from ..client import is_secure
from ..errors import too_large, wait
from .pages import HTML
from .render import page
from .security import nonce

blueprint = Blueprint("login", __name__)

LONGEST_TARGET = 2_000
"""Characters of the path to go to after the login."""

_DECODINGS = 5
"""How many layers of percent-encoding of a target are looked through."""


@blueprint.get("/login")
async def show() -> Response | Redirection:
    """Show the login page; without a password set, redirect to the start page."""
    if app_state().password is None:
        return redirect("/", 303)
    return _page(request.args.get("next", "/"), "", 200)


@blueprint.post("/login")
async def login() -> Response | Redirection:
    """Check the password and set the login cookie."""
    password = app_state().password
    form = await request.form
    target = _local_path(form.get("next", "/"))
    if password is None:
        return redirect(target, 303)
    try:
        fits = password.fits(_bytes(form.get("username", "")), _bytes(form.get("password", "")))
    except TooManyRequests as error:
        return wait(_page(target, error.message, error.status), error)
    if not fits:
        return _page(target, "Wrong user name or password.", 401)
    response = redirect(target, 303)
    secure = is_secure()
    response.set_cookie(
        COOKIE,
        password.cookie(),
        max_age=COOKIE_SECONDS,
        httponly=True,
        secure=secure,
        samesite="None" if secure else "Lax",
        partitioned=secure,
    )
    return response


@blueprint.post("/logout")
async def logout() -> Redirection:
    response = redirect("/login", 303)
    secure = is_secure()
    response.delete_cookie(
        COOKIE, secure=secure, samesite="None" if secure else "Lax", partitioned=secure, httponly=True
    )
    return response


@blueprint.errorhandler(RequestEntityTooLarge)
async def refuse_body(_: RequestEntityTooLarge) -> Response:
    return _page("/", too_large(), 413)


def _page(target: str, problem: str, status: int) -> Response:
    username = app_state().settings.username
    html = page(
        "login.html",
        next=_local_path(target),
        problem=problem,
        username=username if username == USERNAME.default else "",  # one that was chosen is not told
        nonce=nonce(),
    )
    return Response(html, status=status, content_type=HTML)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _local_path(target: str) -> str:
    """Return `target` if every browser takes it for a path on this server, otherwise `/`.

    Browsers drop tabs and line breaks and take a backslash for a slash, and proxies may decode what is
    encoded: no layer of it may be such a character, or an address without the scheme.
    """
    if len(target) > LONGEST_TARGET:
        return "/"
    path = target.partition("?")[0].partition("#")[0]
    for _ in range(_DECODINGS):
        if not path.startswith("/") or "//" in path or "\\" in path or any(map(_is_blank, path)):
            return "/"
        decoded = unquote(path)
        if decoded == path:
            break
        path = decoded
    else:
        return "/"
    return quote(target, safe="/?&=#%:;,+@!$'()*~-._")


def _is_blank(character: str) -> bool:
    """Return whether it is a control character or a space."""
    return character <= " " or "\x7f" <= character <= "\xa0"
