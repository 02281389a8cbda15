"""What is kept on disk: one embedded SQLite file by default; every query is portable SQL."""

from .store import SessionQuery, Store

__all__ = ["SessionQuery", "Store"]
