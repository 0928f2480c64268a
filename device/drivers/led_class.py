"""Lamps that the kernel drives: `/sys/class/leds/<name>` (Documentation/leds/leds-class.rst).

The kernel blinks by itself, so a lamp that says `offline` for a whole night wakes nobody. Its
`timer` trigger stays set and everything is said by its two delays, because writing a brightness of
0 would take the trigger and the files away. Both delays at 0 would mean the kernel's own 500 ms.
"""

from collections.abc import Mapping
from pathlib import Path

from device.drivers.lamp import PinLamp
from device.errors import HardwareError

LEDS = Path("/sys/class/leds")
TIMER = "[timer]"  # the chosen trigger stands in brackets
ALWAYS_MS = 1000  # the other delay of a steady light: any but 0
LIT_FROM = 0.5  # of 1


class KernelLed:
    """One lamp or buzzer; every method may raise OSError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        if TIMER not in (directory / "trigger").read_text(encoding="ascii"):
            self._write("trigger", "timer")
        self.value = 0.0

    @property
    def value(self) -> float:
        """1.0 = steady light, 0.0 = dark; blinking reads as the last of these."""
        return self._value

    @value.setter
    def value(self, value: float) -> None:
        self._value = value
        lit = value >= LIT_FROM
        self._delays(ALWAYS_MS * lit, ALWAYS_MS * (not lit))

    def keep_blinking(self, on_s: float, off_s: float) -> None:
        """On and off until told otherwise, beginning with on."""
        self._delays(round(on_s * 1000), round(off_s * 1000))

    def close(self) -> None:
        """Dark."""
        self.value = 0.0

    def _delays(self, on_ms: int, off_ms: int) -> None:
        """The longer one first: the two are never 0 at once."""
        delays = {"delay_on": on_ms, "delay_off": off_ms}
        for name in sorted(delays, key=lambda name: -delays[name]):
            self._write(name, str(delays[name]))

    def _write(self, name: str, text: str) -> None:
        (self._directory / name).write_text(text, encoding="ascii")


def led_lamp(names: Mapping[str, str], leds: Path = LEDS) -> PinLamp:
    """Return the lamp over these LEDs, `g`, `r` and `b` by name; HardwareError if one is missing.

    They may be written by their group only if udev says so: `systemd/60-paybox-leds.rules`.
    """
    try:
        return PinLamp({pin: KernelLed(leds / name) for pin, name in names.items()})
    except OSError as fault:
        raise HardwareError(f"{fault.filename}: {fault.strerror}") from fault
