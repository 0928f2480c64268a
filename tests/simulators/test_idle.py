"""The real box, idle for a few seconds; `make idle` watches it for a minute."""

import pytest

from simulators import idle


@pytest.mark.slow
def test_an_idle_box_hardly_wakes_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(idle, "SETTLE_S", 6.0)  # other tests beside it: its start takes a while
    assert idle.main(["--seconds", "12", "--windows", "5"]) == 0, capsys.readouterr().out


def test_too_many_wake_ups_and_any_write_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    before = idle.Count({"loop/1": 100, "panel/2": 10}, 4096, 0.0)
    calm = idle.Count({"loop/1": 150, "panel/2": 12}, 4096, 20.0)
    assert idle.judge(before, calm, 60.0)
    assert "0.87" in capsys.readouterr().out
    assert not idle.judge(before, idle.Count({"loop/1": 161}, 4096, 0.0), 60.0)
    assert not idle.judge(before, idle.Count({"loop/1": 150}, 8192, 0.0), 60.0)
    assert not idle.judge(
        idle.Count({"loop/1": 0}, 0, 0.0), idle.Count({"loop/1": 1}, 0, 0.0), 60.0
    )
