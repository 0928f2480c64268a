"""The frame decoder: the published vectors, every split, any garbage."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.his_link import frames
from device.his_link.frames import Ack, BadFrame, Decoder, Enq, Event, Frame, Nak

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "his_frames.json").read_text(encoding="utf-8")
)
CODECS = {"utf-8": "utf-8", "gbk": "gb18030"}
LIMIT = frames.TCP_BODY_BYTES
GOOD = frames.encode(1, b'{"type":"status"}')

bytes_near_the_protocol = st.lists(
    st.one_of(
        st.sampled_from([b"\x02", b"\x03", b"\x05", b"\x06", b"\x15", b"01", b"00", b"4FCF", b"x"]),
        st.just(GOOD),
        st.just(GOOD[:-2]),
        st.binary(max_size=8),
    ),
    max_size=12,
).map(b"".join)


def named(items: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(item, id=item["name"]) for item in items]


def one_by_one(data: bytes, limit: int = LIMIT) -> list[Event]:
    decoder = Decoder(limit)
    return [event for byte in data for event in decoder.feed(bytes([byte]), 0.0)]


def replies(events: list[Event]) -> list[str]:
    """Return what a receiver writes for these events."""
    written = []
    for event in events:
        match event:
            case Frame(seq):
                written.append(frames.ack(seq).hex())
            case BadFrame():
                written.append(frames.NAK_BYTES.hex())
            case Enq():
                written.append(frames.HERE_BYTES.hex())
    return written


def body(vector: dict[str, Any]) -> bytes:
    encoded: bytes = vector["body"].encode(CODECS[vector["encoding"]])
    return encoded


def test_crc_is_the_published_one() -> None:
    check = VECTORS["crc_check"]
    assert f"{frames.crc16(check['input'].encode()):04X}" == check["value"]


@pytest.mark.parametrize("vector", named(VECTORS["frames"]))
def test_vector_frames_encode_and_decode(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["frame_hex"])
    seq = int(vector["seq"], 16)
    assert frames.encode(seq, body(vector)) == raw
    assert one_by_one(raw) == [Frame(seq, body(vector), raw[1:])]


@pytest.mark.parametrize("vector", named(VECTORS["streams"]))
def test_vector_streams_split_anywhere(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    bodies = {f["name"]: body(f) for f in VECTORS["frames"]}
    whole = one_by_one(data)
    assert replies(whole) == vector["replies_hex"]
    assert {e.body for e in whole if isinstance(e, Frame)} == {bodies[n] for n in vector["frames"]}
    for split in range(len(data) + 1):
        decoder = Decoder(LIMIT)
        parts = decoder.feed(data[:split], 0.0) + decoder.feed(data[split:], 0.0)
        assert parts == whole


def test_hex_is_read_in_either_case() -> None:
    raw = frames.encode(0xAB, b"{}")
    assert one_by_one(raw.lower()) == [BadFrame("crc")]  # the CRC covers SEQ as it was sent
    lower_crc = raw[:-4] + raw[-4:].lower()
    assert one_by_one(lower_crc) == [Frame(0xAB, b"{}", lower_crc[1:])]
    covered = b"ab{}\x03"
    mine = b"\x02" + covered + b"%04x" % frames.crc16(covered)
    assert one_by_one(mine) == [Frame(0xAB, b"{}", mine[1:])]


@pytest.mark.parametrize("seq", [b"00", b"G1", b"1", b"", b" 1", b"+1", b"\xb1\xb2"])
def test_a_bad_seq_is_refused_once(seq: bytes) -> None:
    covered = seq + b"\x03"
    assert one_by_one(b"\x02%b%04X" % (covered, frames.crc16(covered))) == [BadFrame("seq")]


def test_seq_counts_to_ff_and_starts_at_one_again() -> None:
    seqs = [0]
    for _ in range(256):
        seqs.append(frames.next_seq(seqs[-1]))
    assert seqs[1:] == [*range(1, 256), 1]


def test_the_longest_body_passes_and_one_byte_more_does_not() -> None:
    longest = frames.encode(1, b"x" * LIMIT)
    assert one_by_one(longest) == [Frame(1, b"x" * LIMIT, longest[1:])]
    assert one_by_one(frames.encode(1, b"x" * (LIMIT + 1))) == [BadFrame("too_long")]


def test_an_endless_frame_is_refused_once_and_forgotten() -> None:
    decoder = Decoder(LIMIT)
    events = decoder.feed(b"\x0201" + b"x" * 100_000, 0.0)
    assert events == [BadFrame("too_long")]
    assert len(decoder._content) == 0
    assert decoder.feed(b"\x05" + GOOD, 0.0) == [Enq(), Frame(1, b'{"type":"status"}', GOOD[1:])]


def test_forbidden_bytes_do_not_break_the_frame() -> None:
    covered = b"01{\x00\x05\x06\x15}\x03"
    raw = b"\x02%b%04X" % (covered, frames.crc16(covered))
    [frame] = one_by_one(raw)
    assert isinstance(frame, Frame)
    assert frames.has_forbidden(frame.body)
    assert not frames.has_forbidden(b"{\t\r\n}")


def test_a_partial_frame_ends_neither_before_nor_by_a_second_of_silence() -> None:
    decoder = Decoder(LIMIT)
    assert decoder.feed(GOOD[:10], 5.0) == []
    assert decoder.receiving(5.99)
    assert [type(e) for e in decoder.feed(GOOD[10:], 5.99)] == [Frame]
    decoder.feed(GOOD[:10], 10.0)
    assert not decoder.receiving(11.0)
    assert decoder.feed(GOOD[10:], 11.0) == []


def test_after_silence_everything_counts_again() -> None:
    decoder = Decoder(LIMIT)
    decoder.feed(b"\x0201{", 0.0)
    assert decoder.feed(b"\x05", 0.5) == []
    assert decoder.feed(b"\x05", 1.5) == [Enq()]


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"\x06AB", [Ack(0xAB)]),
        (b"\x06ab", [Ack(0xAB)]),
        (b"\x0600", [Ack(0)]),
        (b"\x1500", [Nak()]),
        (b"\x06", []),
        (b"\x060", []),
        (b"\x06\x05", [Enq()]),
        (b"\x060\x05", [Enq()]),
        (b"\x06\x0601", [Ack(1)]),
        (b"\x15\x0601", [Ack(1)]),
        (b"\x060\x1500", [Nak()]),
        (b"\x06x01", []),
        (b"0601", []),
        (b"\x06" + GOOD, [Frame(1, b'{"type":"status"}', GOOD[1:])]),
        (GOOD[:-2] + b"\x05", [BadFrame("crc"), Enq()]),
        (GOOD[:-2] + GOOD, [Frame(1, b'{"type":"status"}', GOOD[1:])]),
    ],
)
def test_signals_between_frames(data: bytes, events: list[Event]) -> None:
    assert one_by_one(data) == events
    assert Decoder(LIMIT).feed(data, 0.0) == events


def test_the_digits_of_an_ack_must_come_within_a_second_of_it() -> None:
    decoder = Decoder(LIMIT)
    assert decoder.feed(b"\x060", 0.0) == []
    assert decoder.feed(b"1", 0.99) == [Ack(1)]
    decoder.feed(b"\x06", 2.0)
    decoder.feed(b"0", 2.9)
    assert decoder.feed(b"1", 3.0) == []


def test_time_spent_receiving_adds_up() -> None:
    decoder = Decoder(LIMIT)
    decoder.feed(GOOD[:5], 10.0)
    assert decoder.frames_s(10.5) == pytest.approx(0.5)
    decoder.feed(GOOD[5:], 10.7)
    assert decoder.frames_s(20.0) == pytest.approx(0.7)
    decoder.feed(GOOD[:5], 30.0)
    assert decoder.frames_s(40.0) == pytest.approx(1.7)  # a second of silence ended it
    decoder.feed(b"\x05", 41.0)
    assert decoder.frames_s(50.0) == pytest.approx(1.7)


def test_an_empty_chunk_is_no_sign_of_life() -> None:
    decoder = Decoder(LIMIT)
    decoder.feed(GOOD[:5], 0.0)
    decoder.feed(b"", 0.9)
    assert not decoder.receiving(1.0)


def test_a_frame_shows_no_body_when_printed() -> None:
    assert "zhang" not in repr(Frame(1, b"zhang", b"01zhang\x030000"))


@given(st.lists(st.tuples(bytes_near_the_protocol, st.floats(0, 3)), max_size=8))
def test_any_bytes_at_any_time_never_raise_and_stay_within_the_bound(
    chunks: list[tuple[bytes, float]],
) -> None:
    limit, now = 40, 0.0
    decoder = Decoder(limit)
    for data, pause_s in chunks:
        before_s = decoder.frames_s(now)
        now += pause_s
        decoder.feed(data, now)
        assert len(decoder._content) <= limit + frames.SEQ_CHARS
        assert len(decoder._digits) < frames.CRC_CHARS
        assert before_s - 1e-9 <= decoder.frames_s(now) <= now + 1e-9


@given(bytes_near_the_protocol)
def test_a_good_frame_after_any_garbage_is_found(garbage: bytes) -> None:
    assert Decoder(LIMIT).feed(garbage + GOOD, 0.0)[-1] == Frame(1, b'{"type":"status"}', GOOD[1:])


@given(bytes_near_the_protocol)
def test_after_a_second_of_silence_any_garbage_is_forgotten(garbage: bytes) -> None:
    decoder = Decoder(LIMIT)
    decoder.feed(garbage, 0.0)
    assert decoder.feed(b"\x05", 1.0) == [Enq()]


@given(bytes_near_the_protocol, st.integers(1, 5))
def test_how_bytes_are_split_changes_nothing(data: bytes, size: int) -> None:
    decoder = Decoder(40)
    parts = [data[i : i + size] for i in range(0, len(data), size)]
    split = [event for part in parts for event in decoder.feed(part, 0.0)]
    assert split == Decoder(40).feed(data, 0.0)


@given(st.integers(1, 255), st.binary(max_size=300))
def test_what_is_encoded_is_decoded(seq: int, raw_body: bytes) -> None:
    clean = bytes(b for b in raw_body if b >= 0x20)
    [frame] = one_by_one(frames.encode(seq, clean))
    assert isinstance(frame, Frame)
    assert (frame.seq, frame.body) == (seq, clean)
