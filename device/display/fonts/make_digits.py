"""Draw `digits.txt`: the digits of amounts, in the heights that fit the panels.

Run `python -m device.display.fonts.make_digits`; the result is committed and readable. Each glyph
is a few strokes along the middle line of a rounded box, drawn large and thresholded, so that
horizontal and vertical strokes fall on whole pixels.
"""

from math import cos, pi, sin
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw

TARGET = Path(__file__).with_name("digits.txt")
ENLARGE = 16  # drawn this much larger, then each pixel is on if half of it is covered
HALF_COVERED = 128  # of 255


class Face(NamedTuple):
    """One size, in pixels."""

    height: int
    width: int
    stroke: int


FACES = (
    Face(40, 21, 6),
    Face(34, 18, 5),
    Face(28, 15, 4),
    Face(24, 12, 3),
    Face(20, 10, 3),
    Face(16, 8, 2),
)
Point = tuple[float, float]
Stroke = list[Point]


def arc(centre: Point, radius: float, start: float, end: float) -> Stroke:
    """Points of an arc; angles in quarter turns, 0 = right, 1 = down."""
    steps = 24
    angles = [(start + (end - start) * i / steps) * pi / 2 for i in range(steps + 1)]
    return [(centre[0] + radius * cos(a), centre[1] + radius * sin(a)) for a in angles]


class Pen:
    """The strokes of each character inside one face; coordinates on the middle of the stroke."""

    def __init__(self, face: Face) -> None:
        self.face = face
        half = face.stroke / 2
        self.left, self.right = half, face.width - half
        self.top, self.bottom = half, face.height - half
        self.radius = (self.right - self.left) * 0.42
        self.middle = round((face.height - face.stroke) / 2) + half

    def corner(self, which: int, top: float, bottom: float) -> Stroke:
        """A rounded corner, clockwise: 0 = top left, 1 = top right, 2 = bottom right, 3 = left."""
        r = self.radius
        x = self.left + r if which in {0, 3} else self.right - r
        y = top + r if which in {0, 1} else bottom - r
        return arc((x, y), r, which + 2, which + 3)

    def loop(self, top: float, bottom: float) -> Stroke:
        """A closed rounded box."""
        points = [p for which in range(4) for p in self.corner(which, top, bottom)]
        return [*points, points[0]]

    def strokes(self, char: str) -> list[Stroke]:
        """Return the character's strokes."""
        return {
            "0": self.zero,
            "1": self.one,
            "2": self.two,
            "3": self.three,
            "4": self.four,
            "5": self.five,
            "6": self.six,
            "7": self.seven,
            "8": self.eight,
            "9": self.nine,
            "¥": self.yuan,
            "-": self.minus,
        }[char]()

    def zero(self) -> list[Stroke]:
        """One long loop."""
        return [self.loop(self.top, self.bottom)]

    def one(self) -> list[Stroke]:
        """A stem with a flag and a foot, so that it is never taken for a bar."""
        x = round((self.left + self.right) / 2 - self.face.stroke / 2) + self.face.stroke / 2
        flag = (self.left + 0.5, self.top + self.face.height * 0.17)
        return [
            [flag, (x, self.top), (x, self.bottom)],
            [(self.left, self.bottom), (self.right, self.bottom)],
        ]

    def two(self) -> list[Stroke]:
        """A bow, a slope and a foot."""
        bow = self.corner(0, self.top, self.bottom) + self.corner(1, self.top, self.bottom)
        knee = (self.right, self.top + self.radius + self.face.height * 0.08)
        return [[*bow, knee, (self.left, self.bottom), (self.right, self.bottom)]]

    def three(self) -> list[Stroke]:
        """Two bows."""
        t, m, b = self.top, self.middle, self.bottom
        upper = [*self.corner(0, t, m), *self.corner(1, t, m), *self.corner(2, t, m)]
        lower = [*self.corner(1, m, b), *self.corner(2, m, b), *self.corner(3, m, b)]
        return [[*upper, (self.left + self.radius, m)], [(self.left + self.radius, m), *lower]]

    def four(self) -> list[Stroke]:
        """A slope, a bar and a stem."""
        stem = self.right - round(self.face.width * 0.2)
        bar = round(self.face.height * 0.68) + self.face.stroke / 2 % 1
        return [
            [(stem, self.top), (self.left, bar), (self.right, bar)],
            [(stem, self.face.height * 0.4), (stem, self.bottom)],
        ]

    def five(self) -> list[Stroke]:
        """A roof, a stem and a bow."""
        m = self.middle - round(self.face.height * 0.06)
        bow = self.corner(1, m, self.bottom) + self.corner(2, m, self.bottom)
        roof = [(self.right, self.top), (self.left, self.top), (self.left, m)]
        return [[*roof, *bow, *self.corner(3, m, self.bottom)]]

    def six(self) -> list[Stroke]:
        """A low loop under a tall left side."""
        m = self.middle - round(self.face.height * 0.06)
        side = [(self.left, self.bottom - self.radius), *self.corner(0, self.top, self.bottom)]
        return [self.loop(m, self.bottom), side + self.corner(1, self.top, self.bottom)]

    def seven(self) -> list[Stroke]:
        """A roof and a slope."""
        foot = (self.left + (self.right - self.left) * 0.3, self.bottom)
        return [[(self.left, self.top), (self.right, self.top), foot]]

    def eight(self) -> list[Stroke]:
        """Two loops."""
        return [self.loop(self.top, self.middle), self.loop(self.middle, self.bottom)]

    def nine(self) -> list[Stroke]:
        """A six, turned."""
        turn = (self.face.width, self.face.height)
        return [[(turn[0] - x, turn[1] - y) for x, y in stroke] for stroke in self.six()]

    def yuan(self) -> list[Stroke]:
        """A Y with two bars."""
        x = (self.left + self.right) / 2
        fork = self.face.height * 0.45
        step = round(self.face.height * 0.18)
        bar = round(self.face.height * 0.52) + self.face.stroke / 2 % 1
        bars = [[(self.left, y), (self.right, y)] for y in (bar, bar + step)]
        return [
            [(self.left, self.top), (x, fork), (self.right, self.top)],
            [(x, fork), (x, self.bottom)],
            *bars,
        ]

    def minus(self) -> list[Stroke]:
        """One bar."""
        return [[(self.left, self.middle), (self.right, self.middle)]]


