"""Counts the forged and forbidden requests of a whole test run, and says at its end how many there were.

A test takes the fixture `bad_requests` and hands it the outcome of each bad request that it made. The numbers travel
on the test reports, so they add up whether or not the run is spread over several processes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

_TRIED, _LET_IN = "bad-requests-tried", "bad-requests-let-in"


class BadRequests:
    """The bad requests of one test."""

    def __init__(self) -> None:
        self.tried = 0
        self.let_in = 0

    def refused(self, refused: object, what: object = "") -> None:
        """Counts one bad request, and fails the test unless it was refused. `what` says which one it was."""
        self.tried += 1
        self.let_in += not refused
        assert refused, f"let in: {what}"


@pytest.fixture
def bad_requests(request: pytest.FixtureRequest) -> Iterator[BadRequests]:
    """Takes the outcome of each bad request of a test."""
    counted = BadRequests()
    yield counted
    request.node.user_properties += [(_TRIED, counted.tried), (_LET_IN, counted.let_in)]


_sums = {_TRIED: 0, _LET_IN: 0}


def pytest_sessionstart() -> None:
    """A run begins at nothing."""
    _sums.update({_TRIED: 0, _LET_IN: 0})


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Adds up what a test counted. Each of its reports repeats the properties, and the last one has them all."""
    if report.when != "teardown":
        return
    for name, value in report.user_properties:
        if name in _sums and isinstance(value, int):
            _sums[name] += value


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says the sums, where a test counted anything."""
    if _sums[_TRIED]:
        line = f"Forged and forbidden requests tried: {_sums[_TRIED]:,}; let in: {_sums[_LET_IN]:,}"
        terminalreporter.write_line(line, red=bool(_sums[_LET_IN]))
