"""OLED controllers by their datasheets: bytes from the bus become the picture on the glass.

Written from the datasheets and not from `device.display`, so that one can be held against the
other. A command that the model does not know, or one with too few arguments, is an error. After
power-on the memory holds noise, as the real one does.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from PIL import Image

NOISE = 0xA5
I2C_HZ, I2C_BITS, I2C_ENDS = 400_000, 9, 2  # bits a byte and its acknowledge; START and STOP
SPI_HZ, SPI_BITS = 8_000_000, 8
ON, OFF = 0xAF, 0xAE  # every controller
NORMAL, INVERSE = 0xA6, 0xA7
MOST_COMMANDS = 32  # bytes that luma and SMBus take at once


class PanelModel(ABC):
    """What every controller has: a bus that counts, a picture, a light."""

    width = 128
    height = 64

    def __init__(self) -> None:
        self.on = self.inverse = False
        self.bytes = self.transfers = 0
        """On the bus, so far."""
        self.contrast = -1
        self.fault: Exception | None = None
        """Raised at a transfer, as a loose wire does."""
        self.faultless = 0
        """Transfers before that one."""
        self.closed = False

    def command(self, *cmd: int) -> None:
        """Take command bytes, as luma's serial interface does."""
        assert 0 < len(cmd) <= MOST_COMMANDS, "not one transfer"
        self._transfer(len(cmd))
        self._commands(list(cmd))

    def data(self, data: list[int]) -> None:
        """Take data bytes."""
        self._transfer(len(data))
        for byte in data:
            self._byte(byte)

    def cleanup(self) -> None:
        """Close the bus."""
        self.closed = True

    def picture(self) -> Image.Image:
        """Return what is to be seen, mode `1`; all black while it is switched off."""
        points = (
            255 * (self.on and self._lit(x, y) != self.inverse)
            for y in range(self.height)
            for x in range(self.width)
        )
        return Image.frombytes("L", (self.width, self.height), bytes(points)).convert("1")

    @property
    @abstractmethod
    def bus_s(self) -> float:
        """How long the bytes so far have occupied the bus."""

    @abstractmethod
    def power_cycle(self) -> None:
        """Forget everything but what is connected."""

    @abstractmethod
    def _commands(self, codes: list[int]) -> None: ...

    @abstractmethod
    def _byte(self, byte: int) -> None: ...

    @abstractmethod
    def _lit(self, x: int, y: int) -> bool: ...

    def _transfer(self, count: int) -> None:
        if self.fault and not self.faultless:
            raise self.fault
        self.faultless -= self.fault is not None
        self.bytes += count
        self.transfers += 1


