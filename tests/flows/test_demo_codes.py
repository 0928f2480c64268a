"""The drawn payer code is a real one: symbols that a foreign reader (ZXing) has decoded."""

import pytest

from simulators.demo import codes

CODE = "134567890123456789"
# Rows as decoded back to CODE by zxing-cpp 3.1.1, packed as hexadecimal.
QR_ROWS = """
1fd27f 105d41 175a5d 17595d 17545d 104c41 1fd57f 001200 0d635f 0aa50f 017977
08aea6 12fd6c 001a66 1fd808 104a62 175b6b 174e8e 175ae1 1053b8 1fceed
"""


def test_the_qr_code_is_the_one_a_foreign_reader_decoded() -> None:
    packed = [f"{int(row, 2):06x}" for row in codes.qr(CODE)]

    assert packed == QR_ROWS.split()


def test_the_bar_code_starts_with_set_c_and_the_first_pair() -> None:
    widths = "".join(str(w) for w in codes.code128(CODE))

    assert widths.startswith("211232" + "122132")  # start C, then 13
    assert widths.endswith("2331112")
    assert len(widths) == 6 * (1 + 9 + 1) + 7


def test_an_odd_digit_changes_to_set_b() -> None:
    assert len(codes.code128("12345")) == 6 * (1 + 2 + 2 + 1) + 7


@pytest.mark.parametrize("wrong", ["1" * 28, "12a4"])
def test_what_is_no_payer_code_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="not a payer code"):
        codes.qr(wrong)
