"""A one-bit picture being drawn: text, amounts and icons placed in boxes.

Texts of our own must fit: a `Canvas` notes each one that did not, and each character that the font
lacks, and the tests demand that the notes are empty. On the box the text is shortened or the
missing box drawn; a picture never fails.
"""

from dataclasses import dataclass, field

from PIL import Image

from device.display import glyphs
from device.display.glyphs import LINE_HEIGHT

CHIP_GAP = 8  # pixels


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

    def text(self, text: str, x: int, y: int, width: int, align: str = "centre") -> None:
        """Write one of our own lines into `width` pixels, `left`, `centre` or `right`."""
        if glyphs.text_width(text) > width:
            self.notes.append(f"{text!r} is wider than {width}")
        self.notes.extend(f"{char!r} is not in the font" for char in text if not glyphs.known(char))
        self.foreign(text, x, y, width, align)

    def foreign(self, text: str, x: int, y: int, width: int, align: str = "centre") -> None:
        """Write a line that came from outside (title, name): shortened with an ellipsis."""
        shown = glyphs.fitted("".join(c if c.isprintable() else " " for c in text), width)
        room = width - glyphs.text_width(shown)
        indent = {"left": 0, "centre": room // 2, "right": room}[align]
        self.image.paste(glyphs.text_image(shown), (x + indent, y))

    def large_text(self, text: str, y: int) -> None:
        """Write one of our own lines in double size, centred."""
        image = glyphs.text_image(text, scale=2)
        self.put(image, (self.width - image.width) // 2, y)

    def amount(self, text: str, box: tuple[int, int, int, int]) -> int:
        """Write an amount in the largest digits that fit the box, centred in it.

        `box` is left, top, width, height in pixels. Returns the width taken. An amount that does
        not fit in any digits is written in plain characters: it is never cut.
        """
        left, top, width, height = box
        image = glyphs.amount_image(text, width, height)
        if image is None:
            image = glyphs.text_image(text)
            self.notes.append(f"amount does not fit {width} by {height}")
        self.put(image, left + (width - image.width) // 2, top + (height - image.height) // 2)
        return image.width

    def invert(self, top: int, bottom: int) -> None:
        """Turn the rows from `top` to before `bottom` black on white."""
        if top >= bottom:  # a panel too low to have these rows
            return
        band = self.image.crop((0, top, self.width, bottom))
        self.image.paste(1, (0, top, self.width, bottom))
        self.image.paste(0, (0, top), band)

    def chips(self, words: list[str], y: int) -> None:
        """Write words in a row, each black on white with rounded corners."""
        chips = [_chip(word) for word in words]
        x = (self.width - sum(c.width for c in chips) - CHIP_GAP * (len(chips) - 1)) // 2
        for chip in chips:
            self.put(chip, x, y)
            x += chip.width + CHIP_GAP


def _chip(text: str) -> Image.Image:
    word = glyphs.text_image(text)
    chip = Image.new("1", (word.width + 4, LINE_HEIGHT), 1)
    chip.paste(0, (2, 0), word)
    for corner in ((0, 0), (chip.width - 1, 0), (0, 15), (chip.width - 1, 15)):
        chip.putpixel(corner, 0)
    return chip
