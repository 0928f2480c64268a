from collections.abc import Callable
from pathlib import Path

import pytest

from device.domain.screens import Signal
from device.drivers import led_class
from device.drivers.lamp import Timer
from device.drivers.led_class import KernelLed, led_lamp
from device.drivers.signals import PATTERNS
from device.errors import HardwareError

NAMES = {"g": "paybox-green", "r": "paybox-red", "b": "paybox-buzzer"}


class Tree:
    """`/sys/class/leds` as files; the kernel's rules about them are checked at each write."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in NAMES.values():
            led = directory / name
            led.mkdir()
            (led / "trigger").write_text("[none] timer default-on\n")
            (led / "delay_on").write_text("1")
            (led / "delay_off").write_text("1")

    def delays(self, pin: str) -> tuple[int, int]:
        led = self.directory / NAMES[pin]
        return int((led / "delay_on").read_text()), int((led / "delay_off").read_text())

    def shows(self) -> dict[str, object]:
        """What each does: True, False, or on and off in milliseconds."""
        told: dict[str, object] = {}
        for pin in NAMES:
            on, off = self.delays(pin)
            told[pin] = (on, off) if on and off else on > 0
        return told


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    made = Tree(tmp_path)
    write = KernelLed._write

    def checked(led: KernelLed, name: str, text: str) -> None:
        write(led, name, text)
        pin = next(p for p, n in NAMES.items() if n == led._directory.name)
        assert made.delays(pin) != (0, 0), "the kernel would blink with 500 ms of its own"

    monkeypatch.setattr(KernelLed, "_write", checked)
    return made


def test_the_timer_trigger_is_set_once(tree: Tree) -> None:
    trigger = tree.directory / "paybox-red" / "trigger"
    KernelLed(trigger.parent)
    assert trigger.read_text() == "timer"
    trigger.write_text("none [timer]\n")
    trigger.chmod(0o444)
    KernelLed(trigger.parent)
    assert trigger.read_text() == "none [timer]\n"


def test_light_and_dark_are_told_by_the_delays(tree: Tree) -> None:
    led = KernelLed(tree.directory / "paybox-red")
    assert tree.shows()["r"] is False
    led.value = 1.0
    assert (led.value, tree.shows()["r"]) == (1.0, True)
    led.keep_blinking(0.2, 4.8)
    assert tree.shows()["r"] == (200, 4800)
    led.close()
    assert tree.shows()["r"] is False


@pytest.mark.parametrize(
    ("signal", "red"), [(Signal.OFFLINE, (200, 4800)), (Signal.FAULT, (250, 250))]
)
async def test_what_may_last_a_night_is_left_to_the_kernel(
    tree: Tree, signal: Signal, red: tuple[int, int]
) -> None:
    wound: list[float] = []
    calls: list[Callable[[], None]] = []

    def later(delay_s: float, call: Callable[[], None]) -> Timer:
        wound.append(delay_s)
        calls.append(call)
        return NeverMind()

    lamp = led_lamp(NAMES, tree.directory)
    lamp._call_later = later
    lamp.signal(signal)
    while calls:
        calls.pop()()
    assert tree.shows() == {"g": False, "r": red, "b": False}
    assert len(wound) == len(PATTERNS[signal].once)  # and then no timer any more


class NeverMind:
    def cancel(self) -> None:
        """Nobody waits."""


async def test_every_signal_can_be_said_and_taken_back(tree: Tree) -> None:
    lamp = led_lamp(NAMES, tree.directory)
    for signal in Signal:
        lamp.signal(signal)
        assert lamp.working
    lamp.signal(Signal.IDLE)
    assert tree.shows() == {"g": False, "r": False, "b": False}
    lamp.close()


async def test_two_lights_in_turn_are_kept_by_the_loop(tree: Tree) -> None:
    lamp = led_lamp(NAMES, tree.directory)
    assert not lamp._left_to_the_outputs(PATTERNS[Signal.DOUBT].again)


def test_a_missing_led_is_a_hardware_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match="paybox-green"):
        led_lamp(NAMES, tmp_path)


def test_without_the_right_to_write_it_is_a_hardware_error(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(led: KernelLed, name: str, _text: str) -> None:
        raise PermissionError(13, "Permission denied", str(led._directory / name))

    monkeypatch.setattr(led_class.KernelLed, "_write", refused)
    with pytest.raises(HardwareError, match="trigger: Permission denied"):
        led_lamp(NAMES, tree.directory)
