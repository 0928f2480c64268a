"""What each controller wants to hear: how its memory is laid out, addressed, dimmed and started.

The start sequences are luma's; everything else is from the datasheets.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from PIL import Image

from device.display.areas import Area, Price, content, lines, pages
from device.errors import HardwareError

COLUMN_WINDOW, PAGE_WINDOW = 0x21, 0x22  # SSD1306 datasheet 10.1.4, 10.1.5
PAGE_START, COLUMN_LOW, COLUMN_HIGH = 0xB0, 0x00, 0x10  # SH1106 datasheet, commands 1, 2, 11
SH1106_FIRST_COLUMN = 2  # 128 columns stand in the middle of 132
COLUMNS, ROWS, WRITE = 0x15, 0x75, 0x5C  # SSD1322 datasheet, table 9-1
SSD1322_FIRST_COLUMN = 28  # groups of four pixels: 256 stand in the middle of 480
GROUPS_PER_CELL = 2  # a cell of ours is eight pixels
NORMAL, INVERSE = 0xA6, 0xA7  # every controller: a bit of the memory lights a pixel, or darkens it
INVERT_BYTES = 3  # on the bus, to change between these two


class Bus(Protocol):
    """What of luma's serial interface is used."""

    def command(self, *cmd: int) -> None:
        """Send command bytes, at most 32."""

    def data(self, data: list[int]) -> None:
        """Send picture bytes; to an SSD1322 also the arguments of a command."""

    def cleanup(self) -> None:
        """Close the bus."""


Transfer = tuple[bool, bytes]
"""True = command; the bytes of one transfer."""


@dataclass(frozen=True, slots=True)
class Controller:
    """One kind of panel."""

    rows: Callable[[Image.Image], list[bytes]]
    """The picture as the memory is laid out."""
    send: Callable[[Bus, Area, list[bytes]], None]
    """Write one area of these rows."""
    price: Price
    """What that costs."""
    dim: Callable[[Bus, int], None]
    """Set the brightness, 0 to 255."""
    bright: int
    dark: frozenset[int]
    """Commands of the start sequence that switch the picture off."""


def _window(bus: Bus, area: Area, rows: list[bytes]) -> None:
    bus.command(COLUMN_WINDOW, area.left, area.right - 1, PAGE_WINDOW, area.top, area.bottom - 1)
    bus.data(list(content(area, rows)))


def _paged(bus: Bus, area: Area, rows: list[bytes]) -> None:
    """The SH1106 has no windows: each page is addressed by itself.

    Its column counter stands behind the last byte written; only the half that is not right then
    is set again.
    """
    first = area.left + SH1106_FIRST_COLUMN
    low, high = COLUMN_LOW | first & 0x0F, COLUMN_HIGH | first >> 4
    after = area.right + SH1106_FIRST_COLUMN
    behind = {COLUMN_LOW | after & 0x0F, COLUMN_HIGH | after >> 4}
    for page in range(area.top, area.bottom):
        right = behind if page > area.top else set()
        bus.command(PAGE_START | page, *(half for half in (low, high) if half not in right))
        bus.data(list(content(Area(area.left, page, area.right, page + 1), rows)))


def _grey(bus: Bus, area: Area, rows: list[bytes]) -> None:
    """The SSD1322 takes four bits a pixel and hears arguments as data."""
    first = SSD1322_FIRST_COLUMN + area.left * GROUPS_PER_CELL
    last = SSD1322_FIRST_COLUMN + area.right * GROUPS_PER_CELL - 1
    for command, *arguments in ((COLUMNS, first, last), (ROWS, area.top, area.bottom - 1)):
        bus.command(command)
        bus.data(arguments)
    bus.command(WRITE)
    bus.data(list(b"".join(nibbles(cell) for cell in content(area, rows))))


@cache
def nibbles(cell: int) -> bytes:
    """Return eight pixels, the leftmost in the highest bit, as four bytes of two pixels each."""
    return int.to_bytes(sum(0xF << 4 * bit for bit in range(8) if cell >> bit & 1), 4, "big")


def _contrast(bus: Bus, level: int) -> None:
    bus.command(0x81, level)


def _contrast_grey(bus: Bus, level: int) -> None:
    bus.command(0xC1)
    bus.data([level])


WINDOWED = Price(area=10, row=0, cell=1)  # address and control byte twice, six command bytes
PAGED = Price(area=1, row=6, cell=1)  # the same twice, two or three command bytes
GREY = Price(area=7, row=0, cell=4)  # SPI has no address bytes
CONTROLLERS = {
    "ssd1306": Controller(pages, _window, WINDOWED, _contrast, 0xCF, frozenset({0xAE})),
    "ssd1309": Controller(pages, _window, WINDOWED, _contrast, 0xCF, frozenset({0xAE})),
    "sh1106": Controller(pages, _paged, PAGED, _contrast, 0x7F, frozenset({0xAE})),
    "ssd1322": Controller(lines, _grey, GREY, _contrast_grey, 0x7F, frozenset({0xA4, 0xAE})),
}


class _Recorder:
    """A bus that only remembers, to learn luma's start sequence."""

    def __init__(self) -> None:
        self.transfers: list[Transfer] = []

    def command(self, *cmd: int) -> None:
        """Remember."""
        self.transfers.append((True, bytes(cmd)))

    def data(self, data: list[int]) -> None:
        """Remember: arguments only, pictures are sent by us."""
        self.transfers.append((False, bytes(data)))

    def cleanup(self) -> None:
        """Nothing is open."""


@cache
def start_sequence(controller: str, width: int, height: int) -> tuple[Transfer, ...]:
    """Return what luma sends to start this controller; the last command switches it on.

    Made once a process: every luma device stays registered with `atexit` for good, so building one
    at each try to open would leak while a panel is missing.
    """
    with faults():
        import luma.oled.device  # noqa: PLC0415  40 ms: not before the first picture needs it

        class Silent(getattr(luma.oled.device, controller)):  # type: ignore[misc]  # untyped base
            def display(self, image: Image.Image) -> None:
                """Send nothing: the first picture is ours."""

        recorder = _Recorder()
        Silent(recorder, width=width, height=height)
    return tuple(recorder.transfers)


def play(bus: Bus, transfers: tuple[Transfer, ...]) -> None:
    """Send recorded transfers."""
    for is_command, sent in transfers:
        if is_command:
            bus.command(*sent)
        else:
            bus.data(list(sent))


def without(transfers: tuple[Transfer, ...], codes: frozenset[int]) -> tuple[Transfer, ...]:
    """Return the transfers less these commands."""
    kept = ((c, bytes(b for b in sent if not c or b not in codes)) for c, sent in transfers)
    return tuple(transfer for transfer in kept if transfer[1])


@contextlib.contextmanager
def faults() -> Iterator[None]:
    """Map what luma and the bus raise for one and the same fault to `HardwareError`."""
    import luma.core.error  # noqa: PLC0415  see above

    try:
        yield
    except (luma.core.error.Error, OSError, ImportError) as fault:
        raise HardwareError(f"{type(fault).__name__}: {fault}") from fault
