"""Make the README's picture of the demo page from a test's screenshot: `make pictures`."""

import sys
from pathlib import Path

from PIL import Image

TARGET = Path(__file__).parent / "pictures" / "desk.png"
SEEN = 0.5  # of the page's height: the desk, without the sequence below it
WIDTH = 1080
COLOURS = 96  # enough for a drawing, and a third of the bytes


def main(screenshot: Path) -> None:
    """Cut, scale and store it."""
    with Image.open(screenshot) as page:
        upper = page.convert("RGB").crop((0, 0, page.width, round(page.height * SEEN)))
    small = upper.resize((WIDTH, round(upper.height * WIDTH / upper.width)))
    TARGET.parent.mkdir(exist_ok=True)
    small.quantize(COLOURS, dither=Image.Dither.NONE).save(TARGET, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
