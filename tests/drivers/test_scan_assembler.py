import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.drivers.scan_assembler import (
    FULL_LENGTH_S,
    KEY_GAP_S,
    KEYBOARD,
    MOST_CHARS,
    OVERRUN_GAP_S,
    REPEAT_S,
    SERIAL,
    SILENCE_S,
    WHOLE,
    Garbled,
    Result,
    Scan,
    ScanAssembler,
)

WECHAT = "134567890123456789"
ALIPAY = "281234567890123456"
CUT = Garbled("cut")
PACE_S = 0.008


def keyboard() -> ScanAssembler:
    return ScanAssembler(KEYBOARD)


def type_in(assembler: ScanAssembler, text: str, at_s: float = 100.0) -> list[Result]:
    results = [assembler.char(char, at_s + i * PACE_S) for i, char in enumerate(text)]
    return [result for result in results if result]


@pytest.mark.parametrize("end", ["\r", "\n", "\t", "\r\n"])
def test_every_terminator_ends_a_code_once(end: str) -> None:
    assert type_in(keyboard(), WECHAT + end) == [Scan(WECHAT, 100.0)]


def test_the_time_is_that_of_the_first_key() -> None:
    assembler = keyboard()
    type_in(assembler, "\r\n", 50.0)
    assert type_in(assembler, WECHAT + "\r", 60.0) == [Scan(WECHAT, 60.0)]


def test_the_aim_identifier_is_taken_off() -> None:
    assert type_in(keyboard(), f"]Q1{WECHAT}\r") == [Scan(WECHAT, 100.0)]


def test_a_gap_throws_the_remains_of_the_last_scan_away() -> None:
    assembler = keyboard()
    type_in(assembler, "99999", 100.0)
    late = 100.0 + 4 * PACE_S + KEY_GAP_S + 0.001
    assert type_in(assembler, WECHAT + "\r", late) == [Garbled("cut"), Scan(WECHAT, late)]


def test_a_pause_just_within_the_limit_is_one_code() -> None:
    assembler = keyboard()
    assembler.char("1", 100.0)
    assembler.char("2", 100.0 + KEY_GAP_S)
    assert assembler.char("\r", 100.0 + 2 * KEY_GAP_S) == Scan("12", 100.0)


def test_without_a_gap_limit_characters_may_come_slowly() -> None:
    assembler = ScanAssembler(WHOLE)
    assembler.char("1", 100.0)
    assembler.char("2", 200.0)
    assert assembler.char("\n", 300.0) == Scan("12", 100.0)


def test_after_an_overrun_the_tail_that_ends_in_a_proper_enter_is_no_code() -> None:
    assembler = keyboard()
    type_in(assembler, WECHAT[:5])
    assert assembler.overrun(100.1) == Garbled("overrun")
    assert type_in(assembler, WECHAT[9:] + "\r", 100.2) == []
    assert type_in(assembler, WECHAT + "\r", 101.0) == [Scan(WECHAT, 101.0)]


def test_an_overrun_is_told_once_and_outlasts_a_short_pause() -> None:
    assembler = keyboard()
    assert assembler.overrun(100.0) == Garbled("overrun")
    assert assembler.overrun(100.1) is None
    assert type_in(assembler, WECHAT + "\r", 100.1 + OVERRUN_GAP_S) == []


def test_where_the_lost_keys_held_the_end_a_long_pause_ends_it() -> None:
    assembler = keyboard()
    assembler.overrun(100.0)
    later = 100.01 + OVERRUN_GAP_S
    assert type_in(assembler, WECHAT + "\r", later) == [Scan(WECHAT, later)]


def test_eighteen_digits_of_wechat_end_when_no_key_follows() -> None:
    assembler = keyboard()
    type_in(assembler, WECHAT)
    last_s = 100.0 + 17 * PACE_S
    assert assembler.deadline_s == pytest.approx(last_s + FULL_LENGTH_S)
    assert assembler.expire(last_s + 0.02) is None
    result = assembler.expire(last_s + FULL_LENGTH_S + 1e-6)
    assert result == Scan(WECHAT, 100.0)
    assert isinstance(result, Scan)
    assert result.ended_by == "length"


def test_a_slow_scanner_is_waited_for_by_its_own_pace() -> None:
    assembler = keyboard()
    for i, char in enumerate(WECHAT):
        assembler.char(char, 100.0 + i * 0.05)
    assert assembler.deadline_s == pytest.approx(100.0 + 17 * 0.05 + 0.1)


