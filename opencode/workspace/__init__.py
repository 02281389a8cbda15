"""The files of one directory, for models to read and, if the owner allows it, to change.

`Workspace` (root) reads and lists them, safely: `await workspace.run(workspace.read, "src/app.py")`. A tool
changes a file through `Changes`, which keeps what it was, publishes `file.edited`, and can take it back:

    async with changes.editing(path) as real:
        before = ...                # the content that was read, None if there is no file
        await context.ask(...)
        await changes.write(Origin(session_id, message_id, part_id), path, after, before=before)

To move a file, write the new one and remove the old one.
"""

from .changes import Changes, Origin, Restored
from .root import MAX_FILE, Entry, Workspace
from .walk import Found, Walk

__all__ = ["MAX_FILE", "Changes", "Entry", "Found", "Origin", "Restored", "Walk", "Workspace"]
