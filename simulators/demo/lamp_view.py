"""The box's lamp and buzzer on the page: the file's signal, played in the true rhythm.

The `file` driver writes the signal's name; the same player that drives the real pins plays it here
over pins that only tell.
"""

from collections.abc import Callable

from device.domain.screens import Signal
from device.drivers.lamp import PinLamp
from device.drivers.signals import SAYINGS

SIGNALS = {signal.value: signal for signal in Signal}
PINS = {"g": "green", "r": "red", "b": "buzzer"}


class _Pin:
    """A pin that tells instead of lighting."""

    def __init__(self, told: Callable[[], None]) -> None:
        self._value = 0.0
        self._told = told

    @property
    def value(self) -> float:
        return self._value

    @value.setter
    def value(self, value: float) -> None:
        if value != self._value:
            self._value = value
            self._told()

    def close(self) -> None:
        """Nothing is open."""


class LampView:
    """`on_change` whenever a light or the buzzer goes on or off."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self.signal: Signal | None = None
        self._pins = {name: _Pin(on_change) for name in PINS}
        self._player = PinLamp(dict(self._pins))

    @property
    def saying(self) -> str:
        """The signal in words."""
        return SAYINGS[self.signal] if self.signal else ""

    def read(self, content: bytes) -> None:
        """Take the content of the lamp file; a word that is no signal is ignored."""
        word = content.decode("ascii", errors="replace").strip()
        if word in SIGNALS:
            self.signal = SIGNALS[word]
            self._player.signal(self.signal)

    def dark(self) -> None:
        """The power is off."""
        self.signal = None
        self._player.close()
        self._player = PinLamp(dict(self._pins))

    def section(self) -> dict[str, object]:
        """Return which of the three are on."""
        return {PINS[name]: bool(pin.value) for name, pin in self._pins.items()}
