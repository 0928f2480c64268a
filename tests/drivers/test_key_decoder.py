import pytest

from device.drivers.key_decoder import DOWN, REPEAT, UNREADABLE, UP, KeyDecoder

SHIFT, RIGHT_SHIFT, CAPS, ALT, CTRL = 42, 54, 58, 56, 29
DIGIT_KEYS = [11, *range(2, 11)]
KEYPAD_KEYS = [82, 79, 80, 81, 75, 76, 77, 71, 72, 73]


def typed(decoder: KeyDecoder, *events: tuple[int, int]) -> str:
    keys = [decoder.key(code, value, 1.0) for code, value in events]
    return "".join(key[0] for key in keys if key)


def tap(*codes: int) -> list[tuple[int, int]]:
    return [event for code in codes for event in ((code, DOWN), (code, UP))]


@pytest.mark.parametrize("keys", [DIGIT_KEYS, KEYPAD_KEYS])
def test_both_rows_of_digits_are_digits(keys: list[int]) -> None:
    assert typed(KeyDecoder(), *tap(*keys)) == "0123456789"


def test_keypad_digits_stay_digits_with_shift() -> None:
    assert typed(KeyDecoder(), (SHIFT, DOWN), *tap(*KEYPAD_KEYS)) == "0123456789"


@pytest.mark.parametrize(("code", "char"), [(28, "\r"), (96, "\r"), (101, "\n"), (15, "\t")])
def test_terminator_keys(code: int, char: str) -> None:
    assert typed(KeyDecoder(), *tap(code)) == char


def test_letters_and_signs_of_the_us_layout() -> None:
    assert typed(KeyDecoder(), *tap(30, 48, 46, 53, 12, 39)) == "abc/-;"
    assert typed(KeyDecoder(), (RIGHT_SHIFT, DOWN), *tap(30, 48, 46, 53, 12, 39)) == "ABC?_:"


def test_decoding_is_on_key_down_with_the_shift_of_that_moment() -> None:
    report = [(SHIFT, DOWN), (30, DOWN), (SHIFT, UP), (30, UP), (30, DOWN)]
    assert typed(KeyDecoder(), *report) == "Aa"


def test_caps_lock_turns_letters_only() -> None:
    assert typed(KeyDecoder(), *tap(CAPS, 30, 2, CAPS, 30)) == "A1a"
    assert typed(KeyDecoder(), *tap(CAPS), (SHIFT, DOWN), *tap(30, 2)) == "a!"


def test_a_held_key_is_one_character() -> None:
    assert typed(KeyDecoder(), (2, DOWN), *[(2, REPEAT)] * 24, (2, UP)) == "1"


def test_keys_without_a_character_are_nothing() -> None:
    assert typed(KeyDecoder(), *tap(59, 102, 125, 0, 767)) == ""


def test_alt_mode_gives_the_character_of_the_decimal_code() -> None:
    decoder = KeyDecoder()
    assert typed(decoder, (ALT, DOWN), *tap(76, 79), (ALT, UP)) == "3"  # 51
    assert typed(decoder, (ALT, DOWN), *tap(82, 76, 72), (ALT, UP)) == ":"  # 058
    assert typed(decoder, (ALT, DOWN), *tap(79, 81), (ALT, UP)) == "\r"  # 13
    assert typed(decoder, (ALT, DOWN), (ALT, UP)) == ""


def test_alt_mode_is_timed_from_its_first_key() -> None:
    decoder = KeyDecoder()
    decoder.key(ALT, DOWN, 5.0)
    decoder.key(76, DOWN, 5.1)
    decoder.key(79, DOWN, 5.2)
    assert decoder.key(ALT, UP, 5.3) == ("3", 5.0)


def test_an_impossible_alt_code_spoils_the_scan_instead_of_failing() -> None:
    decoder = KeyDecoder()
    assert typed(decoder, (ALT, DOWN), *tap(*[73] * 40), (ALT, UP)) == UNREADABLE
    assert typed(decoder, (ALT, DOWN), *tap(80, 82, 82), (ALT, UP)) == UNREADABLE  # 200


def test_control_letters_are_terminators_or_spoil_the_scan() -> None:
    assert typed(KeyDecoder(), (CTRL, DOWN), *tap(50, 36, 23, 30)) == f"\r\n\t{UNREADABLE}"


def test_reset_takes_the_state_the_device_reports() -> None:
    decoder = KeyDecoder()
    decoder.key(SHIFT, DOWN, 1.0)
    decoder.reset([], caps=False)
    assert typed(decoder, *tap(30)) == "a"
    decoder.reset([SHIFT, 30], caps=False)
    assert typed(decoder, *tap(30)) == "A"
    decoder.reset([], caps=True)
    assert typed(decoder, *tap(30)) == "A"


def stuck_after(decoder: KeyDecoder, *events: tuple[int, int]) -> bool:
    typed(decoder, *events)
    return decoder.stuck


def test_a_key_that_is_let_go_late_is_not_stuck() -> None:
    decoder = KeyDecoder()
    assert not stuck_after(decoder, (2, DOWN), (3, DOWN))
    assert not stuck_after(decoder, (2, UP), (4, DOWN), (3, UP))


def test_a_key_still_down_when_the_next_but_one_goes_down_is_stuck() -> None:
    decoder = KeyDecoder()
    assert not stuck_after(decoder, (2, DOWN), *tap(3))
    assert stuck_after(decoder, (4, DOWN))
    assert not stuck_after(decoder, (4, UP), (2, UP), *tap(3))


def test_a_key_held_when_the_device_is_opened_is_stuck() -> None:
    decoder = KeyDecoder()
    decoder.reset([2, SHIFT], caps=False)
    assert stuck_after(decoder, (3, DOWN))
