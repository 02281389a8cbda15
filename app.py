"""OpenCode API: `app` for any ASGI server; `python app.py` serves it with hypercorn."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - without this an older Python ends with a traceback
    sys.exit(f"OpenCode API needs Python 3.11 or newer; this is {sys.version.split()[0]}.")

try:
    from opencode.cli import load_app, main
except ModuleNotFoundError as error:
    if (error.name or "").startswith("opencode"):
        raise
    sys.exit(f"The Python package {error.name} is missing: run `pip install -r requirements.txt` first.")

if __name__ == "__main__":
    main()
else:
    app = load_app()
