"""An OLED panel on a bus: only the changed areas are sent, or, if that is less, their negative.

Every controller shows its memory as it is or inverted, by one command: so a screen that is black on
white costs no more than another.

luma's own `display()` sends the whole frame even for an identical picture, so only its knowledge
of each controller's start sequence and its buses are used.
"""

import contextlib

from PIL import Image

from device.display.areas import Area, changed, negative, whole
from device.display.controllers import (
    CONTROLLERS,
    INVERSE,
    INVERT_BYTES,
    NORMAL,
    Bus,
    faults,
    play,
    start_sequence,
    without,
)
from device.errors import HardwareError

DIMMED = 0x10  # of 255: read in the dark hall at night, easy on the pixels by day


class Oled:
    """An open panel. Every method raises HardwareError if the panel is gone."""

    def __init__(self, controller: str, width: int, height: int, bus: Bus) -> None:
        self._bus = bus
        self._controller = CONTROLLERS[controller]
        self._shown: list[bytes] | None = None
        """The memory; None = unknown."""
        self._mode: int | None = NORMAL  # as the start sequence sets it
        """NORMAL or INVERSE; None = unknown."""
        self._dimmed = False
        *start, on = start_sequence(controller, width, height)
        self._start, self._on = tuple(start), (on,)
        with faults():
            play(bus, self._start)

    def put(self, image: Image.Image) -> None:
        """Send what differs from the picture on the glass; nothing if nothing does."""
        shown, was = self._shown, self._mode
        mode, new, areas = self._least(shown, self._controller.rows(image))
        self._shown = self._mode = None  # a fault half-way leaves the glass unknown
        with faults():
            if mode != was:
                self._bus.command(mode)
            for area in areas:
                self._controller.send(self._bus, area, new)
            if shown is None:  # not before: the memory holds noise after power-on
                play(self._bus, self._on)
        self._shown, self._mode = new, mode

    def _least(
        self, shown: list[bytes] | None, picture: list[bytes]
    ) -> tuple[int, list[bytes], list[Area]]:
        """Return the cheapest way to a picture: NORMAL or INVERSE, its memory, what to send."""
        mode = self._mode or NORMAL
        same, other = picture, negative(picture)
        if mode == INVERSE:
            same, other = other, same
        if shown is None:
            return mode, same, [whole(same)]
        price = self._controller.price
        areas = changed(shown, same, price)
        cost = price.of(*areas)
        if 2 * cost > price.of(whole(same)):  # else more than half differs from the negative
            opposite = changed(shown, other, price)
            if price.of(*opposite) + INVERT_BYTES < cost:
                return NORMAL + INVERSE - mode, other, opposite
        return mode, same, areas

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
            play(self._bus, without(self._start, self._controller.dark | {NORMAL}))
            self._bus.command(self._mode or NORMAL)
        self._shown, self._dimmed = None, False

    def close(self) -> None:
        """Close the bus; a fault at this point is of no interest."""
        with contextlib.suppress(HardwareError), faults():
            self._bus.cleanup()
