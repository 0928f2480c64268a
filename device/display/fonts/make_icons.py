"""Draw `icons.txt`: the signs by which a screen is told apart at a glance, in the panels' sizes.

Run `python -m device.display.fonts.make_icons`; the result is committed and readable. They are
signs of our own: no wallet's trademark is imitated. Each is drawn on a grid of 28 by 28 units,
enlarged, and a pixel is on if half of it is covered; so one drawing serves every panel.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from device.display import narrow, wide
from device.display.fonts.make_digits import rows

TARGET = Path(__file__).with_name("icons.txt")
SIZES = (narrow.ICON, wide.ICON)  # pixels
GRID = 28  # units
ENLARGE = 16  # drawn this much larger before it is brought to its size
HALF_COVERED = 128  # of 255
HEAVY, LINE = 4, 2  # units of stroke
Point = tuple[float, float]


class Pen:
    """Draws in grid units; a point (0, 0) is the top left corner of the grid."""

    def __init__(self) -> None:
        self.image = Image.new("L", (GRID * ENLARGE, GRID * ENLARGE))
        self._draw = ImageDraw.Draw(self.image)

    def line(self, points: Sequence[Point], width: float = LINE) -> None:
        """A stroke with round ends and joints."""
        large = [(x * ENLARGE, y * ENLARGE) for x, y in points]
        self._draw.line(large, fill=255, width=round(width * ENLARGE))
        for x, y in points:
            self.disc((x, y), width / 2)

    def disc(self, centre: Point, radius: float, ink: int = 255) -> None:
        """A filled circle; `ink` 0 takes away."""
        self._draw.ellipse(_box(centre, radius), fill=ink)

    def ring(self, centre: Point, radius: float, width: float = LINE) -> None:
        """A circle; the radius is its outer edge."""
        self._draw.ellipse(_box(centre, radius), outline=255, width=round(width * ENLARGE))

    def arc(self, centre: Point, radius: float, turn: tuple[float, float], width: float) -> None:
        """Part of a ring; degrees clockwise from three o'clock."""
        self._draw.arc(_box(centre, radius), *turn, fill=255, width=round(width * ENLARGE))

    def rectangle(self, box: tuple[float, float, float, float], radius: float = 0) -> None:
        """A filled box from left, top to right, bottom."""
        self._draw.rounded_rectangle(_whole(box), radius=radius * ENLARGE, fill=255)

    def frame(self, box: tuple[float, float, float, float], radius: float) -> None:
        """The outline of a box."""
        width = LINE * ENLARGE
        self._draw.rounded_rectangle(_whole(box), radius * ENLARGE, outline=255, width=width)

    def erase(self, box: tuple[float, float, float, float]) -> None:
        """Black in a box."""
        self._draw.rectangle(_whole(box), fill=0)

    def polygon(self, points: Sequence[Point]) -> None:
        """A filled shape."""
        self._draw.polygon([(x * ENLARGE, y * ENLARGE) for x, y in points], fill=255)


def _box(centre: Point, radius: float) -> tuple[float, float, float, float]:
    x, y = centre
    return _whole((x - radius, y - radius, x + radius, y + radius))


def _whole(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (edge * ENLARGE for edge in box)
    return left, top, right - 1, bottom - 1


def _tick(pen: Pen) -> None:
    pen.line(((3, 15), (10.5, 22.5), (25, 5)), HEAVY + 1)


def _cross(pen: Pen) -> None:
    pen.ring((14, 14), 13)
    pen.line(((9.5, 9.5), (18.5, 18.5)), HEAVY - 1)
    pen.line(((18.5, 9.5), (9.5, 18.5)), HEAVY - 1)


def _clock(pen: Pen) -> None:
    pen.ring((14, 14), 13)
    pen.line(((14, 6.5), (14, 14), (19, 17.5)))


def _phone(pen: Pen) -> None:
    """A telephone with a row of hidden digits."""
    pen.frame((6, 0, 22, 28), radius=3)
    pen.rectangle((12, 23, 16, 25), radius=1)
    for x in (10, 14, 18):
        pen.disc((x, 12), 1.5)


def _back(pen: Pen) -> None:
    """An arrow that turns back."""
    pen.arc((15, 16), 11, (-100, 140), LINE + 1)
    pen.polygon(((2, 6.5), (13.5, -0.5), (13.5, 13.5)))


def _bell(pen: Pen) -> None:
    pen.rectangle((5, 3, 23, 30), radius=9)
    pen.erase((0, 20, 28, 28))
    pen.rectangle((2, 19, 26, 22), radius=1)
    pen.rectangle((13, 1, 15, 5), radius=1)
    pen.disc((14, 23), 4)
    pen.erase((0, 22, 28, 23))


def _warning(pen: Pen) -> None:
    pen.line(((14, 2.5), (1.5, 25.5), (26.5, 25.5), (14, 2.5)))
    pen.line(((14, 10), (14, 17.5)), LINE + 0.5)
    pen.disc((14, 21.5), 1.5)


def _question(pen: Pen) -> None:
    """A lens: somebody is looking."""
    pen.ring((11, 11), 10, LINE + 1)
    pen.line(((19, 19), (25, 25)), HEAVY)


def _offline(pen: Pen) -> None:
    """Radio waves, and a cross."""
    for radius in (9, 15, 21):
        pen.arc((14, 24), radius, (225, 315), LINE)
    pen.disc((14, 23), 2.5)
    pen.erase((17, 14, 28, 28))
    pen.line(((19.5, 17.5), (26, 24)), LINE + 1)
    pen.line(((26, 17.5), (19.5, 24)), LINE + 1)


def _power(pen: Pen) -> None:
    pen.arc((14, 15), 12, (-55, 235), LINE + 1)
    pen.line(((14, 3), (14, 13)), LINE + 1)


def _hourglass(pen: Pen) -> None:
    pen.rectangle((4, 1, 24, 4), radius=1)
    pen.rectangle((4, 24, 24, 27), radius=1)
    pen.line(((7, 4), (7, 8), (21, 20), (21, 24)))
    pen.line(((21, 4), (21, 8), (7, 20), (7, 24)))
    pen.polygon(((10, 8), (18, 8), (14, 12)))
    pen.polygon(((14, 18), (8, 24), (20, 24)))


def _code(pen: Pen) -> None:
    """Bars of a code between the corners of a finder."""
    for x, width in ((6, 2), (10, 1), (13, 3), (18, 1), (20, 2)):
        pen.rectangle((x, 7, x + width, 21))
    for x, across in ((1, 7), (27, 21)):
        for y, down in ((1, 7), (27, 21)):
            pen.line(((across, y), (x, y), (x, down)))


DRAWINGS: dict[str, Callable[[Pen], None]] = {
    "tick": _tick,
    "cross": _cross,
    "clock": _clock,
    "phone": _phone,
    "back": _back,
    "bell": _bell,
    "warning": _warning,
    "question": _question,
    "offline": _offline,
    "power": _power,
    "hourglass": _hourglass,
    "code": _code,
}


def draw(name: str, size: int) -> Image.Image:
    """Return one icon, `size` pixels square."""
    pen = Pen()
    DRAWINGS[name](pen)
    small = pen.image.resize((size, size), Image.Resampling.BOX)
    return small.point(lambda value: 255 if value >= HALF_COVERED else 0).convert("1")


def whole() -> str:
    """Return the whole file."""
    blocks = [f"{size} {name}\n{rows(draw(name, size))}\n" for size in SIZES for name in DRAWINGS]
    return "\n".join(blocks)


if __name__ == "__main__":
    TARGET.write_text(whole(), encoding="utf-8")
