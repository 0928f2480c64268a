import time

import pytest
from PIL import Image

from device.display import glyphs
from device.display.fonts import make_digits
from device.display.glyphs import FONTS, MISSING, Font


def drawn(char: str) -> bytes:
    return glyphs.glyph(char).tobytes()


def test_every_character_the_his_can_send_in_gb2312_has_a_picture() -> None:
    rows = (bytes((a, b)) for a in range(0xB0, 0xF8) for b in range(0xA1, 0xFF))
    chars = [row.decode("gb2312", "ignore") for row in rows]
    assert sum(map(len, chars)) == 6763
    assert all(glyphs.known(char) for char in "".join(chars))


def test_names_outside_gb2312_have_their_characters_too() -> None:
    assert all(glyphs.known(char) for char in "喆堃镕珺昇祎玥")


def test_ascii_is_narrow_and_chinese_wide() -> None:
    assert glyphs.glyph("A").size == (8, 16)
    assert glyphs.glyph("请").size == (16, 16)


def test_a_character_the_font_lacks_is_drawn_as_the_missing_box() -> None:
    assert not glyphs.known("\U0001f600")
    assert drawn("\U0001f600") == drawn(MISSING)
    assert drawn("A") != drawn(MISSING)


def test_the_last_glyph_of_each_width_is_found() -> None:
    font = Font(FONTS / "unifont16.bin")
    assert font.find("\uffe5") is not None
    assert font.find("\uffff") is None


def test_opening_the_font_takes_less_than_twenty_milliseconds() -> None:
    best = min(_opening_s() for _ in range(5))
    assert best < 0.020


def _opening_s() -> float:
    start = time.perf_counter()
    Font(FONTS / "unifont16.bin").find("请")
    return time.perf_counter() - start


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("门诊收费", 64, "门诊收费"),
        ("门诊收费", 63, "门诊收…"),
        ("A门诊", 39, "A门…"),
        ("门诊 收费", 48, "门诊…"),
        ("门诊", 4, "…"),
        ("", 0, ""),
    ],
)
def test_a_long_text_is_cut_between_characters(text: str, width: int, shown: str) -> None:
    assert glyphs.fitted(text, width) == shown


def test_a_long_name_is_broken_into_lines_of_like_length() -> None:
    assert glyphs.wrapped("海州市第一人民医院", 128, 2) == ["海州市第一", "人民医院"]
    assert glyphs.wrapped("市一医院", 128, 2) == ["市一医院"]
    assert glyphs.wrapped("医" * 30, 128, 2)[1].endswith("…")


def test_the_largest_digits_that_fit_are_taken() -> None:
    sizes = {width: glyphs.amount_image("¥123.45", width, 30) for width in (128, 100, 80, 70, 10)}
    assert [image and image.height for image in sizes.values()] == [28, 24, 20, 16, None]


def test_an_amount_never_hangs_over_its_box() -> None:
    for text in ("¥0.01", "¥9999.99", "¥50000.00", "¥99999999.99"):
        image = glyphs.amount_image(text, 128, 30)
        assert image is None or image.width <= 128


def test_doubled_letters_keep_straight_strokes_and_get_smooth_slopes() -> None:
    slope = Image.new("1", (3, 3))
    for at in range(3):
        slope.putpixel((at, at), 1)
    rows = [
        "".join("#" if glyphs.doubled(slope).getpixel((x, y)) else "." for x in range(6))
        for y in range(6)
    ]
    assert rows == ["##....", "###...", ".###..", "..###.", "...###", "....##"]
    bar = Image.new("1", (3, 2))
    bar.paste(1, (0, 0, 3, 1))
    assert glyphs.doubled(bar).tobytes() == bar.resize((6, 4)).tobytes()


def test_the_digits_are_what_their_program_draws() -> None:
    assert make_digits.TARGET.read_text(encoding="utf-8") == make_digits.whole()
