"""For every test: a failure is told at once, for the run may not get to its summary."""

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport):
    result = yield
    if report.failed:
        print(f"\n{report.nodeid} ({report.when}, {report.duration:.1f} s)\n{report.longreprtext[-2000:]}")
    return result
