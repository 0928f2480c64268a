"""The bytes on the wire: the published vectors bit for bit, and nothing else believed."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from device.domain import chain
from device.domain.action import Action, ActionKind
from device.domain.trace import Mark, Trace
from device.errors import SyncError
from device.sync import wire
from device.sync.wire import Answer, Batch, Conflict, Rejected, Want

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "sync.json").read_bytes()
)
KEY = bytes.fromhex(VECTORS["key"])
KEY_ID: str = VECTORS["key_id"]
BOX = "BOX-0001"
REQUEST = bytes.fromhex(VECTORS["request_sealed_hex"])
ANSWER = bytes.fromhex(VECTORS["answer_sealed_hex"])
UP = wire.request_context(BOX, KEY_ID)
DOWN = wire.answer_context(200, BOX, KEY_ID, REQUEST)
ROWS: list[dict[str, Any]] = VECTORS["rows"]


def sealed(message: object, context: bytes = UP) -> bytes:
    text = message if isinstance(message, bytes) else json.dumps(message).encode()
    return wire.seal(KEY, text, context, bytes(12))


# --- the vectors


def test_the_vector_of_a_batch_is_read_and_made_bit_for_bit() -> None:
    text = wire.unseal(KEY, REQUEST, UP)
    batch = wire.read_batch(text)
    assert json.loads(text) == VECTORS["request"]
    assert batch == Batch(BOX, "1.0.0", "9f3c", 1, tuple(ROWS))
    assert wire.write_batch(batch) == text
    assert wire.seal(KEY, text, UP, REQUEST[:12]) == REQUEST


def test_the_vector_of_an_answer_is_read_and_made_bit_for_bit() -> None:
    text = wire.unseal(KEY, ANSWER, DOWN)
    answer = wire.read_answer(200, text)
    assert json.loads(text) == VECTORS["answer"]
    assert answer == Answer("9f3c", 2)
    assert wire.write_answer(answer) == (200, text)
    assert wire.seal(KEY, text, DOWN, ANSWER[:12]) == ANSWER


def test_the_rows_of_the_vector_are_good_and_follow_each_other() -> None:
    assert [wire.row_fault(row) for row in ROWS] == ["", ""]
    assert [row["prev"] for row in ROWS] == [wire.GENESIS, ROWS[0]["hash"]]


# --- what is not sealed is not believed


@pytest.mark.parametrize(
    "context",
    [
        wire.request_context("BOX-0002", KEY_ID),
        wire.request_context(BOX, "2"),
        DOWN,
    ],
)
def test_a_batch_of_another_box_key_or_direction_is_refused(context: bytes) -> None:
    with pytest.raises(SyncError):
        wire.unseal(KEY, REQUEST, context)


@pytest.mark.parametrize(
    "context",
    [
        wire.answer_context(409, BOX, KEY_ID, REQUEST),
        wire.answer_context(200, BOX, KEY_ID, bytes(12)),
        wire.answer_context(200, "BOX-0002", KEY_ID, REQUEST),
        UP,
    ],
)
def test_an_answer_of_another_status_request_or_box_is_refused(context: bytes) -> None:
    with pytest.raises(SyncError):
        wire.unseal(KEY, ANSWER, context)


def test_no_changed_byte_is_believed() -> None:
    for at in range(len(ANSWER)):
        changed = bytearray(ANSWER)
        changed[at] ^= 1
        with pytest.raises(SyncError):
            wire.unseal(KEY, bytes(changed), DOWN)


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>502</html>", bytes(28), bytes(2_000_000)])
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(SyncError):
        wire.unseal(KEY, body, DOWN)


@pytest.mark.parametrize(
    "packed",
    [
        b"not gzip",
        gzip.compress(b"{}", mtime=0)[:-4],
        gzip.compress(b"{}", mtime=0) + b"more",
        gzip.compress(bytes(wire.MAX_TEXT_BYTES + 1), mtime=0),
    ],
)
def test_what_is_sealed_but_not_one_gzip_of_a_batchs_size_is_refused(packed: bytes) -> None:
    body = bytes(12) + AESGCM(KEY).encrypt(bytes(12), packed, UP)
    with pytest.raises(SyncError, match="gzip"):
        wire.unseal(KEY, body, UP)


# --- batches


def test_a_batch_comes_back_as_it_went() -> None:
    batch = Batch(
        BOX, "1.0.0", "9f3c", 1, tuple(ROWS), {"parts": [], "backlog": 0}, Want("8e2b", 120)
    )
    assert wire.read_batch(wire.write_batch(batch)) == batch
    assert batch.last == 2
    assert replace(batch, rows=()).last == 0


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": None},
        {"box": ""},
        {"box": 7},
        {"version": "1\n0"},
        {"epoch": "x" * 257},
        {"first": 0},
        {"first": True},
        {"first": 2},
        {"rows": {}},
        {"rows": [7]},
        {"rows": [ROWS[1], ROWS[0]]},
        {"rows": [ROWS[0], ROWS[0]]},
        {"rows": [{}] * 501},
        {"health": []},
        {"want": []},
        {"want": {"epoch": "9f3c"}},
        {"want": {"epoch": "9f3c", "from": 0}},
    ],
)
def test_a_batch_of_another_shape_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(SyncError):
        wire.read_batch(json.dumps({**VECTORS["request"], **change}).encode())


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(SyncError):
        wire.read_batch(text)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"amount_fen": 12346}, "the hash does not fit"),
        ({"amount_fen": -1}, "not allowed: amount_fen"),
        ({"amount_fen": 1.5}, "not allowed: amount_fen"),
        ({"amount_fen": True}, "not allowed: amount_fen"),
        ({"amount_fen": 2**53}, "not allowed: amount_fen"),
        ({"uid": 5}, "not allowed: uid"),
        ({"operator": "a\x00b"}, "not allowed: operator"),
        ({"operator": "x" * 257}, "not allowed: operator"),
        ({"kind": "bribe"}, "unknown kind"),
        ({"kind": []}, "not allowed: kind"),
        ({"prev": "0" * 63}, "the hash does not fit"),
        ({"extra": 1}, "fields missing or unknown: extra"),
        ({"kind": "digest"}, "fields missing or unknown: count, date, last_hash, sum_fen"),
    ],
)
def test_a_bad_row_is_named(change: dict[str, object], why: str) -> None:
    assert wire.row_fault({**ROWS[0], **change}) == why


ODD_VALUES: tuple[object, ...] = (
    None,
    True,
    -1,
    0,
    2**53 - 1,
    2**53,
    1.0,
    "",
    "x" * 256,
    "x" * 257,
    "\x7f",
    "\ud800",
    [],
)


@pytest.mark.parametrize("name", sorted(ROWS[0].keys() - {"kind"}))
@pytest.mark.parametrize("value", ODD_VALUES)
def test_a_value_is_judged_by_what_its_field_may_hold(name: str, value: object) -> None:
    is_number = name in {"seq", "try", "attempt", "revision", "amount_fen"}
    allowed = (0, 2**53 - 1) if is_number else ("", "x" * 256)
    good = any(type(value) is type(each) and value == each for each in allowed)
    assert wire.fields_fault({**ROWS[0], name: value}) == ("" if good else f"not allowed: {name}")


@given(told=st.text(max_size=40), fen=st.integers(0, 2**53 - 1), prev=st.text(max_size=64))
def test_the_text_of_a_row_is_its_canonical_json(told: str, fen: int, prev: str) -> None:
    """It is written by a template; what json itself writes is the rule (center §3)."""
    row = {**ROWS[0], "operator": told, "amount_fen": fen, "prev": prev}
    bare = {name: value for name, value in row.items() if name not in {"prev", "hash"}}
    compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
    order = sorted(bare)
    assert chain.row_text(row) == compact.encode({name: bare[name] for name in order})
    kept = json.loads(chain.linked_text(chain.row_text(row), prev, row["hash"]))
    assert kept == row


def test_an_operator_with_a_chinese_space_is_good() -> None:
    row = {**ROWS[0], "operator": "张\u3000三"}
    assert wire.row_fault({**row, "hash": wire.row_hash(row["prev"], row)}) == ""


# --- answers


def test_an_answer_comes_back_as_it_went() -> None:
    action = Action("C-17", ActionKind.REFUND, "MZ03" + "A" * 28, 100, "王", "李")
    answer = Answer("9f3c", 150, (Rejected(120, "bad"),), (action,), tuple(ROWS))
    assert wire.read_answer(*wire.write_answer(answer)) == answer


def test_a_conflict_comes_back_as_it_went() -> None:
    assert wire.write_answer(Conflict("9f3c", 120))[0] == 409
    assert wire.read_answer(*wire.write_answer(Conflict("9f3c", 120))) == Conflict("9f3c", 120)


@pytest.mark.parametrize("status", [400, 403, 413, 500, 503])
def test_an_error_of_the_centre_is_no_answer(status: int) -> None:
    with pytest.raises(SyncError, match=f"{status}: bad_batch"):
        wire.read_answer(status, b'{"v":1,"error":"bad_batch"}')


@pytest.mark.parametrize(
    "change",
    [
        {"ack": -1},
        {"ack": "2"},
        {"ack": None},
        {"epoch": 5},
        {"rejected": {}},
        {"rejected": [5]},
        {"rejected": [{"seq": 0, "why": ""}]},
        {"do": 5},
        {"rows": 5},
        {"rows": [5]},
    ],
)
def test_an_answer_of_another_shape_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(SyncError):
        wire.read_answer(200, json.dumps({**VECTORS["answer"], **change}).encode())


@pytest.mark.parametrize(
    "action",
    [
        5,
        {},
        {"id": "C-1", "kind": "dance", "out_trade_no": "A"},
        {"id": "C-1", "kind": [], "out_trade_no": "A"},
        {"id": "", "kind": "query", "out_trade_no": "A"},
        {"id": "C-1", "kind": "refund", "out_trade_no": "A", "amount_fen": -1},
    ],
)
def test_an_action_that_is_not_understood_does_not_stop_the_acknowledgement(action: object) -> None:
    good = {"id": "C-2", "kind": "query", "out_trade_no": "B"}
    text = json.dumps({**VECTORS["answer"], "do": [action, good]}).encode()
    assert wire.read_answer(200, text) == Answer(
        "9f3c", 2, do=(Action("C-2", ActionKind.QUERY, "B"),)
    )


GOOD_TRACE = {"uid": "MZ03A", "marks": [["taken", 0], ["intent", 1.5]]}


@pytest.mark.parametrize(
    "bad",
    [
        7,
        {},
        {"uid": "MZ03A"},
        {"uid": "", "marks": []},
        {"uid": "x\n", "marks": []},
        {"uid": "MZ03A", "marks": [["of a newer box", 1]]},
        {"uid": "MZ03A", "marks": [["taken", -1]]},
        {"uid": "MZ03A", "marks": [["taken", "soon"]]},
        {"uid": "MZ03A", "marks": 7},
    ],
)
def test_a_trace_that_cannot_be_read_is_left_out_and_stops_no_batch(bad: object) -> None:
    text = wire.write_batch(wire.Batch("BOX-0001", "1.0.0", "9f3c", 1))
    message = json.loads(text) | {"traces": [bad, GOOD_TRACE]}
    [trace] = wire.read_batch(json.dumps(message).encode()).traces
    assert trace == Trace("MZ03A", ((Mark.TAKEN, 0.0), (Mark.INTENT, 1.5)))
    assert wire.read_batch(json.dumps(message | {"traces": bad}).encode()).traces == ()


def test_traces_travel_with_a_batch() -> None:
    trace = Trace("MZ03A", ((Mark.TAKEN, 0.0), (Mark.INTENT, 1.5)))
    batch = wire.Batch("BOX-0001", "1.0.0", "9f3c", 1, traces=(trace,))
    assert wire.read_batch(wire.write_batch(batch)) == batch
    assert b"traces" not in wire.write_batch(replace(batch, traces=()))
