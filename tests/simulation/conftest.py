"""Histories of the world, quick ones; the score of the planted bugs at the end of the run."""

import gc
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from simulators.world.history import Told, play

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

Play = Callable[..., Told]


@pytest.fixture
def played() -> Iterator[Play]:
    """Play a history, and leave no garbage for the next test to be blamed for."""
    yield play
    gc.collect()


PLANTED = "test_a_planted_bug_is_caught["


def pytest_terminal_summary(terminalreporter: "TerminalReporter") -> None:
    """Say how many of the bugs that were put in on purpose were caught."""
    stats = terminalreporter.stats
    caught, missed = (
        sum(PLANTED in getattr(report, "nodeid", "") for report in stats.get(kind, ()))
        for kind in ("passed", "failed")
    )
    if caught or missed:
        terminalreporter.write_line(f"planted bugs caught: {caught} of {caught + missed}")
