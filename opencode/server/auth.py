"""The optional password: HTTP Basic for programs, a cookie for people who log in on the page."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from quart import Quart, Response, redirect, request
from werkzeug.wrappers import Response as Redirection

from opencode.config import Settings
from opencode.errors import TooManyRequests
from opencode.store import SharedSecrets
from opencode.store.cipher import stretched

from .app_state import AppState
from .client import client, from_server
from .rate_limit import RateLimiter

OPEN_PATHS = frozenset({"/global/health", "/login", "/manifest.webmanifest"})
OPEN_BELOW = ("/static/", "/share/", "/sandbox/")

COOKIE = "opencode_login"
COOKIE_SECONDS = 30 * 24 * 3600

FAILURES = 20
"""Wrong passwords per minute and client that are answered with 401; further ones with 429."""

GUESSES = 600
"""Wrong passwords per minute and client after which no password of this client is looked at any more."""


class Password:
    """Checks user name and password, and login cookies. Limits the rate of wrong guesses.

    `key`: what signs the cookies; asked for when the first request comes.

    Many people may share an address: a guesser among them must not keep out who knows the password. So the
    right one is let in however many wrong ones came before it, up to GUESSES a minute.
    """

    def __init__(self, username: str, password: str, key: Callable[[], bytes]) -> None:
        self._username = username.encode()
        self._password = password.encode()
        self._cookie_key = key
        self._failures = RateLimiter(FAILURES)
        self._guesses = RateLimiter(GUESSES)

    def fits(self, username: bytes, password: bytes) -> bool:
        """Return whether both are right. Raise TooManyRequests if the client was wrong too often."""
        who = client()
        if seconds := self._guesses.wait(who):
            raise _too_many(who, seconds)
        # Both are always compared, so that the time taken reveals nothing about either.
        user_fits = hmac.compare_digest(username, self._username)
        password_fits = hmac.compare_digest(password, self._password)
        if user_fits and password_fits:
            return True
        self._guesses.count(who)
        if seconds := self._failures.wait(who):
            raise _too_many(who, seconds)
        self._failures.count(who)
        return False

    def cookie(self) -> str:
        """Return the value of a login cookie, valid for COOKIE_SECONDS or until the password changes."""
        return self._signed(str(int(time.time()) + COOKIE_SECONDS))

    def accepts(self, cookie: str) -> bool:
        """Return whether a cookie was signed by this server and has not expired."""
        until = cookie.partition(".")[0]
        genuine = hmac.compare_digest(cookie.encode("utf-8", "replace"), self._signed(until).encode())
        return genuine and until.isdecimal() and int(until) > time.time()

    @cached_property
    def _key(self) -> bytes:
        return hashlib.blake2b(self._password, key=self._cookie_key(), digest_size=32).digest()

    def _signed(self, until: str) -> str:
        return f"{until}.{hmac.new(self._key, until.encode('utf-8', 'replace'), 'sha256').hexdigest()}"


def register(app: Quart, state: AppState) -> None:
    """Ask for the password if one is set."""
    settings = state.settings
    if settings.password is None:
        return
    password = state.password = Password(settings.username, settings.password, lambda: state.cookie_key)

    @app.before_request
    async def authenticate() -> Response | Redirection | None:
        path = request.path
        if path in OPEN_PATHS or path.startswith(OPEN_BELOW) or request.method == "OPTIONS":
            return None
        if from_server():  # which has looked at the password
            return None
        if password.accepts(request.cookies.get(COOKIE, "")):
            return None
        given = _credentials(request.headers.get("Authorization", ""))
        if given is not None:
            if password.fits(*given):
                return None
        elif request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            return redirect(f"/login?next={quote(request.full_path.rstrip('?'))}", 303)
        return Response(b"", status=401, headers={"WWW-Authenticate": 'Basic realm="Secure Area"'})


def _credentials(header: str) -> tuple[bytes, bytes] | None:
    """Return user name and password in an Authorization header; None if it is not one of Basic auth.

    Not by werkzeug, which raises for bytes that are no text.
    """
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, colon, password = base64.b64decode(token.encode("ascii")).partition(b":")
    except (UnicodeEncodeError, binascii.Error):
        return None
    return (username, password) if colon else None


def _too_many(who: str, seconds: int) -> TooManyRequests:
    return TooManyRequests(f"Too many wrong passwords from {who}: wait {seconds} s.", seconds)


async def cookie_key(settings: Settings, secrets: SharedSecrets | None) -> bytes:
    """Return the key that signs cookies, created once: the database's, or the data directory's with SQLite.

    The database's may be unencrypted. So that whoever reads it gains nothing for guessing the password by, it
    is mixed with the password in a way that makes each guess slow.
    """
    if secrets is None:
        return _of_file(settings.data_dir)
    return await asyncio.to_thread(stretched, settings.password or "", secrets.cookie_key)


def _of_file(data_dir: Path) -> bytes:
    """Return the key in a file that only the server's user can read."""
    path = data_dir / "cookie.key"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_bytes()[:64]
    except OSError:
        return os.urandom(32)  # it can't be stored: logins end when the server stops
    with os.fdopen(handle, "wb") as file:
        key = os.urandom(32)
        file.write(key)
    return key
