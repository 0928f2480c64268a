"""Make `unifont16.bin` from the Debian package `fonts-unifont`.

Run `python -m device.display.fonts.make_unifont [unifont.otf]` on a development machine; the
result is committed. `glyphs.py` says how the file is laid out.
"""

import sys
from pathlib import Path
from struct import pack

from PIL import Image, ImageDraw, ImageFont

SOURCE = Path("/usr/share/fonts/opentype/unifont/unifont.otf")
TARGET = Path(__file__).with_name("unifont16.bin")
HEIGHT = 16
NARROW, WIDE = 8, 16


def code_points() -> list[int]:
    """ASCII, what GBK can say (the HIS may send any of it), the yen sign and the missing box."""
    return [*range(0x20, 0x7F), *filter(_in_gbk, range(0xA0, 0xE000)), 0xA5, 0xFFFD]


def _in_gbk(code: int) -> bool:
    try:
        chr(code).encode("gbk")
    except UnicodeEncodeError:
        return False
    return True


def bitmap(font: ImageFont.FreeTypeFont, char: str) -> bytes:
    """Rows from the top, each byte eight pixels, the leftmost in the highest bit."""
    width = NARROW if font.getlength(char) <= NARROW else WIDE
    image = Image.new("1", (width, HEIGHT))
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    draw.text((0, 0), char, font=font, fill=1)
    return image.tobytes()


def build(source: Path) -> bytes:
    """Return the whole file."""
    font = ImageFont.truetype(str(source), HEIGHT)
    codes = sorted({*code_points(), *filter(_in_gbk, range(0xFF00, 0xFFF0))})
    glyphs = {code: bitmap(font, chr(code)) for code in codes}
    parts = [{c: g for c, g in glyphs.items() if len(g) == w * 2} for w in (NARROW, WIDE)]
    head = pack("<4sHH", b"PBF1", len(parts[0]), len(parts[1]))
    index = b"".join(pack("<H", code) for part in parts for code in part)
    return head + index + b"".join(glyph for part in parts for glyph in part.values())


if __name__ == "__main__":
    TARGET.write_bytes(build(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE))
