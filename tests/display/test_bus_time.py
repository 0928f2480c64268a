"""The figures that `python -m simulators.panel_bench` prints, held to their limits."""

import pytest

from device.display.controllers import CONTROLLERS
from simulators import panel_bench
from simulators.panel_bench import DEAREST, IDENTICAL, TYPICAL, WHOLE, Change, dearest, figures

DEAR_MS = 12.0  # half a picture


@pytest.mark.parametrize("kind", CONTROLLERS)
def test_a_payment_keeps_the_bus_as_free_as_promised(kind: str) -> None:
    seen = figures(kind)
    assert seen[IDENTICAL].bytes == 0
    for what in (TYPICAL, WHOLE):
        most = panel_bench.limit_ms(kind, what)
        assert most is not None
        assert seen[what].bus_ms <= most


@pytest.mark.parametrize("kind", CONTROLLERS)
def test_a_second_of_a_countdown_takes_less_than_a_millisecond(kind: str) -> None:
    seen = figures(kind)
    assert seen["amount to amount"].bus_ms < 1
    assert seen["password to password"].bus_ms < 1


@pytest.mark.parametrize("kind", CONTROLLERS)
def test_while_somebody_pays_only_the_upper_half_crosses_the_bus(kind: str) -> None:
    seen = figures(kind)
    for change in ("amount to paying", "paying to password", "password to paid"):
        assert seen[change].bus_ms < DEAR_MS


def test_no_screen_after_any_other_takes_24_ms_of_the_panel_without_windows() -> None:
    assert 0 < dearest("sh1106").bus_ms <= panel_bench.WHOLE_MS


@pytest.mark.parametrize(("bus_ms", "code", "missed"), [(24.0, 0, 0), (24.1, 1, len(CONTROLLERS))])
def test_the_bench_prints_each_limit_and_fails_if_one_is_missed(
    bus_ms: float,
    code: int,
    missed: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(panel_bench, "dearest", lambda _: Change(DEAREST, 1066, bus_ms))
    assert panel_bench.main() == code
    printed = capsys.readouterr().out
    assert printed.count("limit") == 4 * len(CONTROLLERS)
    assert printed.count("MISSED") == missed
