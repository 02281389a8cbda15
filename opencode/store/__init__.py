"""What is kept on disk: an SQLite file by default, or a PostgreSQL database."""

from .dialects.text_scan import as_pattern
from .file_changes import FileChange, FileContents
from .files import StoredFile
from .outlines import FileSummary, outlined, summary
from .queries import Found, Match, SessionQuery
from .shared_secrets import SharedSecrets
from .store import Store
from .writer import Unit

__all__ = [
    "FileChange",
    "FileContents",
    "FileSummary",
    "Found",
    "Match",
    "SessionQuery",
    "SharedSecrets",
    "Store",
    "StoredFile",
    "Unit",
    "as_pattern",
    "outlined",
    "summary",
]
