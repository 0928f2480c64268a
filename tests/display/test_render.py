from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from device.display.render import DRAWINGS, drawn, render
from device.display.sheet import EXAMPLES, sheet
from device.domain.screens import (
    AmountDue,
    DeclinedScreen,
    GivingBack,
    Hint,
    Idle,
    NotPaidScreen,
    PaidScreen,
    Password,
    Screen,
)
from device.domain.words import Reason, Wallet

GOLDEN = Path(__file__).parents[1] / "golden" / "zh-128x64"
SHEET = Path(__file__).parents[2] / "docs" / "screens" / "zh-128x64.png"
SIZE = (128, 64)
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


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_screen_looks_as_its_stored_picture(name: str) -> None:
    actual = render(EXAMPLES[name], *SIZE)
    with Image.open(GOLDEN / f"{name}.png") as stored:
        expected = stored.convert("1")
    assert actual.size == expected.size
    changed = difference(expected, actual)
    assert not changed, f"{name} (python -m device.display.sheet {GOLDEN})\n{changed}"


def test_there_is_no_stored_picture_without_a_screen() -> None:
    assert {path.stem for path in GOLDEN.glob("*.png")} == set(EXAMPLES)


def test_every_screen_of_the_domain_is_drawn_and_has_an_example() -> None:
    assert set(DRAWINGS) == set(get_args(Screen))
    assert {type(screen) for screen in EXAMPLES.values()} == set(get_args(Screen))


@pytest.mark.parametrize("size", [(128, 64), (256, 64)])
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_of_ours_overflows_or_is_missing_in_the_font(
    name: str, language: str, size: tuple[int, int]
) -> None:
    assert drawn(EXAMPLES[name], *size, language).notes == []


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("fen", [1, LARGEST_FEN])
def test_every_reason_fits(reason: Reason, language: str, fen: int) -> None:
    for screen in (
        DeclinedScreen(fen, reason, retry=True),
        DeclinedScreen(fen, reason, retry=False),
        NotPaidScreen(fen, reason),
    ):
        assert drawn(screen, *SIZE, language).notes == []


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("hint", Hint)
def test_every_hint_fits(hint: Hint, language: str) -> None:
    assert drawn(AmountDue(LARGEST_FEN, "", hint=hint), *SIZE, language).notes == []


@pytest.mark.parametrize("screen", [s for s in EXAMPLES.values() if getattr(s, "amount_fen", 0)])
def test_the_amount_is_on_every_screen_that_has_one(screen: Screen) -> None:
    kind = type(screen)
    values = {f.name: getattr(screen, f.name) for f in fields(screen)}
    other = kind(**{**values, "amount_fen": values["amount_fen"] ^ 1})
    assert render(screen, *SIZE).tobytes() != render(other, *SIZE).tobytes()


def test_success_alone_is_a_white_screen() -> None:
    corners = [(x, y) for x in (0, SIZE[0] - 1) for y in (0, SIZE[1] - 1)]
    pictures = ((screen, render(screen, *SIZE)) for screen in EXAMPLES.values())
    white = {type(screen) for screen, image in pictures if all(map(image.getpixel, corners))}
    assert white == {PaidScreen}


def test_no_two_examples_look_the_same() -> None:
    assert len({render(screen, *SIZE).tobytes() for screen in EXAMPLES.values()}) == len(EXAMPLES)


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


def test_the_sheet_in_the_docs_is_the_present_one() -> None:
    with Image.open(SHEET) as stored:
        same = stored.tobytes() == sheet(*SIZE).tobytes()
    assert same, f"python -m device.display.sheet {SHEET}"
