"""Servers of this version and a made-up next one share a database."""

import asyncio
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from opencode.errors import SettingsError, Unavailable
from opencode.store import SessionQuery, Store, migrations, revision

from .test_store import make_session

NEXT = f"{int(migrations.HEAD) + 1:04}"

_MODULE = """
from alembic import op

revision = "{next}"
down_revision = "{head}"
compatible = {compatible}


def upgrade(dialect: str) -> None:
    op.get_bind().exec_driver_sql("CREATE TABLE of_the_next_version (id INTEGER)")
"""

Release = Callable[[], None]


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Release:
    """Return a function after which stores are opened by the next version. Several may be open at once.

    The parameter says whether servers of this version can live with its migration.
    """
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, folder)
    text = _MODULE.format(next=NEXT, head=migrations.HEAD, compatible=request.param)
    (folder / "versions" / f"{NEXT}_next.py").write_text(text)

    def change() -> None:
        monkeypatch.setattr(revision, "HEAD", NEXT)
        monkeypatch.setattr(migrations, "FOLDER", folder)

    return change


def both(compatible: bool) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("release", [compatible], indirect=True)


async def said(caplog: pytest.LogCaptureFixture, words: str) -> None:
    async with asyncio.timeout(20):
        while words not in caplog.text:  # noqa: ASYNC110 - the log tells nobody
            await asyncio.sleep(0.01)


async def write(store: Store) -> str:
    session = make_session()
    store.put_session(session)
    await store.commit()
    return session.id


async def listed(store: Store) -> set[str]:
    return {session.id for session in await store.sessions(SessionQuery())}


@both(compatible=True)
@pytest.mark.parametrize("url", ["postgres"], indirect=True)
async def test_a_migration_that_older_servers_can_live_with_runs_beside_them(
    tmp_path: Path, url: str, release: Release
) -> None:
    older = await Store.open(tmp_path, url)
    release()
    newer = await asyncio.wait_for(Store.open(tmp_path, url), 20)
    sessions = {await write(older), await write(newer), await write(older)}
    assert await listed(older) == await listed(newer) == sessions
    await older.close()
    await newer.close()


@both(compatible=True)
async def test_an_older_program_starts_on_a_newer_database_that_it_can_live_with(
    tmp_path: Path, url: str | None, release: Release, caplog: pytest.LogCaptureFixture
) -> None:
    head = revision.HEAD
    release()
    await (await Store.open(tmp_path, url)).close()
    revision.HEAD = head
    with caplog.at_level(logging.INFO):
        store = await Store.open(tmp_path, url)
    assert f"revision {NEXT}, which this one can use" in caplog.text
    session_id = await write(store)
    assert await listed(store) == {session_id}
    await store.close()


@both(compatible=False)
async def test_an_older_program_does_not_start_on_a_newer_database_that_it_can_not_live_with(
    tmp_path: Path, url: str | None, release: Release
) -> None:
    head = revision.HEAD
    release()
    await (await Store.open(tmp_path, url)).close()
    revision.HEAD = head
    with pytest.raises(SettingsError, match=f"newer version .*schema is {NEXT}"):
        await Store.open(tmp_path, url)


@both(compatible=False)
@pytest.mark.parametrize("url", ["postgres"], indirect=True)
async def test_a_migration_that_older_servers_can_not_live_with_waits_until_they_are_gone(
    tmp_path: Path, url: str, release: Release, caplog: pytest.LogCaptureFixture
) -> None:
    """Servers of the next version do not wait for each other."""
    older = [await Store.open(tmp_path, url) for _ in range(2)]
    release()
    newer = [asyncio.create_task(Store.open(tmp_path, url)) for _ in range(2)]
    with caplog.at_level(logging.WARNING):
        await said(caplog, "older version use the database (2)")
        await older[0].close()
        await said(caplog, "older version use the database (1)")
    session_id = await write(older[1])
    assert not any(task.done() for task in newer)
    await older[1].close()
    stores = await asyncio.wait_for(asyncio.gather(*newer), 20)
    for store in stores:
        assert await listed(store) == {session_id}
        await store.close()


@both(compatible=False)
@pytest.mark.parametrize("url", ["postgres"], indirect=True)
async def test_a_start_does_not_wait_for_older_servers_for_ever(
    tmp_path: Path, url: str, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = await Store.open(tmp_path, url)
    release()
    monkeypatch.setattr(migrations, "WAIT_SECONDS", 0.3)
    with pytest.raises(SettingsError, match="The start was given up: servers of an older version"):
        await Store.open(tmp_path, url)
    await write(older)
    await older.close()


@both(compatible=False)
@pytest.mark.parametrize("url", ["postgres"], indirect=True)
async def test_an_older_server_that_was_cut_off_meanwhile_writes_nothing_more(
    tmp_path: Path, url: str, release: Release
) -> None:
    head = revision.HEAD
    older = await Store.open(tmp_path, url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
            " AND datname = current_database()"
        )
    release()
    newer = await asyncio.wait_for(Store.open(tmp_path, url), 20)
    revision.HEAD = head
    with pytest.raises(Unavailable):
        await write(older)
    assert older.failure is not None
    assert await listed(newer) == set()
    await older.close()
    await newer.close()


def test_every_migration_says_whether_older_servers_can_live_with_it() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.FOLDER))
    for script in ScriptDirectory.from_config(config).walk_revisions():
        if script.revision > "0008":  # before that nobody asked
            assert isinstance(script.module.compatible, bool), script.revision
