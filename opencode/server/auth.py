"""The optional password: HTTP Basic on every route but the health check."""

import hmac

from quart import Quart, Response, request

from opencode.config import Settings

OPEN_PATHS = frozenset({"/global/health"})


def register(app: Quart, settings: Settings) -> None:
    """Ask for the password where one is set."""
    if settings.password is None:
        return
    username, password = settings.username.encode(), settings.password.encode()

    @app.before_request
    async def authenticate() -> Response | None:
        if request.path in OPEN_PATHS or request.method == "OPTIONS":
            return None
        given = request.authorization
        if given is not None and given.type == "basic":
            # Both are always compared, so that the time tells nothing about either.
            user_fits = hmac.compare_digest((given.username or "").encode(), username)
            password_fits = hmac.compare_digest((given.password or "").encode(), password)
            if user_fits and password_fits:
                return None
        return Response(b"", status=401, headers={"WWW-Authenticate": 'Basic realm="Secure Area"'})
