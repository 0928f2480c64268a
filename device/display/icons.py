"""Icons drawn by code, so that a screen is told apart at a glance; 28 by 28 pixels, white on black.

They are signs of our own: no wallet's trademark is imitated.
"""

from collections.abc import Callable
from functools import cache

from PIL import Image, ImageDraw

SIZE = 28  # pixels
HEAVY, LINE = 4, 2  # pixels of stroke
Pen = ImageDraw.ImageDraw


def _tick(pen: Pen) -> None:
    pen.line((3, 15, 10, 22), fill=1, width=HEAVY + 1)
    pen.line((10, 22, 25, 5), fill=1, width=HEAVY + 1)


def _cross(pen: Pen) -> None:
    pen.ellipse((1, 1, 26, 26), outline=1, width=LINE)
    pen.line((9, 9, 18, 18), fill=1, width=HEAVY)
    pen.line((18, 9, 9, 18), fill=1, width=HEAVY)


def _clock(pen: Pen) -> None:
    pen.ellipse((1, 1, 26, 26), outline=1, width=LINE)
    pen.line((13, 6, 13, 14), fill=1, width=LINE)
    pen.line((13, 14, 19, 17), fill=1, width=LINE)


def _phone(pen: Pen) -> None:
    """A telephone with a row of hidden digits."""
    pen.rounded_rectangle((6, 0, 21, 27), radius=3, outline=1, width=LINE)
    pen.line((11, 24, 16, 24), fill=1)
    for x in (9, 13, 17):
        pen.rectangle((x, 12, x + 1, 14), fill=1)


def _back(pen: Pen) -> None:
    """An arrow that turns back."""
    pen.arc((6, 6, 25, 25), start=-120, end=150, fill=1, width=LINE + 1)
    pen.polygon(((1, 9), (11, 2), (12, 14)), fill=1)


def _bell(pen: Pen) -> None:
    pen.pieslice((5, 2, 22, 24), start=180, end=360, fill=1)
    pen.rectangle((5, 12, 22, 19), fill=1)
    pen.rectangle((2, 20, 25, 22), fill=1)
    pen.pieslice((10, 20, 17, 27), start=0, end=180, fill=1)


def _warning(pen: Pen) -> None:
    pen.line((13, 2, 1, 25, 26, 25, 14, 2), fill=1, width=LINE)
    pen.rectangle((13, 10, 14, 18), fill=1)
    pen.rectangle((13, 21, 14, 22), fill=1)


def _question(pen: Pen) -> None:
    """A lens: somebody is looking."""
    pen.ellipse((1, 1, 19, 19), outline=1, width=LINE + 1)
    pen.line((17, 17, 25, 25), fill=1, width=HEAVY)


def _offline(pen: Pen) -> None:
    """Radio waves, and a cross."""
    for radius in (8, 14, 20):
        box = (13 - radius, 23 - radius, 13 + radius, 23 + radius)
        pen.arc(box, start=225, end=315, fill=1, width=LINE)
    pen.ellipse((11, 20, 15, 24), fill=1)
    pen.rectangle((16, 15, 27, 27), fill=0)
    pen.line((18, 17, 26, 25), fill=1, width=LINE + 1)
    pen.line((26, 17, 18, 25), fill=1, width=LINE + 1)


def _power(pen: Pen) -> None:
    pen.arc((3, 4, 24, 25), start=-60, end=240, fill=1, width=LINE + 1)
    pen.rectangle((13, 1, 15, 13), fill=1)


def _hourglass(pen: Pen) -> None:
    pen.rectangle((4, 1, 23, 3), fill=1)
    pen.rectangle((4, 24, 23, 26), fill=1)
    pen.line((7, 4, 7, 8, 20, 19, 20, 24), fill=1, width=LINE)
    pen.line((20, 4, 20, 8, 7, 19, 7, 24), fill=1, width=LINE)
    pen.polygon(((10, 8), (17, 8), (14, 12)), fill=1)
    pen.polygon(((13, 18), (8, 23), (19, 23)), fill=1)


def _code(pen: Pen) -> None:
    """Bars of a code between the corners of a finder."""
    for x, width in ((6, 1), (9, 0), (12, 2), (17, 0), (20, 1)):
        pen.rectangle((x, 6, x + width, 21), fill=1)
    for x, dx in ((0, 6), (27, -6)):
        for y, dy in ((0, 6), (27, -6)):
            pen.line((x, y, x + dx, y), fill=1)
            pen.line((x, y, x, y + dy), fill=1)


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


@cache
def icon(name: str) -> Image.Image:
    """Return one icon; KeyError if there is none of that name."""
    image = Image.new("1", (SIZE, SIZE))
    DRAWINGS[name](ImageDraw.Draw(image))
    return image
