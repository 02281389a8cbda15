"""Bring a database to the newest schema, at start. Alembic is loaded only if there is something to do.

Servers of two versions may share a database: each migration says whether servers that do not know it can live
with it (`compatible`), and the database says which revision they have to know at least.
"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, select, text, update

from opencode.errors import SettingsError
from opencode.store import revision as known
from opencode.store.dialects import dialect_of
from opencode.store.revision import HEAD
from opencode.store.tables import schema_compatibility

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["HEAD", "WAIT_SECONDS", "migrate"]

log = logging.getLogger(__name__)

WAIT_SECONDS = 600.0
"""How long a start waits for older servers to stop, or for another server's migration."""

FOLDER = Path(__file__).parent

_UNRELEASED = ("0001", "0002", "0003")
"""Revisions from before the first release; 0004 converts their tables."""


def migrate(connection: Connection) -> str:
    """Run the migrations that this database has not had; return "", or what has to be waited for.

    Then nothing has changed: call it again in a new transaction. Raises SettingsError for a database of a
    newer version that this one can't live with. Blocking: use it in a thread.
    """
    dialect = dialect_of(connection)
    if not dialect.lock_schema(connection, exclusively=False):
        return "another server brings the database to a newer schema"
    revision = _revision(connection)
    if revision == known.HEAD:
        return ""
    if revision is not None and revision > known.HEAD:
        _check_newer(connection, revision)
        return ""
    if not dialect.lock_schema(connection, exclusively=True):
        return "another server looks at the database's schema"
    dialect.begin_migration(connection)
    return _upgrade(connection, revision)


def _upgrade(connection: Connection, revision: str | None) -> str:
    from alembic import command  # noqa: PLC0415 - 0.1 s that a start without migrations saves
    from alembic.config import Config  # noqa: PLC0415

    dialect = dialect_of(connection)
    config = Config()
    config.set_main_option("script_location", os.fspath(FOLDER))
    config.attributes.update(connection=connection, dialect=dialect.name)
    oldest = _oldest_needed(config, revision)
    older = [each for each in dialect.other_servers(connection) if oldest and each < oldest]
    if older:
        return (
            f"servers of an older version use the database ({len(older)}) and can't live with its new schema"
        )
    if revision is not None:
        log.info(
            "bringing the database from revision %s to %s; a large one takes minutes", revision, known.HEAD
        )
    if revision in _UNRELEASED:
        connection.execute(text("DELETE FROM alembic_version"))
    command.upgrade(config, "head")
    if oldest is not None:
        connection.execute(update(schema_compatibility).values(oldest=oldest))
    return ""


def _oldest_needed(config: "Config", revision: str | None) -> str | None:
    """Return the last revision after this one that older servers can't live with; None without one."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory.from_config(config).walk_revisions()
    return max(
        (
            script.revision
            for script in scripts
            if (revision is None or script.revision > revision)
            and not getattr(script.module, "compatible", False)
        ),
        default=None,
    )


def _check_newer(connection: Connection, revision: str) -> None:
    """Raise SettingsError if servers of this version can't live with a newer schema."""
    oldest = None
    if inspect(connection).has_table(schema_compatibility.name):
        oldest = connection.execute(select(schema_compatibility.c.oldest)).scalar()
    if oldest is None or oldest > known.HEAD:
        raise SettingsError(
            f"The database was written by a newer version of OpenCode API (its schema is {revision}, this "
            f"version knows {known.HEAD}). Start that version again, or give this one a backup or another "
            "database."
        )
    log.info("a newer version has brought the database to revision %s, which this one can use", revision)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
