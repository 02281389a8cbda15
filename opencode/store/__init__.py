"""What is kept on disk: one embedded SQLite file by default; every query is portable SQL."""

from .queries import SessionQuery
from .store import Store
from .writer import Unit

__all__ = ["SessionQuery", "Store", "Unit"]
