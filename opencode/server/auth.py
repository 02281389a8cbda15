"""The optional password: HTTP Basic for programs, a cookie for people who log in on the page."""

import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path
from urllib.parse import quote

from quart import Quart, Response, redirect, request
from werkzeug.wrappers import Response as Redirection

from opencode.errors import TooManyRequests

from .app_state import AppState
from .client import client
from .rate_limit import RateLimiter

OPEN_PATHS = frozenset({"/global/health", "/login", "/manifest.webmanifest"})
OPEN_BELOW = ("/static/", "/share/")

COOKIE = "opencode_login"
COOKIE_SECONDS = 30 * 24 * 3600

FAILURES = 20
"""Wrong passwords per minute and client before it has to wait."""


class Password:
    """Checks user name and password, and login cookies. Limits the rate of wrong guesses."""

    def __init__(self, username: str, password: str, key: bytes) -> None:
        self._username = username.encode()
        self._password = password.encode()
        self._key = hashlib.blake2b(self._password, key=key, digest_size=32).digest()
        self._failures = RateLimiter(FAILURES)

    def fits(self, username: str, password: str) -> bool:
        """Return whether both are right. Raise TooManyRequests if the client was wrong too often."""
        who = client()
        if seconds := self._failures.wait(who):
            raise TooManyRequests(f"Too many wrong passwords from {who}: wait {seconds} s.", seconds)
        # Both are always compared, so that the time taken reveals nothing about either.
        user_fits = hmac.compare_digest(username.encode(), self._username)
        password_fits = hmac.compare_digest(password.encode(), self._password)
        if not (user_fits and password_fits):
            self._failures.count(who)
        return user_fits and password_fits

    def cookie(self) -> str:
        """Return the value of a login cookie, valid for COOKIE_SECONDS or until the password changes."""
        return self._signed(str(int(time.time()) + COOKIE_SECONDS))

    def accepts(self, cookie: str) -> bool:
        """Return whether a cookie was signed by this server and has not expired."""
        until = cookie.partition(".")[0]
        genuine = hmac.compare_digest(cookie.encode(), self._signed(until).encode())
        return genuine and until.isdecimal() and int(until) > time.time()

    def _signed(self, until: str) -> str:
        return f"{until}.{hmac.new(self._key, until.encode(), 'sha256').hexdigest()}"


def register(app: Quart, state: AppState) -> None:
    """Ask for the password if one is set."""
    settings = state.settings
    if settings.password is None:
        return
    password = state.password = Password(settings.username, settings.password, _key(settings.data_dir))

    @app.before_request
    async def authenticate() -> Response | Redirection | None:
        path = request.path
        if path in OPEN_PATHS or path.startswith(OPEN_BELOW) or request.method == "OPTIONS":
            return None
        if password.accepts(request.cookies.get(COOKIE, "")):
            return None
        given = request.authorization
        if given is not None and given.type == "basic":
            if password.fits(given.username or "", given.password or ""):
                return None
        elif request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            return redirect(f"/login?next={quote(request.full_path.rstrip('?'))}", 303)
        return Response(b"", status=401, headers={"WWW-Authenticate": 'Basic realm="Secure Area"'})


def _key(data_dir: Path) -> bytes:
    """Return the key that signs cookies. It is created once, readable by the server's user only."""
    path = data_dir / "cookie.key"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_bytes()[:64]
    except OSError:
        return secrets.token_bytes(32)  # it can't be stored: logins end when the server stops
    with os.fdopen(handle, "wb") as file:
        key = secrets.token_bytes(32)
        file.write(key)
    return key
