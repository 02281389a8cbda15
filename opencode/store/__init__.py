"""What is kept on disk: one embedded SQLite file by default; every query is portable SQL."""

from .queries import Found, Match, SessionQuery
from .store import Store
from .writer import Unit

__all__ = ["Found", "Match", "SessionQuery", "Store", "Unit"]
