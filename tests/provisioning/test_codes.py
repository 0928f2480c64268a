import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.payer_code import classify
from device.domain.screens import Hint
from device.drivers.scan_assembler import CODE, KEYBOARD, Scan, ScanAssembler
from device.provisioning.codes import (
    LONGEST_CODE,
    Part,
    Parts,
    new_passphrase,
    part_of,
    passphrase_code,
    passphrase_of,
    split,
)

ENVELOPE = random.Random(7).randbytes(2500)


def read(code: str) -> Part:
    part = part_of(code)
    assert part
    return part


def gathered(codes: list[str]) -> Parts:
    parts = Parts()
    for code in codes:
        parts = parts.plus(read(code))
    return parts


def test_codes_are_short_and_of_letters_and_digits_only() -> None:
    codes = split(ENVELOPE)
    assert len(codes) == 6
    for code in [*codes, passphrase_code(new_passphrase())]:
        assert CODE.fullmatch(code)
        assert code == code.upper()
        assert len(code) <= LONGEST_CODE


def test_no_code_is_a_payer_code() -> None:
    for code in [*split(ENVELOPE), passphrase_code(new_passphrase())]:
        told = classify(code, refuse_id_cards=True, today=date(2026, 11, 25))
        assert told is Hint.NOT_PAYER_CODE


def test_they_pass_through_a_keyboard_scanner() -> None:
    for code in split(ENVELOPE):
        assembler = ScanAssembler(KEYBOARD, LONGEST_CODE)
        results = [assembler.char(c, 100 + i / 200) for i, c in enumerate(code + "\r")]
        assert [r.text for r in results if isinstance(r, Scan)] == [code]


def test_any_order_and_twice_is_fine() -> None:
    codes = split(ENVELOPE)
    parts = gathered([codes[3], codes[1], codes[3], *reversed(codes)])
    assert (parts.have, parts.of) == (6, 6)
    assert parts.whole() == ENVELOPE


def test_until_all_are_there_it_is_not_whole() -> None:
    parts = gathered(split(ENVELOPE)[1:])
    assert (parts.have, parts.of, parts.whole()) == (5, 6, None)


def test_a_scanner_that_turns_the_case_is_understood() -> None:
    assert gathered([code.lower() for code in split(ENVELOPE)]).whole() == ENVELOPE
    assert passphrase_of(passphrase_code("A" * 20).lower()) == "A" * 20


def test_a_part_of_another_bundle_begins_anew() -> None:
    parts = gathered([*split(ENVELOPE)[:3], split(b"other")[0]])
    assert (parts.have, parts.of, parts.whole()) == (1, 1, b"other")


def test_a_misread_code_is_none() -> None:
    code = split(ENVELOPE)[0]
    for at in range(len(code)):
        changed = code[:at] + ("A" if code[at] != "A" else "B") + code[at + 1 :]
        assert part_of(changed) is None
    assert part_of(code[:-1]) is None


def test_parts_that_do_not_belong_together_are_told() -> None:
    parts = Parts().plus(Part("AAAA", 1, 1, "MFRGG"))
    assert parts.whole() == b""
    assert Parts().plus(Part("AAAA", 1, 1, "M")).whole() == b""


def test_more_than_99_codes_are_too_many() -> None:
    with pytest.raises(ValueError, match="at most 99"):
        split(bytes(60_000))


def test_passphrases_are_long_and_never_twice_the_same() -> None:
    drawn = {new_passphrase() for _ in range(100)}
    assert len(drawn) == 100
    assert all(passphrase_of(passphrase_code(p)) == p for p in drawn)


def test_a_passphrase_code_is_no_part_and_a_part_no_passphrase() -> None:
    assert part_of(passphrase_code("A" * 20)) is None
    assert passphrase_of(split(ENVELOPE)[0]) is None


def test_nothing_secret_in_a_repr() -> None:
    part = read(split(ENVELOPE)[0])
    assert part.text not in repr(part)
    assert part.text not in repr(Parts().plus(part))


@given(st.text(max_size=60))
def test_no_scan_makes_it_fail(text: str) -> None:
    assert part_of(text) is None
    assert passphrase_of("PBXK" + text) is None
