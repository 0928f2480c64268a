"""Lamp and buzzer: `domain.ports.Lamp` over three outputs, over a file, or over nothing.

The rhythm is kept by the loop's own timers: gpiozero's blink would be a thread with 12 wakeups a
second (reliability-and-performance, Idle). An output that can blink by itself is left to it.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from device.domain.screens import Signal
from device.drivers.signals import PATTERNS, Step

log = logging.getLogger(__name__)


class Output(Protocol):
    """A pin; gpiozero's output devices are such."""

    value: float

    def close(self) -> None:
        """Let go of the pin."""


@runtime_checkable
class Blinker(Protocol):
    """An output that blinks without us: the kernel's LEDs."""

    def keep_blinking(self, on_s: float, off_s: float) -> None:
        """On and off until told otherwise."""


class Timer(Protocol):
    """A call that may be taken back."""

    def cancel(self) -> None:
        """Take it back."""


CallLater = Callable[[float, Callable[[], None]], Timer]


def _on_the_loop(delay_s: float, call: Callable[[], None]) -> Timer:
    return asyncio.get_running_loop().call_later(delay_s, call)


class PinLamp:
    """Plays the patterns on pins named `g`, `r` and `b`; a fault of the pins is kept inside."""

    def __init__(self, pins: dict[str, Output], call_later: CallLater = _on_the_loop) -> None:
        self._pins = pins
        self._call_later = call_later
        self._signal: Signal | None = None
        self._steps: list[Step] = []
        self._timer: Timer | None = None
        self.working = True

    def signal(self, signal: Signal) -> None:
        """Say this until told otherwise; the same again does not begin anew."""
        if signal is self._signal:
            return
        self._signal = signal
        self._stop()
        self._steps = list(PATTERNS[signal].once)
        self._next()

    def close(self) -> None:
        """Dark and silent."""
        self._stop()
        self._show("")
        for pin in self._pins.values():
            pin.close()

    def _next(self) -> None:
        self._timer = None
        if self._signal is None:
            return
        again = PATTERNS[self._signal].again
        if not self._steps and self._left_to_the_outputs(again):
            return
        self._steps = self._steps or list(again)
        step = self._steps.pop(0)
        self._show(step.on)
        if step.lasts_s:  # a held step needs no timer
            self._timer = self._call_later(step.lasts_s, self._next)

    def _left_to_the_outputs(self, again: tuple[Step, ...]) -> bool:
        """Whether they keep this rhythm by themselves: a light that blinks, and dark between."""
        if len(again) != len(("on", "off")) or again[1].on:
            return False
        lit, dark = again
        pins = [pin for name, pin in self._pins.items() if name in lit.on]
        blinkers = [pin for pin in pins if isinstance(pin, Blinker)]
        if len(blinkers) < len(pins):
            return False
        self._show("")
        with self._faults_kept():
            for pin in blinkers:
                pin.keep_blinking(lit.lasts_s, dark.lasts_s)
        return True

    def _show(self, on: str) -> None:
        with self._faults_kept():
            for name, pin in self._pins.items():
                pin.value = float(name in on)

    @contextlib.contextmanager
    def _faults_kept(self) -> Iterator[None]:
        try:
            yield
        except Exception as fault:  # noqa: BLE001  gpiozero's backends raise what they like
            if self.working:
                log.warning("lamp: %s", type(fault).__name__)
            self.working = False
        else:
            self.working = True

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


class FileLamp:
    """Writes the signal's name into a file, for the demo and tests; replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Named once: pathlib interns each name, and one that comes and goes grows Python's table.
        self._part = path.with_name(f".{path.name}.part")
        self._signal: Signal | None = None
        self.working = True

    def signal(self, signal: Signal) -> None:
        """See `domain.ports.Lamp`; the same again writes nothing."""
        if signal is self._signal:
            return
        try:
            self._part.write_text(f"{signal.value}\n", encoding="ascii")
            os.replace(self._part, self._path)  # noqa: PTH105  the atomic call, by its own name
        except OSError as fault:
            if self.working:
                log.warning("lamp file: %s", type(fault).__name__)
            self.working = False
        else:
            self.working, self._signal = True, signal

    def close(self) -> None:
        """The last signal stays."""


class NoLamp:
    """A box without lamp and buzzer."""

    working = True

    def signal(self, signal: Signal) -> None:
        """Nobody sees it."""

    def close(self) -> None:
        """Nothing is open."""
