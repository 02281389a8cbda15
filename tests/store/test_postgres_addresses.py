"""PostgreSQL as people have it: every form of an address, standbys, poolers, few connections."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import psycopg
import pytest

from opencode.config import Settings
from opencode.errors import SettingsError, Unavailable
from opencode.store import SessionQuery, Store, database
from tests import requirements
from tests.pgbouncer import pooling
from tests.postgres import PASSWORD, Postgres, running
from tests.program import free_port

from .test_store import make_session

Pooled = Callable[..., AbstractContextManager[int]]


@pytest.fixture
def url(cluster: Postgres) -> str:
    return cluster.database()


@pytest.fixture(scope="module")
def standby(cluster: Postgres) -> Iterator[Postgres]:
    programs = requirements.postgres_programs()
    assert programs is not None
    with running(programs, standby_of=cluster) as server:
        yield server


@pytest.fixture
def pooled(cluster: Postgres) -> Pooled:
    return partial(pooling, cluster)


async def opened(directory: Path, address: str) -> Store:
    """Open what the environment variable names."""
    settings = Settings.load({"OPENCODE_DATABASE_URL": address, "OPENCODE_DATA_DIR": str(directory)})
    return await Store.open(directory, settings.database_url)


async def check(store: Store) -> None:
    """Check that it writes and reads, and close it."""
    session = make_session()
    store.put_session(session)
    await store.commit()
    assert [each.id for each in await store.sessions(SessionQuery())] == [session.id]
    assert PASSWORD not in store.place
    await store.close()


async def refused(directory: Path, address: str) -> str:
    """Return the line that the start stops with."""
    with pytest.raises(SettingsError) as stopped:
        await opened(directory, address)
    assert "\n" not in stopped.value.message and PASSWORD not in stopped.value.message
    assert stopped.value.message.startswith("OPENCODE_DATABASE_URL")
    return stopped.value.message


@pytest.mark.parametrize(
    "form",
    [
        "postgres://opencode:{password}@127.0.0.1:{port}/{name}",
        "postgresql://opencode:%61-secret@localhost:{port}/{name}?connect_timeout=3&application_name=mine",
        "postgresql:///{name}?host=127.0.0.1&port={port}&user=opencode&password={password}",
        "postgresql://opencode:{password}@{encoded}:{port}/{name}",
        "postgresql://opencode:{password}@/{name}?host={socket}&port={port}",
        "host={socket} port={port} user=opencode password={password} dbname={name}",
        " host = 127.0.0.1  port='{port}' user=opencode password='{password}' dbname={name} ",
        "postgresql://opencode:{password}@127.0.0.1:{dead},127.0.0.1:{port}/{name}",
        "host=127.0.0.1,{socket} port={dead},{port} user=opencode password={password} dbname={name}",
        "service=chats",
        "postgresql://?service=chats",
        "postgresql://opencode@127.0.0.1:{port}/{name}",
    ],
)
async def test_an_address_in_any_form_of_libpqs_is_taken(
    tmp_path: Path, cluster: Postgres, url: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = str(cluster.socket_directory)
    values = {
        "password": PASSWORD,
        "port": cluster.port,
        "dead": free_port(),
        "name": url.rpartition("/")[2],
        "socket": socket,
        "encoded": socket.replace("/", "%2F"),
    }
    services = tmp_path / "services"
    service = "[chats]\nhost=127.0.0.1\nport={port}\nuser=opencode\npassword={password}\ndbname={name}\n"
    services.write_text(service.format(**values))
    passwords = tmp_path / "passwords"
    passwords.write_text(f"127.0.0.1:*:*:opencode:{PASSWORD}\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    store = await opened(tmp_path, form.format(**values))
    assert str(values["name"]) in store.place
    await check(store)


async def test_a_service_that_there_is_not_stops_the_start(tmp_path: Path) -> None:
    assert 'service "nowhere" not found' in await refused(tmp_path, "service=nowhere")


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://u:{PASSWORD}",
        f"postgresql://u:p@ss/{PASSWORD}@127.0.0.1/d",
        f"postgresql://u:{PASSWORD}%zz@127.0.0.1/d",
        f"postgresql+psycopg://u:{PASSWORD}@127.0.0.1/d",
        f"jdbc:postgresql://127.0.0.1/d?user=u&password={PASSWORD}",
        f"host=127.0.0.1 password=what {PASSWORD}",
        f"host=127.0.0.1 passwort={PASSWORD}",
        f"host=u:{PASSWORD}@127.0.0.1 dbname=d",
    ],
)
async def test_an_address_that_is_none_is_refused_without_its_password(tmp_path: Path, address: str) -> None:
    assert "as libpq reads it" in await refused(tmp_path, address)


async def test_of_several_hosts_the_primary_is_found(
    tmp_path: Path, cluster: Postgres, standby: Postgres, url: str
) -> None:
    name = url.rpartition("/")[2]
    hosts = f"127.0.0.1:{standby.port},127.0.0.1:{cluster.port}"
    for target in ("", "?target_session_attrs=read-write", "?target_session_attrs=primary"):
        store = await opened(tmp_path, f"postgresql://opencode:{PASSWORD}@{hosts}/{name}{target}")
        session = make_session()
        store.put_session(session)
        await store.commit()
        assert session.id in [each.id for each in await store.sessions(SessionQuery())]
        await store.close()


async def test_a_standby_stops_the_start(tmp_path: Path, standby: Postgres) -> None:
    base = f"postgresql://opencode:{PASSWORD}@127.0.0.1:{standby.port}"
    for address in (
        f"{base}/postgres",
        f"{base}/postgres?target_session_attrs=read-write",
        f"{base},127.0.0.1:{free_port()}/postgres?target_session_attrs=any",
    ):
        line = await refused(tmp_path, address)
        assert "standby or in recovery" in line and "name the primary" in line


async def test_a_read_only_database_stops_the_start(tmp_path: Path, cluster: Postgres, url: str) -> None:
    cluster.administer(f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on")
    assert "it is read-only" in await refused(tmp_path, url)


async def test_a_database_that_becomes_read_only_is_left_and_looked_for_again(
    tmp_path: Path, cluster: Postgres, url: str
) -> None:
    """As when a primary is made a standby: the next connection may lead to the new one."""
    store = await opened(tmp_path, url)
    name = url.rpartition("/")[2]
    await store._database.write(
        lambda connection: connection.exec_driver_sql("SET SESSION default_transaction_read_only = on")
    )
    session = make_session()
    store.put_session(session)
    await store.commit()
    cluster.administer(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await store._database.write(
        lambda connection: connection.exec_driver_sql("SET SESSION default_transaction_read_only = on")
    )
    store.put_session(make_session())
    with pytest.raises(Unavailable):
        await store.commit()
    cluster.administer(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await store.commit()
    assert store.failure is None
    assert len(await store.sessions(SessionQuery())) == 2
    await store.close()


@pytest.mark.parametrize(
    "settings", [{}, {"server_round_robin": "1"}, {"default_pool_size": "1"}, {"min_pool_size": "3"}]
)
async def test_a_pooler_of_transactions_stops_the_start(
    tmp_path: Path, url: str, pooled: Pooled, settings: dict[str, str], cluster: Postgres
) -> None:
    with pooled("transaction", **settings) as port:
        line = await refused(tmp_path, url.replace(f":{cluster.port}/", f":{port}/"))
    assert "PgBouncer" in line and "pool_mode = session" in line


async def test_a_pooler_of_statements_stops_the_start(
    tmp_path: Path, url: str, pooled: Pooled, cluster: Postgres
) -> None:
    with pooled("statement") as port:
        line = await refused(tmp_path, url.replace(f":{cluster.port}/", f":{port}/"))
    assert "pool_mode = session" in line


async def test_a_pooler_of_sessions_is_used(
    tmp_path: Path, url: str, pooled: Pooled, cluster: Postgres
) -> None:
    with pooled("session") as port:
        await check(await opened(tmp_path, url.replace(f":{cluster.port}/", f":{port}/")))


async def test_few_connections_are_waited_for(
    tmp_path: Path,
    cluster: Postgres,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Readers take turns; without a single slot it is said so, within the time, and passes."""
    name = url.rpartition("/")[2]
    cluster.administer(f"CREATE ROLE owner_{name} LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT 2")
    cluster.administer(f"ALTER DATABASE {name} OWNER TO owner_{name}")
    store = await opened(tmp_path, url.replace("opencode:", f"owner_{name}:"))
    session = make_session()
    store.put_session(session)
    await store.commit()
    for listed in await asyncio.gather(*(store.sessions(SessionQuery()) for _ in range(60))):
        assert [each.id for each in listed] == [session.id]
    store._database._reading.dispose()
    with psycopg.connect(url.replace("opencode:", f"owner_{name}:")):
        monkeypatch.setattr(database, "SLOT_SECONDS", 0.1)
        with caplog.at_level(logging.WARNING), pytest.raises(Unavailable):
            await store.sessions(SessionQuery())
        assert "too many connections for role" in caplog.text
        monkeypatch.setattr(database, "SLOT_SECONDS", 30)
        waiting = asyncio.create_task(store.sessions(SessionQuery()))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.3)
    assert len(await waiting) == 1
    await store.close()
