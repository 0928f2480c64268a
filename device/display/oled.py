"""OLED panels on I2C by luma: only the changed areas are sent.

luma's own `display()` sends the whole frame even for an identical picture, so only its knowledge
of each controller's start sequence and its bus are used. It raises errors of its own and OSError
for one and the same fault: both become `HardwareError` here.
"""

import contextlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Protocol

from PIL import Image

from device.display.areas import Area, changed, content, pages
from device.errors import HardwareError

COLUMN_WINDOW, PAGE_WINDOW = 0x21, 0x22  # SSD1306 datasheet 10.1.4, 10.1.5
PAGE_START, COLUMN_LOW, COLUMN_HIGH = 0xB0, 0x00, 0x10  # SH1106 datasheet, commands 1, 2, 11
SH1106_FIRST_COLUMN = 2  # 128 columns stand in the middle of 132
DISPLAY_OFF = 0xAE  # also in no luma start sequence as an argument


class Bus(Protocol):
    """What of luma's serial interface is used."""

    def command(self, *cmd: int) -> None:
        """Send command bytes, at most 32."""

    def data(self, data: list[int]) -> None:
        """Send picture bytes."""

    def cleanup(self) -> None:
        """Close the bus."""


class _Recorder:
    """A bus that only remembers, to learn luma's start sequence."""

    def __init__(self) -> None:
        self.commands: list[tuple[int, ...]] = []

    def command(self, *cmd: int) -> None:
        """Remember."""
        self.commands.append(cmd)

    def data(self, data: list[int]) -> None:
        """Pictures are sent by us."""

    def cleanup(self) -> None:
        """Nothing is open."""


@cache
def start_sequence(controller: str, width: int, height: int) -> tuple[tuple[int, ...], ...]:
    """Return the commands by which luma starts this controller; the last one switches it on.

    Made once a process: every luma device stays registered with `atexit` for good, so building one
    at each try to open would leak while a panel is missing.
    """
    with _faults():
        import luma.oled.device  # noqa: PLC0415  40 ms: not before the first picture needs it

        class Silent(getattr(luma.oled.device, controller)):  # type: ignore[misc]  # untyped base
            def display(self, image: Image.Image) -> None:
                """Send nothing: the first picture is ours."""

        recorder = _Recorder()
        Silent(recorder, width=width, height=height)
    return tuple(recorder.commands)


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    import luma.core.error  # noqa: PLC0415  see above

    try:
        yield
    except (luma.core.error.Error, OSError, ImportError) as fault:
        raise HardwareError(f"{type(fault).__name__}: {fault}") from fault


def open_i2c(port: int, address: int) -> Bus:
    """Open the bus; HardwareError if it is not there or may not be used."""
    with _faults():
        from luma.core.interface.serial import i2c  # noqa: PLC0415  see above

        bus: Bus = i2c(port=port, address=address)
    return bus


def _window(bus: Bus, area: Area, send: Callable[[Area], None]) -> None:
    bus.command(COLUMN_WINDOW, area.left, area.right - 1, PAGE_WINDOW, area.top, area.bottom - 1)
    send(area)


def _paged(bus: Bus, area: Area, send: Callable[[Area], None]) -> None:
    """The SH1106 has no windows: each page is addressed by itself."""
    low = area.left + SH1106_FIRST_COLUMN
    for page in range(area.top, area.bottom):
        bus.command(PAGE_START | page, COLUMN_LOW | low & 0x0F, COLUMN_HIGH | low >> 4)
        send(Area(area.left, page, area.right, page + 1))


ADDRESSING: dict[str, Callable[[Bus, Area, Callable[[Area], None]], None]] = {
    "ssd1306": _window,
    "ssd1309": _window,
    "sh1106": _paged,
}


class Oled:
    """An open panel. Every method raises HardwareError if the panel is gone."""

    def __init__(self, controller: str, width: int, height: int, bus: Bus) -> None:
        self._bus = bus
        self._address = ADDRESSING[controller]
        self._shown: list[bytes] | None = None
        *self._start, self._on = start_sequence(controller, width, height)
        with _faults():
            for command in self._start:
                bus.command(*command)

    def put(self, image: Image.Image) -> None:
        """Send what differs from the picture on the glass; nothing if nothing does."""
        new = pages(image)
        first, areas = self._shown is None, changed(self._shown, new)
        self._shown = None  # a fault half-way leaves the glass unknown
        with _faults():
            for area in areas:
                self._address(self._bus, area, lambda part: self._send(part, new))
            if first:  # not before: the memory holds noise after power-on
                self._bus.command(*self._on)
        self._shown = new

    def renew(self) -> None:
        """Start the controller again, without going dark, and believe nothing of its memory.

        A loose wire takes its settings and its picture away, and it acknowledges all the same.
        """
        first, *others = self._start
        with _faults():
            for command in ([code for code in first if code != DISPLAY_OFF], *others):
                self._bus.command(*command)
        self._shown = None

    def _send(self, area: Area, new: list[bytes]) -> None:
        self._bus.data(list(content(area, new)))

    def close(self) -> None:
        """Close the bus; a fault at this point is of no interest."""
        with contextlib.suppress(HardwareError), _faults():
            self._bus.cleanup()
