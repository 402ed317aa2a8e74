"""For every test: under continuous integration a skipped test is a failed one.

A skip hides what was not proved, so it is allowed on a desk and not in ``.ci/run``.
"""

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge a test that skipped itself."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and must_run_all():
        report.outcome = "failed"
        report.longrepr = complaint(item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge a module that skipped itself, for example for want of a library."""
    report = yield
    if report.skipped and must_run_all():
        report.outcome = "failed"
        report.longrepr = complaint(collector.nodeid)
    return report


def must_run_all() -> bool:
    return os.environ.get("CI") == "true"


def complaint(name: str) -> str:
    return f"{name}: skipped, and under CI=true every test must run"
