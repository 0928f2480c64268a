"""Draws a screen: a pure function from meaning to pixels (architecture §2).

What a screen says stands in `texts` and `notices`; where it stands on the glass in `narrow`
(128 by 64 pixels) and `wide` (256 by 64).
"""

from PIL import Image

from device.display import narrow, wide
from device.display.canvas import Canvas
from device.display.notices import said
from device.domain.screens import Screen

WIDE = 256  # pixels


def render(screen: Screen, width: int, height: int, language: str = "zh") -> Image.Image:
    """Return the picture of a screen, mode `1`, white on black. Never fails for any text."""
    return drawn(screen, width, height, language).image


def drawn(screen: Screen, width: int, height: int, language: str) -> Canvas:
    """Return the picture and what did not fit."""
    canvas = Canvas(width, height)
    layout = wide if width >= WIDE else narrow
    own = layout.OWN.get(type(screen))
    if own and not getattr(screen, "hint", ""):
        own(canvas, screen, language)
    else:
        layout.notice(canvas, said(screen, language))
    return canvas
