"""The login page: a Space runs in a frame, where browsers show no password dialog."""

from quart import Blueprint, Response, current_app, redirect, request
from werkzeug.wrappers import Response as Redirection

from opencode.errors import TooManyRequests

from ..app_state import app_state
from ..auth import COOKIE, COOKIE_SECONDS
from ..client import is_secure
from ..errors import wait
from .pages import HTML
from .render import page
from .security import nonce

blueprint = Blueprint("login", __name__)


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
        fits = password.fits(form.get("username", ""), form.get("password", ""))
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


def _page(target: str, problem: str, status: int) -> Response:
    username = current_app.config["OPENCODE_USERNAME"]
    html = page("login.html", next=_local_path(target), problem=problem, username=username, nonce=nonce())
    return Response(html, status=status, content_type=HTML)


def _local_path(target: str) -> str:
    """Return `target` if it is a path on this server, otherwise `/`."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"
