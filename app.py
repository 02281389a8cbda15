"""OpenCode API: `app` for any ASGI server; `python app.py` serves it with hypercorn."""

import sys

from opencode.config import Settings
from opencode.errors import SettingsError
from opencode.server.app import create_app
from opencode.server.run import serve, set_up_logging

try:
    settings = Settings.load()
    set_up_logging(settings.log_level)
    app = create_app(settings)
    if __name__ == "__main__":
        serve(app, settings)
except SettingsError as error:
    sys.exit(f"OpenCode API can't start: {error.message}")
