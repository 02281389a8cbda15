"""For every test: what is left out and why, failures at once, no process left behind, both databases."""

import os
import time
from collections import Counter
from collections.abc import Iterator

import psutil
import pytest

from tests import postgres, requirements

PROCESS_END_SECONDS = 5.0
"""How long a process that a test has stopped may take to end."""

MARK = "TESTS_RUN"
"""The environment variable that programs which tests start have of this process."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without-slow", action="store_true", help="leave out the tests that are marked slow")


ALONE = ("tests/faults/", "tests/store/test_busy_loop.py", "tests/store/test_maintenance.py")
"""Tests that measure time under load: they run after all others, one at a time."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    requirements.leave_out(items, without_slow=config.getoption("--without-slow"))
    for item in items:
        if item.nodeid.startswith(ALONE) or "never_rests" in item.nodeid:
            item.add_marker("alone")


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
    mark = f"{os.getpid()} {time.time()}"
    os.environ[MARK] = mark
    yield
    folder = str(tmp_path_factory.getbasetemp())
    until = time.monotonic() + PROCESS_END_SECONDS
    while (left := _processes_left(mark, folder)) and time.monotonic() < until:
        time.sleep(0.1)
    for process in left.values():
        process.kill()
    assert not left, "tests left processes behind"


def _processes_left(mark: str, folder: str) -> dict[str, psutil.Process]:
    """Return this process's children, and orphans that began as such, by their commands.

    An orphan has the environment of this process, or the home or data of a test, which are in `folder`.
    """
    children = psutil.Process().children(recursive=True)
    left: dict[str, psutil.Process] = {}
    for process in [
        *children,
        *(other for other in psutil.process_iter(["ppid"]) if other.info["ppid"] == 1),
    ]:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            environment = process.environ()
            is_ours = environment.get(MARK) == mark or any(folder in text for text in environment.values())
            if process in children or is_ours:
                left[f"{process.pid} {' '.join(process.cmdline())}"] = process
        except psutil.Error:  # it has ended, or is another user's
            continue
    return left


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
