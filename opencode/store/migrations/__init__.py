"""Bringing a database to the newest form, at start. Alembic is loaded only where there is something to do."""

import logging
import os
from pathlib import Path

from sqlalchemy import Connection, inspect, text

log = logging.getLogger(__name__)

HEAD = "0003"
"""The newest revision under versions/."""


def migrate(connection: Connection) -> None:
    """Run the migrations that this database has not seen. Blocking: use it under `run_sync`."""
    revision = _revision(connection)
    if revision == HEAD:
        return
    if revision is not None:
        log.info("bringing the database from revision %s to %s; a large one takes minutes", revision, HEAD)
    from alembic import command  # noqa: PLC0415 - 0.1 s that a start without migrations saves
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", os.fspath(Path(__file__).parent))
    config.attributes["connection"] = connection
    if connection.dialect.name == "sqlite":
        # Python's driver begins no transaction for changes of the schema: a kill would leave half of them.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