def draw(face: Face, char: str) -> Image.Image:
    """Return one character."""
    if char == ".":
        return _dot(face)
    large = Image.new("L", (face.width * ENLARGE, face.height * ENLARGE))
    pen = ImageDraw.Draw(large)
    radius = face.stroke * ENLARGE / 2
    for stroke in Pen(face).strokes(char):
        points = [(x * ENLARGE, y * ENLARGE) for x, y in stroke]
        pen.line(points, fill=255, width=face.stroke * ENLARGE)
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    small = large.resize((face.width, face.height), Image.Resampling.BOX)
    return small.point(lambda value: 255 if value >= HALF_COVERED else 0).convert("1")


def _dot(face: Face) -> Image.Image:
    image = Image.new("1", (face.stroke + 1, face.height))
    side = face.stroke + 1
    image.paste(1, (0, face.height - side, side, face.height))
    return image


def rows(image: Image.Image) -> str:
    """Return the picture as lines of `#` and `.`."""
    cells = "".join(
        "#" if image.getpixel((x, y)) else "."
        for y in range(image.height)
        for x in range(image.width)
    )
    return "\n".join(cells[i : i + image.width] for i in range(0, len(cells), image.width))


def whole() -> str:
    """Return the whole file."""
    chars = "0123456789.-¥"
    blocks = [
        f"{face.height} {char}\n{rows(draw(face, char))}\n" for face in FACES for char in chars
    ]
    return "\n".join(blocks)


if __name__ == "__main__":
    TARGET.write_text(whole(), encoding="utf-8")
