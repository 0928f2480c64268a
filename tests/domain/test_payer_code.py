"""Which codes are money, and what the patient is told about the others."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.payer_code import PayerCode, classify, is_id_card
from device.domain.screens import Hint
from device.domain.words import Wallet

TODAY = date(2026, 11, 22)
CARD = "11010519491231002X"  # the example of GB 11643-1999
CARD_DIGITS = "110105194912310038"  # the same person's neighbour: check digit 8


def seen(text: str, *, cards: bool = False) -> Wallet | Hint:
    told = classify(text, refuse_id_cards=cards, today=TODAY)
    return told.wallet if isinstance(told, PayerCode) else told


@pytest.mark.parametrize("prefix", range(10, 16))
def test_wechat_codes_have_18_digits_and_begin_with_10_to_15(prefix: int) -> None:
    assert seen(f"{prefix}{'7' * 16}") is Wallet.WECHAT


@pytest.mark.parametrize("prefix", range(25, 31))
@pytest.mark.parametrize("length", range(16, 25))
def test_alipay_codes_have_16_to_24_digits_and_begin_with_25_to_30(
    prefix: int, length: int
) -> None:
    assert seen(f"{prefix}{'7' * (length - 2)}") is Wallet.ALIPAY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "09" + "7" * 16,
        "16" + "7" * 16,
        "13" + "7" * 15,
        "13" + "7" * 17,
        "24" + "7" * 16,
        "31" + "7" * 16,
        "28" + "7" * 13,
        "28" + "7" * 23,
        "13" + "7" * 15 + "\n",
        "13" + "7" * 16 + "\n",
        " 13" + "7" * 16,
        "13" + "７" * 16,
        "fp" + "7" * 33,
        "https://qr.alipay.com/abc",
        "6901234567892",
    ],
)
def test_what_is_a_digit_short_or_long_is_no_payer_code(text: str) -> None:
    assert seen(text) is Hint.NOT_PAYER_CODE


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("62" + "7" * 17, Hint.UNIONPAY),
        ("01" + "7" * 17, Hint.ECNY),
        ("424" + "a1" * 12 + "b", Hint.MEDICAL),
        ("opc" + "A1" * 12 + "B", Hint.MEDICAL),
        (CARD, Hint.ID_CARD),
        (CARD.lower(), Hint.ID_CARD),
    ],
)
def test_known_other_codes_are_named(text: str, hint: Hint) -> None:
    assert seen(text) is hint


def test_an_identity_card_of_digits_only_is_refused_where_the_desk_scans_cards() -> None:
    assert seen(CARD_DIGITS, cards=True) is Hint.ID_CARD
    assert seen(CARD_DIGITS, cards=False) is Wallet.WECHAT


@pytest.mark.parametrize(
    "text",
    [
        CARD_DIGITS[:-1] + "9",  # check digit
        "110105194913310038",  # month 13
        "110105194902300038",  # 30 February
        "110105202612310038",  # not born yet
        "110105189912310038",  # too old
    ],
)
def test_a_number_that_is_no_card_is_a_payer_code_even_there(text: str) -> None:
    assert seen(text, cards=True) is Wallet.WECHAT


@given(st.dates(date(1900, 1, 1), TODAY), st.integers(1, 999))
def test_exactly_one_check_digit_in_eleven_makes_a_card(born: date, order: int) -> None:
    stem = f"110105{born:%Y%m%d}{order:03d}"
    assert sum(is_id_card(stem + digit, TODAY) for digit in "0123456789") <= 1


def test_a_code_is_never_in_its_repr() -> None:
    assert "7777" not in repr(classify("13" + "7" * 16, refuse_id_cards=False, today=TODAY))
