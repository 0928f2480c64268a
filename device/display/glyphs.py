"""The fonts: 16-pixel characters (GNU Unifont) and the large digits of amounts.

`fonts/unifont16.bin`, little-endian: magic `PBF1`, count of 8-pixel and of 16-pixel wide glyphs
(two u16), their code points (u16 each, each group rising), then their bitmaps (16 and 32 bytes).
The file is mapped, not read: opening it costs a page, and only the glyphs in use are ever touched.
"""

from bisect import bisect_left
from functools import cache, lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from PIL import Image, ImageChops

FONTS = Path(__file__).with_name("fonts")
HEAD = Struct("<4sHH")
LINE_HEIGHT = 16  # pixels: every character of Unifont
NARROW, WIDE = 8, 16  # pixels
MISSING = "\ufffd"  # a box with a question mark: nothing is left out in silence
ELLIPSIS = "…"
CACHED_GLYPHS = 512  # all our own texts and a few names: about 300 KB at most
LETTER_GAP = 2  # pixels between large digits
INK = bytes.maketrans(b".#", b"\0\xff")


class Font:
    """A mapped font file."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._data = mmap(file.fileno(), 0, access=ACCESS_READ)
        magic, self._narrow, wide = HEAD.unpack_from(self._data)
        assert magic == b"PBF1", "not a font of ours"
        self._count = self._narrow + wide
        self._bitmaps = HEAD.size + 2 * self._count

    def find(self, char: str) -> tuple[int, bytes] | None:
        """Width in pixels and the bitmap (rows from the top, leftmost pixel in the high bit)."""
        code = ord(char)
        for start, end, width in ((0, self._narrow, NARROW), (self._narrow, self._count, WIDE)):
            at = bisect_left(range(self._count), code, start, end, key=self._code)
            if at < end and self._code(at) == code:
                return width, self._bitmap(at)
        return None

    def _code(self, index: int) -> int:
        at = HEAD.size + 2 * index
        return int.from_bytes(self._data[at : at + 2], "little")

    def _bitmap(self, index: int) -> bytes:
        before_wide = min(index, self._narrow)
        at = self._bitmaps + before_wide * 16 + (index - before_wide) * 32
        return self._data[at : at + (16 if index < self._narrow else 32)]


@cache
def unifont() -> Font:
    """Return the font of all texts; opened at the first character."""
    return Font(FONTS / "unifont16.bin")


def known(char: str) -> bool:
    """Whether the font has this character."""
    return unifont().find(char) is not None


@lru_cache(CACHED_GLYPHS)
def glyph(char: str) -> Image.Image:
    """Return one character, 8 or 16 pixels wide, 16 high; the missing box if the font lacks it."""
    found = unifont().find(char) or unifont().find(MISSING)
    assert found is not None, "the font has its missing box"
    width, bitmap = found
    return Image.frombytes("1", (width, LINE_HEIGHT), bitmap)


def text_width(text: str) -> int:
    """Pixels of a line."""
    return sum(glyph(char).width for char in text)


def fitted(text: str, width: int) -> str:
    """Return the text, or as much of its beginning as fits with an ellipsis behind it."""
    if text_width(text) <= width:
        return text
    room = width - text_width(ELLIPSIS)
    kept = ""
    for char in text:
        room -= glyph(char).width
        if room < 0:
            break
        kept += char
    return kept.rstrip() + ELLIPSIS


def wrapped(text: str, width: int, most_lines: int) -> list[str]:
    """Return the text in lines of about equal length, at most so many; the last is fitted."""
    lines = min(most_lines, max(1, -(-text_width(text) // width)))
    each = -(-len(text) // lines)
    cut = [text[i * each : (i + 1) * each] for i in range(lines - 1)]
    return [fitted(line, width) for line in [*cut, text[(lines - 1) * each :]]]


def text_image(text: str) -> Image.Image:
    """Return one line of text."""
    image = Image.new("1", (max(1, text_width(text)), LINE_HEIGHT))
    x = 0
    for char in text:
        image.paste(glyph(char), (x, 0))
        x += glyph(char).width
    return image


def large_text_image(text: str) -> Image.Image:
    """Return one line of text in double size."""
    return doubled(text_image(text))


def doubled(image: Image.Image) -> Image.Image:
    """Return the picture twice as large, with smooth slopes: the Scale2x rule (scale2x.it).

    Each pixel becomes four; a corner takes the colour of its two outer neighbours where those
    agree and the stroke turns there.
    """
    framed = Image.new("1", (image.width + 2, image.height + 2))
    framed.paste(image, (1, 1))
    up, down, left, right = (
        framed.transform(image.size, Image.Transform.AFFINE, (1, 0, 1 + dx, 0, 1, 1 + dy))
        for dx, dy in ((0, -1), (0, 1), (-1, 0), (1, 0))
    )
    large = Image.new("1", (image.width * 2, image.height * 2))
    corners = {
        (0, 0): (up, left, down, right),
        (1, 0): (up, right, down, left),
        (0, 1): (down, left, up, right),
        (1, 1): (down, right, up, left),
    }
    for (x, y), (a, b, opposite_a, opposite_b) in corners.items():
        turns = ImageChops.logical_and(
            ImageChops.logical_and(_equal(a, b), ImageChops.logical_xor(a, opposite_b)),
            ImageChops.logical_xor(b, opposite_a),
        )
        spread = Image.composite(a, image, turns).resize(large.size)
        large.paste(spread, mask=_every_other(large.size, x, y))
    return large


def _equal(one: Image.Image, other: Image.Image) -> Image.Image:
    return ImageChops.invert(ImageChops.logical_xor(one, other))


@lru_cache(CACHED_GLYPHS)
def _every_other(size: tuple[int, int], x: int, y: int) -> Image.Image:
    """Return a mask of every second column from `x` in every second row from `y`."""
    row = bytes(255 * (column % 2 == x) for column in range(size[0]))
    rows = [row if line % 2 == y else bytes(size[0]) for line in range(size[1])]
    return Image.frombytes("L", size, b"".join(rows)).convert("1")


class Digits(NamedTuple):
    """The large digits of one height in pixels."""

    height: int
    glyphs: dict[str, Image.Image]

    def width(self, text: str) -> int:
        """Pixels of an amount."""
        return sum(self.glyphs[char].width for char in text) + LETTER_GAP * (len(text) - 1)

    def image(self, text: str) -> Image.Image:
        """Return an amount such as `¥12.34`."""
        image = Image.new("1", (self.width(text), self.height))
        x = 0
        for char in text:
            image.paste(self.glyphs[char], (x, 0))
            x += self.glyphs[char].width + LETTER_GAP
        return image


@cache
def digit_faces() -> tuple[Digits, ...]:
    """Return the sizes there are, largest first."""
    faces: dict[int, dict[str, Image.Image]] = {}
    for (height, char), image in pictures(FONTS / "digits.txt").items():
        faces.setdefault(height, {})[char] = image
    return tuple(Digits(height, faces[height]) for height in sorted(faces, reverse=True))


def pictures(path: Path) -> dict[tuple[int, str], Image.Image]:
    """Return what a text file of pictures holds, by size in pixels and name."""
    found: dict[tuple[int, str], Image.Image] = {}
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        title, *rows = block.strip().splitlines()
        size, name = title.split()
        found[int(size), name] = _picture(rows)
    return found


def _picture(rows: list[str]) -> Image.Image:
    cells = "".join(rows).encode("ascii").translate(INK)
    return Image.frombytes("L", (len(rows[0]), len(rows)), cells).convert("1")


def amount_image(text: str, width: int, height: int) -> Image.Image | None:
    """Return the amount in the largest digits that fit the space, None if none do."""
    fits = (f for f in digit_faces() if f.height <= height and f.width(text) <= width)
    face = next(fits, None)
    return face.image(text) if face else None
