"""What the tests add to pytest: the long form of tests, one deadline for all, the reasons of what was skipped."""

from collections import Counter

import pytest

import tests.support.bytecode  # noqa: F401
from tests.support import forms
from tests.support.deadlines import TEST_DEADLINE


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long",
        action="store_true",
        help="run the long form of the tests that draw at random (histories, fuzzing, races)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.option.async_test_timeout = TEST_DEADLINE
    forms.is_long = config.getoption("--long")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once for each reason why tests were skipped; the reason names the command that would change it."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.getreports("skipped"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] += 1
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"skipped {count} {'test' if count == 1 else 'tests'}: {reason}")
