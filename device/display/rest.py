"""What saves an OLED that shows the same for hours: less light, and never the same pixels.

Each pixel of an OLED ages with the light it gave, so a picture that stands leaves its shadow. After
a minute it is dimmed, and from then on its picture moves a little every minute. A screen with an
amount is somebody's payment and has ten minutes; a doubt may stand for a night while the line is
down.
"""

from PIL import Image

from device.domain.screens import Screen

REST_S = 60.0  # nobody looks at a screen that long unless he waits for something on it
PAYMENT_REST_S = 600.0  # and nobody waits longer than this
PATH = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
REACH = 3  # pixels: as far as a stroke of the large letters is wide, and one more


def steps(screen: Screen, shown_s: float) -> int:
    """How many minutes a screen has rested; 0 while somebody may be looking."""
    begins_s = PAYMENT_REST_S if getattr(screen, "amount_fen", 0) else REST_S
    return max(0, 1 + int((shown_s - begins_s) // REST_S))


def moved(image: Image.Image, step: int) -> Image.Image:
    """Return the picture moved on a small round trip, as far as nothing lit leaves the glass."""
    lit = image.getbbox()
    if step == 0 or lit is None:
        return image
    x, y = PATH[step % len(PATH)]
    left, top, right, bottom = lit
    x = max(-left, min(REACH * x, image.width - right))
    y = max(-top, min(REACH * y, image.height - bottom))
    result = Image.new("1", image.size)
    result.paste(image, (x, y))
    return result
