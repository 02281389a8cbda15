"""Where the templates and static files are: at the top of a checkout, inside the package of a wheel."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def _directory(name: str) -> Path:
    packaged = PACKAGE / name
    return packaged if packaged.is_dir() else PACKAGE.parent / name


TEMPLATES = _directory("templates")
STATIC = _directory("static")
