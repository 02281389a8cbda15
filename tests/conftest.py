"""For every test: a failure is told at once, for the run may not get to its end; both kinds of database."""

from collections.abc import Iterator

import pytest

from tests import postgres


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport):
    result = yield
    if report.failed:
        print(f"\n{report.nodeid} ({report.when}, {report.duration:.1f} s)\n{report.longreprtext[-2000:]}")
    return result


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Postgres]:
    if (programs := postgres.programs()) is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres.running(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    """Return the address of a new PostgreSQL database; None for SQLite, whose file the server makes."""
    if request.param == "sqlite":
        return None
    server: postgres.Postgres = request.getfixturevalue("cluster")
    return server.database()
