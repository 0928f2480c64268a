"""An OLED panel on a bus: only the changed areas are sent.

luma's own `display()` sends the whole frame even for an identical picture, so only its knowledge
of each controller's start sequence and its buses are used.
"""

import contextlib

from PIL import Image

from device.display.areas import changed
from device.display.controllers import CONTROLLERS, Bus, faults, play, start_sequence, without
from device.errors import HardwareError

DIMMED = 0x10  # of 255: read in the dark hall at night, easy on the pixels by day


class Oled:
    """An open panel. Every method raises HardwareError if the panel is gone."""

    def __init__(self, controller: str, width: int, height: int, bus: Bus) -> None:
        self._bus = bus
        self._controller = CONTROLLERS[controller]
        self._shown: list[bytes] | None = None
        self._dimmed = False
        *start, on = start_sequence(controller, width, height)
        self._start, self._on = tuple(start), (on,)
        with faults():
            play(bus, self._start)

    def put(self, image: Image.Image) -> None:
        """Send what differs from the picture on the glass; nothing if nothing does."""
        new = self._controller.rows(image)
        first, areas = self._shown is None, changed(self._shown, new)
        self._shown = None  # a fault half-way leaves the glass unknown
        with faults():
            for area in areas:
                self._controller.send(self._bus, area, new)
            if first:  # not before: the memory holds noise after power-on
                play(self._bus, self._on)
        self._shown = new

    def dim(self, *, dimmed: bool) -> None:
        """Set the brightness of rest or of work; nothing is sent if it is that already."""
        if dimmed != self._dimmed:
            with faults():
                self._controller.dim(self._bus, DIMMED if dimmed else self._controller.bright)
            self._dimmed = dimmed

    def renew(self) -> None:
        """Start the controller again, without going dark, and believe nothing of its memory.

        A loose wire takes its settings and its picture away, and it acknowledges all the same.
        """
        with faults():
            play(self._bus, without(self._start, self._controller.dark))
        self._shown, self._dimmed = None, False

    def close(self) -> None:
        """Close the bus; a fault at this point is of no interest."""
        with contextlib.suppress(HardwareError), faults():
            self._bus.cleanup()
