"""The Quart app: hooks, blueprints, and the state that its handlers share."""

from collections.abc import AsyncGenerator

from quart import Quart

from opencode.agent.retry import RetryPolicy
from opencode.config import Settings
from opencode.resources import STATIC, TEMPLATES

from . import (
    admission,
    assets,
    auth,
    cors,
    direct_write,
    docs,
    errors,
    forwarding,
    fresh_setup,
    request_head,
    request_logging,
    stream_limit,
    web,
)
from .api import (
    cluster,
    event,
    file,
    history,
    instance,
    mcp,
    message,
    pending_requests,
    provider,
    session,
    transfer,
)
from .app_state import AppState
from .request_body import FIELDS, LimitedRequest


def build_app(state: AppState) -> Quart:
    """Return an app with this state, which is open while the app serves."""
    settings = state.settings
    app = Quart("opencode", template_folder=str(TEMPLATES), static_folder=None)
    app.request_class = LimitedRequest
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["MAX_FORM_PARTS"] = FIELDS
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body_bytes
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a redirect to the merged path would be made outside of our handlers
    state.attach(app)
    forwarding.register(app, state)
    request_head.register(app)
    stream_limit.register(app)
    request_logging.register(app)
    direct_write.register(app)
    errors.register(app)
    admission.register(app, settings)
    cors.register(app, settings)
    auth.register(app, state)
    forwarding.register_check(app, state)
    fresh_setup.register(app)
    for module in (
        instance,
        session,
        message,
        history,
        pending_requests,
        event,
        provider,
        mcp,
        transfer,
        cluster,
    ):
        app.register_blueprint(module.blueprint)
    if settings.workspace != "off":
        app.register_blueprint(file.blueprint)
    assets.register(app, STATIC)
    docs.register(app)
    web.register(app, settings)
    return app


def create_app(settings: Settings | None = None, retry: RetryPolicy | None = None) -> Quart:
    """Return an app for any ASGI server: its lifespan opens the services.

    Raises SettingsError if the environment or opencode.json is wrong.
    """
    state = AppState(settings or Settings.load())
    app = build_app(state)

    @app.while_serving
    async def serve() -> AsyncGenerator[None, None]:
        async with state.open(retry):
            yield

    return app
