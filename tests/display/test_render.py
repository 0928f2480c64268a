from dataclasses import fields
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from device.display import narrow, wide
from device.display.notices import KINDS
from device.display.render import drawn, render
from device.display.sheet import EXAMPLES, cut, places, sheet, sheets, write
from device.display.texts import NOTICES
from device.domain.screens import (
    AmountDue,
    AskingProvider,
    DeclinedScreen,
    GivingBack,
    Hint,
    Idle,
    NotPaidScreen,
    PaidScreen,
    Password,
    Paying,
    Screen,
)
from device.domain.words import Reason, Wallet

SHEETS = Path(__file__).parents[2] / "docs" / "screens"
MOST_TOLD = 3  # differences a failure shows
SIZE, WIDE = (128, 64), (256, 64)
SIZES = [SIZE, WIDE]
LARGEST_FEN = 5_000_000  # [limits] max_amount_fen


def rows(image: Image.Image) -> list[str]:
    return [
        "".join("#" if image.getpixel((x, y)) else "." for x in range(image.width))
        for y in range(image.height)
    ]


def difference(expected: Image.Image, actual: Image.Image) -> str:
    """The rows that differ: `+` is lit now and was not, `-` was lit and is not."""
    marks = {("#", "#"): "#", (".", "."): ".", (".", "#"): "+", ("#", "."): "-"}
    pairs = enumerate(zip(rows(expected), rows(actual), strict=True))
    return "\n".join(
        f"{y:2} " + "".join(marks[pair] for pair in zip(old, new, strict=True))
        for y, (old, new) in pairs
        if old != new
    )


@pytest.mark.parametrize("name", sheets())
def test_every_screen_looks_as_on_its_stored_sheet(name: str) -> None:
    language, size = sheets()[name]
    with Image.open(SHEETS / name) as stored:
        page = stored.convert("RGB")
    changed = {}
    for screen, corner in places(size):
        expected = cut(page, corner, size)
        actual = render(EXAMPLES[screen], *size, language)
        if expected.tobytes() != actual.tobytes():
            changed[screen] = difference(expected, actual)
    told = "\n".join(f"{screen}\n{rows}" for screen, rows in list(changed.items())[:MOST_TOLD])
    assert not changed, f"{name}: {', '.join(changed)} (make screens)\n{told}"
    assert page.tobytes() == sheet(language, size).convert("RGB").tobytes(), "make screens"


def test_there_is_a_sheet_for_each_language_and_size_and_no_other() -> None:
    assert {path.name for path in SHEETS.glob("*.png")} == set(sheets())


def test_make_screens_draws_the_sheets(tmp_path: Path) -> None:
    write(tmp_path / "screens")
    drawn_now = {path.name for path in (tmp_path / "screens").glob("*.png")}
    assert drawn_now == set(sheets())
    assert {path.stem for path in (tmp_path / "screens" / "each").iterdir()} == set(EXAMPLES)


def test_a_difference_is_told_in_points() -> None:
    one, other = Image.new("1", (4, 2)), Image.new("1", (4, 2))
    one.putpixel((0, 1), 1)
    other.putpixel((2, 1), 1)
    assert difference(one, other) == " 1 -.+."


def test_every_screen_of_the_domain_has_an_example() -> None:
    assert {type(screen) for screen in EXAMPLES.values()} == set(get_args(Screen))


@pytest.mark.parametrize("layout", [narrow, wide])
def test_every_screen_is_a_notice_or_drawn_by_both_layouts(layout: ModuleType) -> None:
    own = set(layout.OWN)
    assert own | set(KINDS) | set(NOTICES) == set(get_args(Screen))
    assert own == set(narrow.OWN)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_of_ours_overflows_or_is_missing_in_the_font(
    name: str, language: str, size: tuple[int, int]
) -> None:
    assert drawn(EXAMPLES[name], *size, language).notes == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("screen", [s for s in EXAMPLES.values() if getattr(s, "amount_fen", 0)])
