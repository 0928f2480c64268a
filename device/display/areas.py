"""Which parts of a panel's memory have changed: pure, over rows of equal cells.

A row is what the controller addresses downwards, a cell what it addresses across, one byte here.
Only areas that differ are sent: an I2C byte takes 22.5 us at 400 kHz, and a whole picture 23 ms
(reliability-and-performance, Display).
"""

from dataclasses import dataclass

from PIL import Image

PAGE_ROWS = 8
NEGATIVE = bytes(255 - byte for byte in range(256))


@dataclass(frozen=True, slots=True)
class Area:
    """Cells `left` to before `right` of the rows `top` to before `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    def union(self, other: "Area") -> "Area":
        """The smallest area that covers both."""
        return Area(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


@dataclass(frozen=True, slots=True)
class Price:
    """What an area costs a controller, in bytes on the bus."""

    area: int
    """To address it."""
    row: int
    """To address each of its rows."""
    cell: int

    def of(self, *areas: Area) -> int:
        """The bytes of these areas."""
        return sum(
            self.area + (a.bottom - a.top) * (self.row + (a.right - a.left) * self.cell)
            for a in areas
        )


def pages(image: Image.Image) -> list[bytes]:
    """Return the picture (mode `1`, height a multiple of 8) as an SSD1306 keeps it.

    A row is a page of eight lines; a byte is eight pixels below each other, the topmost in the
    lowest bit.
    """
    count = image.height // PAGE_ROWS
    columns = image.transpose(Image.Transpose.TRANSPOSE).tobytes("raw", "1;R")
    return [columns[page::count] for page in range(count)]


def lines(image: Image.Image) -> list[bytes]:
    """Return the picture (mode `1`, width a multiple of 8) line by line, eight pixels a byte.

    The leftmost pixel stands in the highest bit.
    """
    packed, width = image.tobytes(), image.width // 8
    return [packed[at : at + width] for at in range(0, len(packed), width)]


def negative(rows: list[bytes]) -> list[bytes]:
    """Return the same picture black on white."""
    return [row.translate(NEGATIVE) for row in rows]


def whole(rows: list[bytes]) -> Area:
    """Return the area of the whole picture."""
    return Area(0, 0, len(rows[0]), len(rows))


def changed(old: list[bytes], new: list[bytes], price: Price) -> list[Area]:
    """Return the areas to send, few and small; none for an identical picture."""
    areas: list[Area] = []
    for row, (before, after) in enumerate(zip(old, new, strict=True)):
        for left, right in _runs(before, after, price):
            _add(areas, Area(left, row, right, row + 1), price)
    everything = whole(new)
    return areas if price.of(*areas) < price.of(everything) else [everything]


def _runs(before: bytes, after: bytes, price: Price) -> list[tuple[int, int]]:
    """Cells that differ; two runs are one if the gap is cheaper to send than a new address."""
    runs: list[tuple[int, int]] = []
    address = price.area + price.row
    for cell in (x for x in range(len(after)) if before[x] != after[x]):
        if runs and (cell - runs[-1][1]) * price.cell <= address:
            runs[-1] = (runs[-1][0], cell + 1)
        else:
            runs.append((cell, cell + 1))
    return runs


def _add(areas: list[Area], new: Area, price: Price) -> None:
    """Widen an area that ends just above, or beside, if that is cheaper than one more."""
    for at, area in enumerate(areas):
        both = area.union(new)
        if area.bottom >= new.top and price.of(both) <= price.of(area, new):
            areas[at] = both
            return
    areas.append(new)


def content(area: Area, new: list[bytes]) -> bytes:
    """Return the bytes of an area in the order the panel takes them: row by row."""
    return b"".join(row[area.left : area.right] for row in new[area.top : area.bottom])
