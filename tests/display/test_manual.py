"""The cashier's manual shows every screen as it is, and says what each light and sound means."""

import re
from pathlib import Path

import pytest
from PIL import Image

from device.display import narrow
from device.display.notices import said
from device.display.sheet import EXAMPLES, picture
from device.domain.screens import Provisioning, Signal
from device.drivers.signals import SAYINGS

DOCS = Path(__file__).parents[2] / "docs"
PICTURE = re.compile(r"!\[([^\]]+)\]\(screens/each/([a-z-]+)\.png\) \| ([^|]*) \|")
MANUAL = (DOCS / "cashier.zh.md").read_text(encoding="utf-8")
ENGLISH = (DOCS / "cashier.en.md").read_text(encoding="utf-8")
PICTURES = [name for _, name, _ in PICTURE.findall(MANUAL)]
FOR_TECHNICIANS = {Provisioning}


def test_every_kind_of_screen_is_in_the_manual() -> None:
    shown = {type(EXAMPLES[name]) for name in PICTURES}
    assert shown == {type(screen) for screen in EXAMPLES.values()} - FOR_TECHNICIANS


def test_the_english_manual_has_the_same_pictures() -> None:
    assert [name for _, name, _ in PICTURE.findall(ENGLISH)] == PICTURES


@pytest.mark.parametrize(("name", "words"), [row[1:] for row in PICTURE.findall(ENGLISH)])
def test_the_english_manual_quotes_what_an_english_box_says(name: str, words: str) -> None:
    screen = EXAMPLES[name]
    if type(screen) in narrow.OWN and not getattr(screen, "hint", ""):
        return  # no notice: its words stand between wallets, amounts, addresses
    assert said(screen, "en").first in words


@pytest.mark.parametrize("name", EXAMPLES)
def test_its_pictures_are_the_present_ones(name: str) -> None:
    with Image.open(DOCS / "screens" / "each" / f"{name}.png") as stored:
        same = stored.convert("1").tobytes() == picture(EXAMPLES[name]).tobytes()
    assert same, "make screens"


def test_there_is_no_picture_of_a_screen_that_is_gone() -> None:
    assert {path.stem for path in (DOCS / "screens" / "each").iterdir()} == set(EXAMPLES)


@pytest.mark.parametrize("signal", Signal)
def test_every_light_and_sound_has_its_row(signal: Signal) -> None:
    assert f"| {SAYINGS[signal]} |" in MANUAL
