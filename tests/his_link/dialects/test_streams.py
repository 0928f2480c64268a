"""Recorded streams, whole and torn: what they mean is the same however the bytes arrive."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.domain.line import Meaning, Said
from device.his_link.dialects import ANNOUNCER, DIALECTS, Decoder, Site
from device.his_link.dialects.commands import fen_of

STREAMS = json.loads((Path(__file__).parents[2] / "vectors" / "one_way.json").read_text())[
    "streams"
]
BYTE_S = 0.001


def decoder(stream: dict[str, Any]) -> Decoder:
    made = DIALECTS[stream["profile"]].make(Site(stream.get("pattern", "")))
    made.feed(b"", -1.0)
    return made


def word(said: Said) -> str:
    return f"{said.meaning} {said.amount_fen}" if said.meaning is Meaning.DUE else said.meaning


def heard(stream: dict[str, Any], size: int) -> list[str]:
    """The words of a stream that comes in pieces of this many bytes; repeats are left out."""
    made, now_s, words = decoder(stream), 0.0, list[str]()
    for pause_ms, text in stream["bursts"]:
        now_s += pause_ms / 1000
        data = bytes.fromhex(text)
        for at in range(0, len(data), size):
            now_s += BYTE_S * size
            words += [word(d.said) for d in made.feed(data[at : at + size], now_s) if d.said]
    return words


@pytest.mark.parametrize("stream", STREAMS, ids=lambda s: s["name"])
def test_a_recorded_stream_means_what_it_says(stream: dict[str, Any]) -> None:
    assert heard(stream, 1000) == stream["said"]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("stream", STREAMS, ids=lambda s: s["name"])
def test_the_last_word_of_each_burst_is_the_same_in_pieces(
    stream: dict[str, Any], size: int
) -> None:
    """A free text grows byte by byte, so words in between differ; what stands in the end not."""
    for upto in range(1, len(stream["bursts"]) + 1):
        part = {**stream, "bursts": stream["bursts"][:upto]}
        assert heard(part, size)[-1:] == heard(part, 1000)[-1:]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(DIALECTS)),
    st.lists(st.tuples(st.binary(max_size=80), st.floats(0, 3)), max_size=12),
)
def test_garbage_is_survived_and_little_is_kept(
    name: str, pieces: list[tuple[bytes, float]]
) -> None:
    made, now_s = DIALECTS[name].make(Site(r"([0-9]+)")), 0.0
    for data, gap_s in pieces:
        now_s += gap_s
        for found in made.feed(data, now_s):
            assert found.said is None or (found.said.amount_fen > 0) == (
                found.said.meaning is Meaning.DUE
            )
    kept = max((len(v) for v in vars(made).values() if isinstance(v, bytes)), default=0)
    assert kept <= 130


@pytest.mark.parametrize("name", ["led8n", "announcer"])
@pytest.mark.parametrize(
    "garbage", [b"\x1bQA", b"\x1b", b"\x02L0", b"D", b"12.", b"&C1", b"\xff" * 99]
)
def test_after_a_second_of_silence_everything_is_understood_again(
    name: str, garbage: bytes
) -> None:
    stream = next(s for s in STREAMS if s["profile"] == name)
    made = decoder(stream)
    made.feed(garbage, 0.0)
    last = [
        made.feed(bytes.fromhex(text), 10.0 + 5 * n) for n, (_, text) in enumerate(stream["bursts"])
    ]
    assert any(d.said and d.said.meaning is Meaning.DUE for found in last for d in found)


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("12", 1200), ("12.5", 1250), ("12.34", 1234), ("12.", 1200), (".5", 50), ("0.00", 0),
        ("-3.50", -350), ("1,234.56", 123456), (" 012.30 ", 1230), ("00", 0),
        ("1.0E7", None), ("12.345", None), ("1e3", None), ("", None), (".", None), ("-", None),
        ("1 2", None), ("--1", None), ("１２", None), ("123456789", None), ("12.3.4", None),
    ],
)  # fmt: skip
def test_yuan_as_programs_print_them(text: str, fen: int | None) -> None:
    assert fen_of(text) == fen


# led8n


def led(*bursts: tuple[float, bytes]) -> list[str]:
    made = DIALECTS["led8n"].make(Site())
    return [word(d.said) for at_s, data in bursts for d in made.feed(data, at_s) if d.said]


def test_a_lamp_that_comes_alone_makes_no_old_number_due() -> None:
    """Lamp first: the change of the last patient is still on the digits when 总计 lights up."""
    change = b"\x1bs4\x1bQA7.66\r"
    assert led((0.0, change), (20.0, b"\x1bs2"), (22.0, b"\x1bQA50\r")) == ["cash"] * 2 + [
        "due 5000"
    ]


def test_a_unit_price_is_not_due() -> None:
    assert led((0.0, b"\x1bs1\x1bQA5.00\r"), (3.0, b"\x1bs0\x1bQA5.00\r")) == []


def test_a_number_that_cannot_be_read_is_nothing_due() -> None:
    assert led((0.0, b"\x1bs2\x1bQA1.0E7\r")) == ["nothing"]
    assert led((0.0, b"\x1bs2\x1bQA-12.00\r")) == ["nothing"]


def test_unknown_lamps_light_nothing() -> None:
    assert led((0.0, b"\x1bs9\x02L01x0\x1bQA5\r")) == []


@pytest.mark.parametrize(
    ("code", "baudrate"), [(b"0", 9600), (b"1", 4800), (b"2", 2400), (b"5", 300), (b"9", None)]
)
def test_the_rate_is_switched_by_the_program(code: bytes, baudrate: int | None) -> None:
    (found,) = DIALECTS["led8n"].make(Site()).feed(b"\x02B" + code, 0.0)
    assert found.baudrate == baudrate


# text displays


def test_a_screen_without_the_amount_is_nothing_due() -> None:
    made = DIALECTS["cd5220"].make(Site(r"TOTAL ([0-9.]+)"))
    found = made.feed(b"\x1bQATOTAL 1.50\r\x1bQAHELLO\r\x1bQAHELLO\r", 0.0)
    assert [word(d.said) for d in found if d.said] == ["due 150", "nothing"]


@pytest.mark.parametrize("shown", ["1,250.00", "12.345", "-3.50", "99012.34"])
def test_a_part_of_a_number_is_no_amount(shown: str) -> None:
    """A hasty pattern must not make 1 yuan of 1,250.00."""
    made = DIALECTS["cd5220"].make(Site(r"(\d{1,3}(?:\.\d\d)?)"))
    found = made.feed(f"\x1bQA{shown}\r".encode(), 0.0)
    assert found[0].said == Said(Meaning.NOTHING)


def test_an_amount_with_too_many_decimals_is_nothing_due() -> None:
    made = DIALECTS["escpos"].make(Site(r"TOTAL ([0-9.]+)"))
    assert made.feed(b"TOTAL 1.505", 0.0)[-1].said == Said(Meaning.NOTHING)


def test_the_cursor_the_home_and_the_line_ends_move_as_on_the_display() -> None:
    made = DIALECTS["lk822"].make(Site(r"A\nB *\nX *9 *\nD"))
    made.feed(b"\x1b@A\r\nB\r\nC\r\nD\x1b\x6c\x01\x03X\x1b\x6c\x03\x03 8\b9", 0.0)
    match = made.feed(b"\x0b\x18A", 0.0)
    assert match  # the pattern has no group: the whole match is no amount
    assert re.search(r"A\nB *\nX *9\nD", made.text)  # type: ignore[attr-defined]


def test_text_without_an_end_wraps() -> None:
    made = DIALECTS["escpos"].make(Site(r"([0-9]+)$"))
    found = made.feed(b"x" * 40 * 4 + b"7", 0.0)
    assert len(found) == 1


# announcer


def told(data: bytes, opened_s: float = 0.0, at_s: float = 1.0, **site: Any) -> list[str]:
    made = ANNOUNCER.make(Site(**site))
    made.feed(b"", opened_s)
    return [word(d.said) for d in made.feed(data, at_s) if d.said]


def test_a_phrase_and_digits_without_a_pause_are_no_amount() -> None:
    """D1 and 2.34J, or D and 12.34J? A tenth of the bill would be a wrong amount."""
    assert told(b"D12.34J") == ["nothing"]


def test_a_pause_or_a_terminator_parts_them() -> None:
    made = ANNOUNCER.make(Site())
    made.feed(b"D", 1.0)
    assert [d.said for d in made.feed(b"12.34J", 1.2)] == [
        Said(Meaning.CASH),
        Said(Meaning.DUE, 1234),
    ]
    assert told(b"D|12.34J|", terminator=b"|") == ["cash", "due 1234"]


@pytest.mark.parametrize("data", [b"\x8112.34J", b"1E+5J", b"Q5J"])
def test_a_number_behind_bytes_nobody_knows_is_no_amount(data: bytes) -> None:
    assert told(data) == ["nothing"]


def test_a_number_that_was_under_way_when_the_port_opened_is_no_amount() -> None:
    assert told(b"2.34J", opened_s=0.99) == ["nothing"]
    assert told(b"2.34J5J", opened_s=0.99) == ["nothing", "due 500"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"12.34_P", ["due 1234"]), (b"20_k", ["cash"]), (b"7.66_b", ["cash"]),
        (b"E112.34P", []), (b"E712.34P", ["due 1234"]), (b"ED12.34P", ["nothing"]),
        (b"12.34P", []), (b"0J", ["nothing"]), (b"12.345J", ["nothing"]), (b"5.00G", ["nothing"]),
        (b"abX!", []), (b"&B0,0,a.bmp$", []), (b"$1", []), (b"$x", []), (b"E", []),
    ],
)  # fmt: skip
def test_each_string_has_its_meaning(data: bytes, words: list[str]) -> None:
    assert told(data) == words


def test_a_text_row_without_an_end_is_given_up() -> None:
    assert told(b"&C1" + b"x" * 200 + b"\r\n5J") == ["due 500"]


def test_an_amount_in_a_text_row_is_text() -> None:
    assert told("&C31应收：12.34J$".encode("gbk")) == []
