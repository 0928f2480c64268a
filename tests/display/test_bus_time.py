"""The figures that `python -m simulators.panel_bench` prints, held to their targets."""

import pytest

from device.display.controllers import CONTROLLERS
from simulators import panel_bench
from simulators.panel_bench import figures

TYPICAL_MS, WHOLE_MS = 5.0, 24.0
SH1106_WHOLE_MS = 24.5  # it has no windows: each of its eight pages is addressed by itself


@pytest.mark.parametrize("kind", CONTROLLERS)
def test_a_payment_keeps_the_bus_as_free_as_promised(kind: str) -> None:
    seen = figures(kind)
    assert seen["identical picture"].bytes == 0
    assert seen["median of all changes of a payment"].bus_ms <= TYPICAL_MS
    most = SH1106_WHOLE_MS if kind == "sh1106" else WHOLE_MS
    assert max(change.bus_ms for change in seen.values()) <= most


@pytest.mark.parametrize("kind", CONTROLLERS)
def test_a_second_of_a_countdown_takes_less_than_a_millisecond(kind: str) -> None:
    seen = figures(kind)
    assert seen["amount to amount"].bus_ms < 1
    assert seen["password to password"].bus_ms < 1


def test_when_the_state_changes_only_the_upper_half_crosses_the_bus() -> None:
    seen = figures("ssd1306")
    assert seen["amount to paying"].bus_ms < 15
    assert seen["paying to password"].bus_ms < 12


def test_the_bench_prints_a_row_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert panel_bench.main() == 0
    printed = capsys.readouterr().out
    assert printed.count("whole picture") == len(CONTROLLERS)