def test_a_code_that_goes_on_after_the_eighteenth_digit_is_not_cut() -> None:
    assert type_in(keyboard(), WECHAT + "01\r") == [Scan(WECHAT + "01", 100.0)]


def test_what_follows_a_code_ended_by_length_is_not_a_code_of_its_own() -> None:
    assembler = keyboard()
    type_in(assembler, WECHAT)
    assembler.expire(100.2)
    assert type_in(assembler, "77\r", 100.25) == []
    assert type_in(assembler, ALIPAY + "\r", 100.5) == [Scan(ALIPAY, 100.5)]


@pytest.mark.parametrize(("sends_ends", "expected"), [(False, Scan(ALIPAY, 200.0)), (True, CUT)])
def test_a_pause_ends_a_code_of_open_length_only_of_a_scanner_without_suffix(
    *, sends_ends: bool, expected: Result
) -> None:
    assembler = keyboard()
    if sends_ends:
        type_in(assembler, WECHAT + "\r")
    type_in(assembler, ALIPAY, 200.0)
    assert assembler.deadline_s is not None
    assert assembler.expire(assembler.deadline_s) == expected


def test_silence_ends_a_serial_code() -> None:
    assembler = ScanAssembler(SERIAL)
    type_in(assembler, "12")
    assert assembler.deadline_s == pytest.approx(100.0 + PACE_S + SILENCE_S)
    assert assembler.expire(101.0) == Scan("12", 100.0)


def test_a_scanner_set_to_another_layout_is_named() -> None:
    assert type_in(keyboard(), "!#$%^&*()!@#$%^&*(\r") == [Garbled("layout")]


@pytest.mark.parametrize("text", ["https://qr.example/abc", "13456789012345678é", "]Q1", "1 2"])
def test_what_is_not_letters_and_digits_is_garbled(text: str) -> None:
    assert type_in(keyboard(), text + "\r") == [Garbled("letters")]


def test_a_medical_code_with_letters_is_passed_on() -> None:
    medical = "ABCdef0123456789ABCdef012345"
    assert type_in(keyboard(), medical + "\r") == [Scan(medical, 100.0)]


def test_a_code_has_a_longest_length() -> None:
    longest = "1" * MOST_CHARS
    assert type_in(keyboard(), f"]Q1{longest}\r") == [Scan(longest, 100.0)]
    assert type_in(keyboard(), f"{longest}1\r") == [Garbled("too_long")]
    assert type_in(keyboard(), "1" * 10_000 + "\r") == [Garbled("too_long")]


def test_a_gap_ends_what_was_too_long() -> None:
    assembler = keyboard()
    assert type_in(assembler, "1" * 100) == [Garbled("too_long")]
    assert type_in(assembler, WECHAT + "\r", 200.0) == [Scan(WECHAT, 200.0)]


def test_unplugging_drops_a_part_and_says_so() -> None:
    assembler = keyboard()
    assert assembler.unplugged() is None
    type_in(assembler, WECHAT[:9])
    assert assembler.unplugged() == Garbled("unplugged")
    assert type_in(assembler, WECHAT[9:] + "\r") == [Scan(WECHAT[9:], 100.0)]


def test_the_same_code_right_away_is_one_scan() -> None:
    assembler = keyboard()
    first = type_in(assembler, WECHAT + "\r", 100.0)
    again = type_in(assembler, WECHAT + "\r", 101.0)
    other = type_in(assembler, WECHAT[::-1] + "\r", 101.5)
    assert (len(first), again, len(other)) == (1, [], 1)


def test_the_same_code_later_is_a_scan_again() -> None:
    assembler = keyboard()
    type_in(assembler, WECHAT + "\r", 100.0)
    later = 100.0 + len(WECHAT) * PACE_S + REPEAT_S
    assert type_in(assembler, WECHAT + "\r", later) == [Scan(WECHAT, later)]


def test_a_scan_does_not_show_its_code() -> None:
    assert WECHAT not in repr(Scan(WECHAT, 1.0))


@given(st.lists(st.tuples(st.characters(), st.floats(0, 10)), max_size=200))
def test_no_input_makes_it_fail_or_grow(keys: list[tuple[str, float]]) -> None:
    assembler = keyboard()
    for char, at_s in keys:
        result = assembler.char(char, at_s)
        if isinstance(result, Scan):
            assert result.text.isalnum()
            assert len(result.text) <= MOST_CHARS
