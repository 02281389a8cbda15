"""For every test: what is left out and why, failures at once, no process left behind, both databases."""

import time
from collections import Counter
from collections.abc import Iterator

import psutil
import pytest

from tests import postgres, requirements

PROCESS_END_SECONDS = 5.0
"""How long a process that a test has stopped may take to end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without-slow", action="store_true", help="leave out the tests that are marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    requirements.leave_out(items, without_slow=config.getoption("--without-slow"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> Iterator[None]:
    """Print a failure when it happens: the run may be stopped before its end."""
    result = yield
    if report.failed:
        print(f"\n{report.nodeid} ({report.when}, {report.duration:.1f} s)\n{report.longreprtext[-2000:]}")
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line for each reason to leave tests out."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{count} tests left out {reason}.")


@pytest.fixture(scope="session", autouse=True)
def no_process_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail the run if a process that a test started outlives the last test."""
    began = time.time()
    yield
    until = time.monotonic() + PROCESS_END_SECONDS
    folders = (str(requirements.ROOT), str(tmp_path_factory.getbasetemp()))
    while (left := _processes_left(began, folders)) and time.monotonic() < until:
        time.sleep(0.1)
    commands = [" ".join(process.cmdline()) for process in left]
    for process in left:
        process.kill()
    assert not commands, "tests left processes behind"


def _processes_left(began: float, folders: tuple[str, ...]) -> list[psutil.Process]:
    """Return the running children of this process, and orphans since `began` that work in `folders`."""
    left = []
    orphans = [
        process for process in psutil.process_iter(["ppid", "create_time"]) if _is_orphan(process, began)
    ]
    for process in [*psutil.Process().children(recursive=True), *orphans]:
        try:
            is_ours = process not in orphans or any(
                text.startswith(folders) for text in (process.cwd(), *process.cmdline())
            )
            if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
        except psutil.Error:  # it has ended, or is another user's
            continue
    return left


def _is_orphan(process: psutil.Process, began: float) -> bool:
    return process.info["ppid"] == 1 and process.info["create_time"] >= began


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Postgres]:
    programs = requirements.postgres_programs()
    assert programs is not None  # the test is left out otherwise
    with postgres.running(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    """Return the address of a new PostgreSQL database; None for SQLite, whose file the server makes."""
    if request.param == "sqlite":
        return None
    server: postgres.Postgres = request.getfixturevalue("cluster")
    return server.database()
