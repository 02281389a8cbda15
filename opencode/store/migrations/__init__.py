"""Bring a database to the newest schema, at start. Alembic is loaded only if there is something to do."""

import logging
import os
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from opencode.errors import SettingsError
from opencode.store.dialects import dialect_of

log = logging.getLogger(__name__)

HEAD = "0009"
"""The newest revision under versions/."""

_UNRELEASED = ("0001", "0002", "0003")
"""Revisions from before the first release; 0004 converts their tables."""

_KNOWN = (None, *_UNRELEASED, "0004", "0005", "0006", "0007", "0008", HEAD)


def migrate(connection: Connection) -> None:
    """Run the migrations that this database has not had; raises SettingsError for one of a newer version.

    Blocking: use it in a thread.
    """
    revision = _revision(connection)
    if revision == HEAD:
        return
    if revision not in _KNOWN:
        raise SettingsError(
            f"The database was written by a newer version of OpenCode API (its schema is {revision}, this "
            f"version knows {HEAD}). Start that version again, or give this one a backup or another database."
        )
    if revision is not None:
        log.info("bringing the database from revision %s to %s; a large one takes minutes", revision, HEAD)
    from alembic import command  # noqa: PLC0415 - 0.1 s that a start without migrations saves
    from alembic.config import Config  # noqa: PLC0415

    dialect = dialect_of(connection)
    dialect.begin_migration(connection)
    if revision in _UNRELEASED:
        connection.execute(text("DELETE FROM alembic_version"))
    config = Config()
    config.set_main_option("script_location", os.fspath(Path(__file__).parent))
    config.attributes.update(connection=connection, dialect=dialect.name)
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
