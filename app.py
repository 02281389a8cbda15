"""OpenCode API: `app` for any ASGI server; `python app.py` serves it with hypercorn."""

import sys

from opencode.config import Settings
from opencode.errors import SettingsError
from opencode.observe import logs
from opencode.server.app import create_app
from opencode.server.run import serve

try:
    settings = Settings.load()
    logs.set_up(settings.log_level, settings.log_format)
    app = create_app(settings)
    if __name__ == "__main__":
        serve(app, settings)
except SettingsError as error:
    sys.exit(f"OpenCode API can't start: {error.message}")
