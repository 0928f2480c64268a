from collections.abc import Callable
from pathlib import Path

import pytest

from device.domain.screens import Signal
from device.drivers.lamp import FileLamp, NoLamp, PinLamp
from device.drivers.signals import PATTERNS


class FakePin:
    def __init__(self) -> None:
        self.value = 0.0
        self.closed = False

    def close(self) -> None:
        self.closed = True


class BrokenPin(FakePin):
    def __setattr__(self, name: str, value: object) -> None:
        if name == "value" and value:
            raise RuntimeError("chip gone")
        super().__setattr__(name, value)


class Timers:
    """The loop's timers, wound by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[Timer] = []

    def call_later(self, delay_s: float, call: Callable[[], None]) -> "Timer":
        timer = Timer(self, self.now + delay_s, call)
        self.due.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while waiting := [timer for timer in self.due if timer.at <= end]:
            timer = min(waiting, key=lambda t: t.at)
            self.due.remove(timer)
            self.now = timer.at
            timer.call()
        self.now = end


class Timer:
    def __init__(self, timers: Timers, at: float, call: Callable[[], None]) -> None:
        self.timers, self.at, self.call = timers, at, call

    def cancel(self) -> None:
        self.timers.due.remove(self)


class Rig:
    def __init__(self) -> None:
        self.timers = Timers()
        self.pins = {name: FakePin() for name in "grb"}
        self.lamp = PinLamp(dict(self.pins), self.timers.call_later)

    def on(self) -> str:
        return "".join(name for name, pin in self.pins.items() if pin.value)

    def film(self, signal: Signal, seconds: float = 6.0, step_s: float = 0.02) -> tuple[str, ...]:
        self.lamp.signal(signal)
        frames = []
        for _ in range(round(seconds / step_s)):
            frames.append(self.on())
            self.timers.advance(step_s)
        return tuple(frames)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_every_signal_has_a_pattern_and_no_two_are_the_same() -> None:
    assert set(PATTERNS) == set(Signal)
    assert len({Rig().film(signal) for signal in Signal}) == len(Signal)


def test_without_eyes_the_sounds_tell_the_outcomes_apart() -> None:
    def sound(signal: Signal) -> tuple[bool, ...]:
        return tuple("b" in frame for frame in Rig().film(signal))

    silent = {Signal.IDLE, Signal.OFFLINE}  # nobody wants a hall of boxes that beep all night
    heard = set(Signal) - silent
    assert len({sound(signal) for signal in heard}) == len(heard)
    assert not any(any(sound(signal)) for signal in silent)


def test_the_red_lamp_is_never_part_of_success_nor_green_of_refusal() -> None:
    assert not any("r" in frame for frame in Rig().film(Signal.PAID))
    assert not any("g" in frame for frame in Rig().film(Signal.DECLINED))


def test_paid_is_one_long_tone_and_then_steady_green(rig: Rig) -> None:
    rig.lamp.signal(Signal.PAID)
    assert rig.on() == "gb"
    rig.timers.advance(0.79)
    assert rig.on() == "gb"
    rig.timers.advance(5)
    assert rig.on() == "g"


@pytest.mark.parametrize("signal", [Signal.IDLE, Signal.PAID, Signal.DECLINED])
def test_a_held_signal_needs_no_timer(rig: Rig, signal: Signal) -> None:
    rig.lamp.signal(signal)
    rig.timers.advance(10)
    assert rig.timers.due == []


def test_the_same_signal_again_does_not_beep_again(rig: Rig) -> None:
    rig.lamp.signal(Signal.PAID)
    rig.timers.advance(5)
    rig.lamp.signal(Signal.PAID)
    assert rig.on() == "g"


def test_a_new_signal_replaces_the_old_at_once(rig: Rig) -> None:
    rig.lamp.signal(Signal.FAULT)
    rig.lamp.signal(Signal.IDLE)
    rig.timers.advance(10)
    assert rig.on() == ""


def test_closing_leaves_it_dark(rig: Rig) -> None:
    rig.lamp.signal(Signal.FAULT)
    rig.lamp.close()
    assert (rig.on(), rig.timers.due) == ("", [])
    assert all(pin.closed for pin in rig.pins.values())


def test_pins_that_fail_are_noted_and_never_raise(caplog: pytest.LogCaptureFixture) -> None:
    timers = Timers()
    lamp = PinLamp({"g": BrokenPin()}, timers.call_later)
    lamp.signal(Signal.WORKING)
    timers.advance(0.1)
    assert not lamp.working
    timers.advance(10)
    assert len({record.message for record in caplog.records}) == 1
    lamp.signal(Signal.IDLE)
    assert lamp.working


async def test_the_loop_keeps_the_rhythm_by_itself() -> None:
    pin = FakePin()
    lamp = PinLamp({"g": pin})
    lamp.signal(Signal.WORKING)
    assert pin.value == 1.0
    lamp.close()


def test_the_file_holds_the_name_of_the_signal(tmp_path: Path) -> None:
    lamp = FileLamp(tmp_path / "lamp.txt")
    for signal in Signal:
        lamp.signal(signal)
        assert (tmp_path / "lamp.txt").read_text() == f"{signal}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["lamp.txt"]
    lamp.close()


def test_no_signal_makes_a_new_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new name enters Python's table of strings, which then grew in the soak."""
    lamp = FileLamp(tmp_path / "lamp.txt")
    monkeypatch.setattr(Path, "with_name", None)
    lamp.signal(Signal.IDLE)
    assert (tmp_path / "lamp.txt").read_text() == f"{Signal.IDLE}\n"


def test_the_same_signal_again_writes_nothing(tmp_path: Path) -> None:
    lamp = FileLamp(tmp_path / "lamp.txt")
    lamp.signal(Signal.IDLE)
    (tmp_path / "lamp.txt").unlink()
    lamp.signal(Signal.IDLE)
    assert not (tmp_path / "lamp.txt").exists()


def test_a_file_that_cannot_be_written_is_noted_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lamp = FileLamp(tmp_path / "no" / "lamp.txt")
    lamp.signal(Signal.PAID)
    lamp.signal(Signal.IDLE)
    assert not lamp.working
    assert len(caplog.records) == 1
    (tmp_path / "no").mkdir()
    lamp.signal(Signal.PAID)
    assert lamp.working


def test_no_lamp_does_nothing() -> None:
    NoLamp().signal(Signal.PAID)
    NoLamp().close()


def test_a_night_offline_wakes_the_box_less_than_once_in_two_seconds() -> None:
    again = PATTERNS[Signal.OFFLINE].again
    assert len(again) / sum(step.lasts_s for step in again) < 0.5
