"""Fen inside, yuan only as text at the edges (his-link §2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.money import format_yuan, parse_yuan


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("0", 0),
        ("0.5", 50),
        ("0.05", 5),
        ("12", 1200),
        ("12.3", 1230),
        ("12.34", 1234),
        ("99999999.99", 9_999_999_999),
    ],
)
def test_yuan_becomes_fen(text: str, fen: int) -> None:
    assert parse_yuan(text) == fen


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "01",
        "1.",
        ".5",
        "1.234",
        "1e2",
        "1,000.00",
        "100000000",
        "١٢",
        "１２",
        "NaN",
    ],
)
def test_anything_else_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        parse_yuan(text)


def test_the_error_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(ValueError, match="not an amount") as caught:
        parse_yuan("张三")
    assert "张三" not in str(caught.value)


@pytest.mark.parametrize(
    ("fen", "text"), [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (1234, "12.34")]
)
def test_fen_is_written_with_two_decimals(fen: int, text: str) -> None:
    assert format_yuan(fen) == text


@given(st.integers(0, 9_999_999_999))
def test_what_is_written_is_read_again(fen: int) -> None:
    assert parse_yuan(format_yuan(fen)) == fen
