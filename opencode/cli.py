"""The program: `opencode-api`, `python -m opencode` and `python app.py` all run `main`."""

import argparse
import sys
from collections.abc import Sequence

from quart import Quart

from . import __version__
from .config import VARIABLES, Settings, ensure_temporary_directory
from .errors import SettingsError
from .observe import logs
from .server.app import create_app
from .server.run import serve


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal ends it. A wrong setting ends the process with one line and exit status 1."""
    _parse(arguments)
    try:
        serve(load_settings())
    except SettingsError as error:
        sys.exit(_refusal(error))


def load_app() -> Quart:
    """Return the app for an ASGI server. A wrong setting ends the process with one line."""
    try:
        return create_app(load_settings())
    except SettingsError as error:
        sys.exit(_refusal(error))


def load_settings() -> Settings:
    """Return the settings, and set up the process by them; raises SettingsError."""
    settings = Settings.load()
    logs.set_up(settings.log_level, settings.log_format)
    ensure_temporary_directory(settings.data_dir)
    return settings


def _refusal(error: SettingsError) -> str:
    return f"OpenCode API can't start: {error.message}"


def _parse(arguments: Sequence[str] | None) -> None:
    """Answer --help and --version; every setting is an environment variable."""
    width = max(len(variable.name) for variable in VARIABLES)
    rows = (
        f"  {variable.name:{width}}  {variable.doc}" + (f" ({variable.default})" if variable.default else "")
        for variable in VARIABLES
    )
    parser = argparse.ArgumentParser(
        prog="opencode-api",
        description="Serve the OpenCode API. It is configured by environment variables and an opencode.json.",
        epilog="environment variables:\n" + "\n".join(rows),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"OpenCode API {__version__}")
    parser.parse_args(arguments)
