"""A one-bit picture being drawn: text, amounts and icons placed in boxes.

Texts of our own must fit: a `Canvas` notes each one that did not, and each character that the font
lacks, and the tests demand that the notes are empty. On the box the text is shortened or the
missing box drawn; a picture never fails.
"""

from dataclasses import dataclass, field

from PIL import Image, ImageChops

from device.display import glyphs
from device.display.glyphs import LINE_HEIGHT
from device.domain.money import format_yuan

CHIP_GAP, CHIP_EDGE, CHIP_HEIGHT = 6, 4, 18  # pixels between chips, beside the word, of the whole
LARGE = 2  # times the size of a line of text
MOST_SECONDS = 999  # three digits; the longest ttl is 300 s
Box = tuple[int, int, int, int]
"""left, top, width, height in pixels"""


def yuan(fen: int) -> str:
    """Return the amount as it stands on the glass."""
    return f"¥{format_yuan(fen)}"


@dataclass(slots=True)
class Canvas:
    """A picture of `width` by `height` pixels, black at first."""

    width: int
    height: int
    image: Image.Image = field(init=False)
    notes: list[str] = field(default_factory=list)
    """What did not fit or could not be drawn; empty for every text of our own."""

    def __post_init__(self) -> None:
        self.image = Image.new("1", (self.width, self.height))

    def put(self, image: Image.Image, x: int, y: int) -> None:
        """Place a picture; what hangs over the edge is noted and cut."""
        if x < 0 or y < 0 or x + image.width > self.width or y + image.height > self.height:
            self.notes.append(f"picture at {x},{y} size {image.size} leaves the panel")
        self.image.paste(image, (x, y))

    def text(self, text: str, x: int, y: int, width: int, align: str = "left") -> None:
        """Write one of our own lines into `width` pixels, `left`, `centre` or `right`."""
        self._check(text, glyphs.text_width(text), width)
        self.foreign(text, x, y, width, align)

    def foreign(self, text: str, x: int, y: int, width: int, align: str = "left") -> None:
        """Write a line that came from outside (title, name): shortened with an ellipsis."""
        shown = glyphs.fitted(printable(text), width)
        room = width - glyphs.text_width(shown)
        indent = {"left": 0, "centre": room // 2, "right": room}[align]
        self.image.paste(glyphs.text_image(shown), (x + indent, y))

    def heading(self, text: str, x: int, y: int, width: int) -> None:
        """Write one of our own lines in double size; in single size if it is too long."""
        if LARGE * glyphs.text_width(text) <= width:
            self._check(text, 0, width)
            self.put(glyphs.large_text_image(text), x, y)
        else:
            self.text(text, x, y + LINE_HEIGHT // 2, width)

    def _check(self, text: str, taken: int, width: int) -> None:
        if taken > width:
            self.notes.append(f"{text!r} is wider than {width}")
        self.notes.extend(f"{char!r} is not in the font" for char in text if not glyphs.known(char))

    def amount(self, fen: int, box: Box, align: str = "centre") -> None:
        """Write an amount in the largest digits that fit the box, at its middle height.

        One that does not fit in any digits is written in plain characters: it is never cut.
        """
        left, top, width, height = box
        image = glyphs.amount_image(yuan(fen), width, height)
        if image is None:
            image = glyphs.text_image(yuan(fen))
            self.notes.append(f"amount does not fit {width} by {height}")
        room = width - image.width
        indent = {"left": 0, "centre": room // 2, "right": room}[align]
        self.put(image, left + indent, top + (height - image.height) // 2)

    def seconds(self, left: int | None, x: int, y: int, width: int, room: int) -> int:
        """Write what is left of the time at the right end, if `room` pixels are enough for it.

        Returns the pixels taken.
        """
        text = "" if left is None else str(max(0, min(left, MOST_SECONDS)))
        taken = glyphs.text_width(text)
        if taken > room:
            return 0
        self.text(text, x, y, width, "right")
        return taken

    def invert(self, left: int, top: int, right: int, bottom: int) -> None:
        """Turn the pixels from `left`, `top` to before `right`, `bottom` black on white."""
        if left >= right or top >= bottom:  # a panel too small to have these
            return
        band = self.image.crop((left, top, right, bottom))
        self.image.paste(ImageChops.invert(band), (left, top))

    def chips(self, words: list[str], x: int, y: int, width: int, align: str = "left") -> None:
        """Write words in a row, each black on white with rounded corners."""
        chips = [_chip(word) for word in words]
        room = width - sum(c.width for c in chips) - CHIP_GAP * (len(chips) - 1)
        x += {"left": 0, "centre": room // 2, "right": room}[align]
        for chip in chips:
            self.put(chip, x, y)
            x += chip.width + CHIP_GAP


def printable(text: str) -> str:
    """Return a text from outside in one line."""
    return "".join(c if c.isprintable() else " " for c in text)


def _chip(text: str) -> Image.Image:
    word = glyphs.text_image(text)
    chip = Image.new("1", (word.width + 2 * CHIP_EDGE, CHIP_HEIGHT), 1)
    chip.paste(0, (CHIP_EDGE, 1), word)
    right, bottom = chip.width - 1, chip.height - 1
    for x, y in ((0, 0), (1, 0), (0, 1)):
        for corner in ((x, y), (right - x, y), (x, bottom - y), (right - x, bottom - y)):
            chip.putpixel(corner, 0)
    return chip