class PagedModel(PanelModel):
    """SSD1306, SSD1309 and, with 132 columns, SH1106: on I2C, eight pixels below each other."""

    ADDRESSING, COLUMN_WINDOW, PAGE_WINDOW, CONTRAST = 0x20, 0x21, 0x22, 0x81
    PAGE_START, COLUMN_HIGH = range(0xB0, 0xB8), range(0x10, 0x20)
    ARGUMENTS = dict.fromkeys((0x20, 0x81, 0x8D, 0xA8, 0xD3, 0xD5, 0xD9, 0xDA, 0xDB), 1)
    WINDOWS = dict.fromkeys((0x21, 0x22), 2)
    PLAIN = frozenset({0xA0, 0xA1, 0xA4, 0xC0, 0xC8, *range(0x40, 0x80)})
    FRAMING = 2  # bytes: address and control byte of each transfer

    def __init__(self, columns: int = 128, first: int = 0) -> None:
        super().__init__()
        self._columns, self._first = columns, first
        self._arguments = {**self.ARGUMENTS, **({} if columns > self.width else self.WINDOWS)}
        self.power_cycle()

    def power_cycle(self) -> None:
        """See `PanelModel`."""
        self._memory = [bytearray([NOISE]) * self._columns for _ in range(8)]
        self.on, self.inverse, self.contrast = False, False, 0x7F
        self._column = self._page = 0
        self._columns_window, self._pages_window = (0, self._columns - 1), (0, 7)
        self._windowed = False

    @property
    def bus_s(self) -> float:
        """At 400 kHz."""
        return (self.bytes * I2C_BITS + self.transfers * I2C_ENDS) / I2C_HZ

    def _transfer(self, count: int) -> None:
        super()._transfer(count + self.FRAMING)

    def _commands(self, codes: list[int]) -> None:
        while codes:
            code = codes.pop(0)
            self._do(code, *(codes.pop(0) for _ in range(self._arguments.get(code, 0))))

    def _do(self, code: int, *arguments: int) -> None:
        if code == self.ADDRESSING:
            self._windowed = self._columns == self.width and arguments[0] == 0
        elif code == self.COLUMN_WINDOW:
            self._columns_window = arguments[0], arguments[1]
            self._column = arguments[0]
        elif code == self.PAGE_WINDOW:
            self._pages_window = arguments[0], arguments[1]
            self._page = arguments[0]
        elif code == self.CONTRAST:
            self.contrast = arguments[0]
        else:
            self._plain(code)

    def _plain(self, code: int) -> None:
        if code in self.PAGE_START:
            self._page = code & 7
        elif code in self.COLUMN_HIGH:
            self._column = self._column & 0x0F | (code & 15) << 4
        elif code < self.COLUMN_HIGH.start:
            self._column = self._column & 0xF0 | code
        elif code in {ON, OFF}:
            self.on = code == ON
        elif code in {NORMAL, INVERSE}:
            self.inverse = code == INVERSE
        else:
            assert code in self.PLAIN or code in self._arguments, hex(code)

    def _byte(self, byte: int) -> None:
        self._memory[self._page][self._column] = byte
        self._column += 1
        left, right = self._columns_window
        top, bottom = self._pages_window
        if self._windowed and self._column > right:
            self._column = left
            self._page = top if self._page == bottom else self._page + 1

    def _lit(self, x: int, y: int) -> bool:
        return bool(self._memory[y // 8][x + self._first] >> y % 8 & 1)


class Ssd1322Model(PanelModel):
    """The SSD1322: on SPI, 480 by 128 pixels of four bits, of which the glass has the middle."""

    width = 256
    ARGUMENTS: ClassVar = {
        **dict.fromkeys((0xFD, 0xB3, 0xCA, 0xA2, 0xA1, 0xB5, 0xAB, 0xC7, 0xB1, 0xBB, 0xB6), 1),
        **dict.fromkeys((0xA0, 0xB4, 0xD1, 0x15, 0x75), 2),
        **dict.fromkeys((0xBE, 0xC1), 1),
        **dict.fromkeys((0xA4, 0xA6, 0xA7, 0xA9, 0xAE, 0xAF, 0xB9, 0x5C), 0),
    }
    GROUPS, ROWS = 120, 128  # of four pixels
    FIRST_GROUP = 28
    COLUMNS, LINES, WRITE, CONTRAST = 0x15, 0x75, 0x5C, 0xC1
    ALL_DARK = 0xA4

    def __init__(self) -> None:
        super().__init__()
        self.power_cycle()

    def power_cycle(self) -> None:
        """See `PanelModel`."""
        self._memory = [bytearray([NOISE]) * (2 * self.GROUPS) for _ in range(self.ROWS)]
        self.on, self.inverse, self.contrast = False, False, 0x7F
        self._showing = False
        self._waiting: list[int] = []
        self._code = 0
        self._columns, self._rows = (0, self.GROUPS - 1), (0, self.ROWS - 1)
        self._at, self._row = 0, 0

    @property
    def bus_s(self) -> float:
        """At 8 MHz."""
        return self.bytes * SPI_BITS / SPI_HZ

    def _commands(self, codes: list[int]) -> None:
        (code,) = codes  # arguments come as data
        assert not self._waiting, f"{self._code:#x} lacks arguments"
        assert code in self.ARGUMENTS, hex(code)
        self._code, self._waiting = code, [-1] * self.ARGUMENTS[code]
        if code == self.WRITE:
            self._at, self._row = 2 * self._columns[0], self._rows[0]
        elif code in {ON, OFF}:
            self.on = code == ON
        elif code in {self.ALL_DARK, NORMAL, INVERSE}:
            self._showing, self.inverse = code != self.ALL_DARK, code == INVERSE

    def _byte(self, byte: int) -> None:
        if self._code == self.WRITE:
            self._write(byte)
            return
        assert self._waiting, f"{self._code:#x} takes no more arguments"
        self._waiting[self._waiting.index(-1)] = byte
        if -1 not in self._waiting:
            self._finished(self._code, tuple(self._waiting))
            self._waiting = []

    def _finished(self, code: int, arguments: tuple[int, ...]) -> None:
        if code == self.COLUMNS:
            self._columns = arguments[0], arguments[1]
        elif code == self.LINES:
            self._rows = arguments[0], arguments[1]
        elif code == self.CONTRAST:
            self.contrast = arguments[0]

    def _write(self, byte: int) -> None:
        self._memory[self._row][self._at] = byte
        self._at += 1
        if self._at > 2 * self._columns[1] + 1:
            self._at = 2 * self._columns[0]
            self._row = self._rows[0] if self._row == self._rows[1] else self._row + 1

    def _lit(self, x: int, y: int) -> bool:
        byte = self._memory[y][2 * self.FIRST_GROUP + x // 2]
        return self._showing and bool(byte & (0x0F if x % 2 else 0xF0))


def model(controller: str) -> PanelModel:
    """Return a panel of this kind, just powered on."""
    if controller == "ssd1322":
        return Ssd1322Model()
    return PagedModel(132, 2) if controller == "sh1106" else PagedModel()
