"""Bringing a database to the newest form, at start. Alembic is loaded only where there is something to do."""

import os
from pathlib import Path

from sqlalchemy import Connection, inspect, text

HEAD = "0001"
"""The newest revision under versions/."""


def migrate(connection: Connection) -> None:
    """Run the migrations that this database has not seen. Blocking: use it under `run_sync`."""
    if _revision(connection) == HEAD:
        return
    from alembic import command  # noqa: PLC0415 - 0.1 s that a start without migrations saves
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", os.fspath(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
