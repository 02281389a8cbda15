"""What is kept on disk: an SQLite file by default, or a PostgreSQL database."""

from .queries import Found, Match, SessionQuery
from .store import Store
from .writer import Unit

__all__ = ["Found", "Match", "SessionQuery", "Store", "Unit"]