def test_the_largest_amount_fits_on_every_screen(
    screen: Screen, language: str, size: tuple[int, int]
) -> None:
    values = {f.name: getattr(screen, f.name) for f in fields(screen)}
    largest = type(screen)(**{**values, "amount_fen": LARGEST_FEN})
    assert drawn(largest, *size, language).notes == []


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("fen", [1, LARGEST_FEN])
def test_every_reason_fits(reason: Reason, language: str, fen: int) -> None:
    screens: tuple[Screen, ...] = (
        DeclinedScreen(fen, reason, retry=True),
        DeclinedScreen(fen, reason, retry=False),
        NotPaidScreen(fen, reason),
    )
    for screen, size in product(screens, SIZES):
        assert drawn(screen, *size, language).notes == []


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("hint", Hint)
def test_every_hint_fits(hint: Hint, language: str) -> None:
    for size in SIZES:
        assert drawn(AmountDue(LARGEST_FEN, "", hint=hint), *size, language).notes == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", [s for s in EXAMPLES.values() if getattr(s, "amount_fen", 0)])
def test_the_amount_is_on_every_screen_that_has_one(screen: Screen, size: tuple[int, int]) -> None:
    kind = type(screen)
    values = {f.name: getattr(screen, f.name) for f in fields(screen)}
    other = kind(**{**values, "amount_fen": values["amount_fen"] ^ 1})
    assert render(screen, *size).tobytes() != render(other, *size).tobytes()


@pytest.mark.parametrize("size", SIZES)
def test_success_alone_is_a_white_screen(size: tuple[int, int]) -> None:
    corners = [(x, y) for x in (0, size[0] - 1) for y in (0, size[1] - 1)]
    pictures = ((screen, render(screen, *size)) for screen in EXAMPLES.values())
    white = {type(screen) for screen, image in pictures if all(map(image.getpixel, corners))}
    assert white == {PaidScreen}


def test_on_the_narrow_panel_the_amount_never_moves() -> None:
    screens = (
        AmountDue(12345, "门诊收费", "张*", tuple(Wallet), 87),
        AmountDue(12345, "门诊收费", hint=Hint.SCAN_AGAIN),
        Paying(12345, Wallet.WECHAT),
        AskingProvider(12345, Wallet.WECHAT),
        DeclinedScreen(12345, Reason.DECLINED_BALANCE, retry=True),
        NotPaidScreen(12345, Reason.EXPIRED),
    )
    lower = (0, narrow.AMOUNT_TOP, *SIZE)
    assert len({render(screen, *SIZE).crop(lower).tobytes() for screen in screens}) == 1


@pytest.mark.parametrize("size", SIZES)
def test_no_two_examples_look_the_same(size: tuple[int, int]) -> None:
    assert len({render(screen, *size).tobytes() for screen in EXAMPLES.values()}) == len(EXAMPLES)


@given(
    text=st.text(max_size=40),
    fen=st.integers(1, 10**10),
    seconds=st.none() | st.integers(-5, 10_000),
    size=st.sampled_from([(128, 64), (256, 64), (64, 32), (1, 8)]),
)
def test_no_text_amount_or_panel_makes_drawing_fail(
    text: str, fen: int, seconds: int | None, size: tuple[int, int]
) -> None:
    for screen in (
        AmountDue(fen, text, text, (), seconds),
        AmountDue(fen, text, hint=text),
        Idle(text, text, tuple(Wallet)),
        Password(fen, Wallet.WECHAT, seconds),
        PaidScreen(fen, Wallet.WECHAT),
        GivingBack(fen, Wallet.WECHAT),
    ):
        assert render(screen, *size).size == size


def test_a_text_from_outside_is_no_overflow_of_ours() -> None:
    long = AmountDue(100, "泌尿外科门诊检查治疗费用", "欧阳**")
    assert drawn(long, *SIZE, "zh").notes == []


def test_a_line_break_from_outside_is_a_blank() -> None:
    broken, blank = AmountDue(100, "门诊\n收费"), AmountDue(100, "门诊 收费")
    assert render(broken, *SIZE).tobytes() == render(blank, *SIZE).tobytes()
