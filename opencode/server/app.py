"""The Quart app: blueprints, errors, auth, and the services that live as long as it serves."""

from collections.abc import AsyncGenerator

from quart import Quart

from opencode.agent.retry import RetryPolicy
from opencode.config import Settings
from opencode.resources import STATIC, TEMPLATES

from . import admission, app_state, assets, auth, cors, direct_write, docs, errors, request_logging, web
from .api import event, history, instance, mcp, message, pending_requests, provider, session, transfer
from .shutdown import on_stop_signal


def create_app(settings: Settings | None = None, retry: RetryPolicy | None = None) -> Quart:
    """Return the app; raises SettingsError where the environment or opencode.json is wrong."""
    settings = settings or Settings.load()
    app = Quart("opencode", template_folder=str(TEMPLATES), static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body_bytes
    app.url_map.strict_slashes = False
    request_logging.register(app)
    direct_write.register(app)
    errors.register(app)
    admission.register(app, settings)
    cors.register(app, settings)
    auth.register(app, settings)
    for module in (instance, session, message, history, pending_requests, event, provider, mcp, transfer):
        app.register_blueprint(module.blueprint)
    assets.register(app, STATIC)
    docs.register(app)
    web.register(app, settings)

    @app.while_serving
    async def serve() -> AsyncGenerator[None, None]:
        async with app_state.opened(app, settings, retry) as services:
            with on_stop_signal(lambda: services.stop(settings.stop_grace)):
                yield

    return app
