"""Pytest plugin of `make mutants`: records which lines each test runs, and how long it takes."""

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

LINES = Path(os.environ.get("OPENCODE_COVERED_LINES", "covered.json"))
"""The file to write: {"tests": {test: seconds}, "lines": {file: {line: [test, …]}}}."""

TARGETS = ("agent/*", "session/*", "store/*", "tasks.py", "tool/egress.py")
measured = coverage.Coverage(
    data_file=None, include=[f"opencode/{target}" for target in TARGETS], messages=False
)
seconds: dict[str, float] = {}
failed: set[str] = set()


def pytest_configure(config: pytest.Config) -> None:
    measured.start()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Record under the test's own name, from its fixtures' setup to their end."""
    measured.switch_context(item.nodeid)
    began = time.monotonic()
    result = yield
    measured.switch_context("")
    if item.nodeid not in failed:
        seconds[item.nodeid] = round(time.monotonic() - began, 3)
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Leave out a test that fails or is skipped: it says nothing about a fault."""
    if not report.passed:
        failed.add(report.nodeid)


def pytest_unconfigure(config: pytest.Config) -> None:
    measured.stop()
    data = measured.get_data()
    lines: dict[str, dict[int, list[str]]] = defaultdict(dict)
    for file in data.measured_files():
        name = str(Path(file).relative_to(config.rootpath))
        for line, contexts in data.contexts_by_lineno(file).items():
            lines[name][line] = sorted(set(contexts) & seconds.keys())
    LINES.write_text(json.dumps({"tests": seconds, "lines": lines}))
