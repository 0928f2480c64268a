from collections.abc import Iterator

import pytest

from device.display import glyphs, texts
from device.display.fonts import make_icons
from device.display.icons import icon
from device.display.texts import Notice, Phrase
from device.domain.screens import Hint, ProvisioningStage, Refusal
from device.domain.words import Reason, Wallet

BESIDE_AN_ICON, WHOLE_LINE = 96, 128


def phrases_of(value: object) -> Iterator[Phrase]:
    if isinstance(value, Phrase):
        yield value
    elif isinstance(value, Notice):
        yield from (value.first, value.second)
    elif isinstance(value, dict):
        yield from (phrase for part in value.values() for phrase in phrases_of(part))
    elif isinstance(value, tuple):
        yield from (phrase for part in value for phrase in phrases_of(part))


ALL = {p for name, value in vars(texts).items() if name.isupper() for p in phrases_of(value)}


NARROW = {
    *phrases_of(texts.NOTICES),
    *phrases_of(texts.HINTS),
    *phrases_of(texts.REASONS),
    *phrases_of(texts.TRY_AGAIN_BY),
    *phrases_of(texts.OFFLINE_WHY),
    *phrases_of(texts.REFUSALS),
    *phrases_of(texts.PROVISIONING),
    *phrases_of((texts.PASSWORD, texts.REVERSED, texts.REFUNDED)),
    *(texts.TRY_AGAIN, texts.NOT_COLLECTED, texts.CALL_CASHIER),
}


def test_every_reason_and_every_hint_has_words() -> None:
    assert set(texts.REASONS) == set(Reason)
    assert set(texts.HINTS) == set(Hint)
    assert set(texts.REFUSALS) == set(Refusal)
    assert set(texts.PROVISIONING) == set(ProvisioningStage)
    assert set(texts.WALLETS) == set(texts.WALLET_LINE) == set(Wallet)


LARGE_IN_TWO = 48
BLOCKS = {*phrases_of(texts.SHOW_CODE_IN_TWO), *phrases_of(texts.SHOW_WALLET_CODE_IN_TWO)}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_text_fits_its_line(language: str) -> None:
    wide = [p.said(language) for p in NARROW if _width(p, language) > BESIDE_AN_ICON]
    assert wide == []
    assert [p for p in BLOCKS if _width(p, language) > LARGE_IN_TWO] == []
    assert [p for p in ALL if _width(p, language) > WHOLE_LINE] == []


def _width(phrase: Phrase, language: str) -> int:
    return glyphs.text_width(phrase.said(language))


def test_every_character_of_our_texts_is_in_the_font() -> None:
    chars = {char for phrase in ALL for text in phrase for char in text}
    assert [char for char in chars if not glyphs.known(char)] == []


def test_only_the_paid_text_says_success() -> None:
    assert [p for p in ALL if "成功" in p.zh.replace("未成功", "")] == [texts.PAID]


def test_no_two_icons_look_alike() -> None:
    for size in make_icons.SIZES:
        pictures = {icon(name, size).tobytes() for name in make_icons.DRAWINGS}
        assert len(pictures) == len(make_icons.DRAWINGS)
        assert all(any(picture) for picture in pictures)


def test_the_icons_are_what_their_program_draws() -> None:
    assert make_icons.TARGET.read_text(encoding="utf-8") == make_icons.whole()
