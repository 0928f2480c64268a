"""The signs by which a screen is told apart at a glance: white on black.

They are drawn ahead (`fonts/make_icons.py`): drawing them in the box would load a font renderer of
two megabytes, and take the interpreter for milliseconds when a sign is first shown.
"""

from functools import cache

from PIL import Image

from device.display.glyphs import FONTS, pictures


@cache
def icons() -> dict[tuple[int, str], Image.Image]:
    """Return every icon by its size in pixels and its name; read at the first that is shown."""
    return pictures(FONTS / "icons.txt")


def icon(name: str, size: int) -> Image.Image:
    """Return one icon, `size` pixels square; KeyError if there is none of that name and size."""
    return icons()[size, name]
