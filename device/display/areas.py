"""Which parts of a panel's memory have changed: pure, in pages of eight rows.

An SSD1306 keeps its picture in pages: a byte is eight pixels below each other, the topmost in the
lowest bit. Only areas that differ are sent: an I2C byte takes 22.5 us at 400 kHz, and a whole
picture 23 ms (reliability-and-performance, Display).
"""

from dataclasses import dataclass

from PIL import Image

PAGE_ROWS = 8
OVERHEAD_BYTES = 10  # address and control byte twice, six bytes of window command


@dataclass(frozen=True, slots=True)
class Area:
    """Columns `left` to before `right` of the pages `top` to before `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    def cost(self) -> int:
        """Bytes on the bus."""
        return OVERHEAD_BYTES + (self.right - self.left) * (self.bottom - self.top)

    def union(self, other: "Area") -> "Area":
        """The smallest area that covers both."""
        return Area(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


def pages(image: Image.Image) -> list[bytes]:
    """Return the picture (mode `1`, height a multiple of 8) page by page, one byte a column."""
    count = image.height // PAGE_ROWS
    columns = image.transpose(Image.Transpose.TRANSPOSE).tobytes("raw", "1;R")
    return [columns[page::count] for page in range(count)]


def changed(old: list[bytes] | None, new: list[bytes]) -> list[Area]:
    """Return the areas to send, few and small; none for an identical picture, all without `old`."""
    whole = Area(0, 0, len(new[0]), len(new))
    if old is None:
        return [whole]
    areas: list[Area] = []
    for page, (before, after) in enumerate(zip(old, new, strict=True)):
        for left, right in _runs(before, after):
            _add(areas, Area(left, page, right, page + 1))
    return areas if sum(area.cost() for area in areas) < whole.cost() else [whole]


def _runs(before: bytes, after: bytes) -> list[tuple[int, int]]:
    """Columns that differ; two runs are one if the gap is cheaper to send than a new window."""
    runs: list[tuple[int, int]] = []
    for column in (x for x in range(len(after)) if before[x] != after[x]):
        if runs and column - runs[-1][1] <= OVERHEAD_BYTES:
            runs[-1] = (runs[-1][0], column + 1)
        else:
            runs.append((column, column + 1))
    return runs


def _add(areas: list[Area], new: Area) -> None:
    """Widen an area that ends just above, or beside, if that is cheaper than one more."""
    for at, area in enumerate(areas):
        both = area.union(new)
        if area.bottom >= new.top and both.cost() <= area.cost() + new.cost():
            areas[at] = both
            return
    areas.append(new)


def content(area: Area, new: list[bytes]) -> bytes:
    """Return the bytes of an area in the order the panel takes them: page by page."""
    return b"".join(page[area.left : area.right] for page in new[area.top : area.bottom])
