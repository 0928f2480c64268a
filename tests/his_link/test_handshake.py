"""Sealed links: the published vectors, and every way in that must stay shut."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.his_link import handshake
from device.his_link.frames import SERIAL_BODY_BYTES, TCP_BODY_BYTES
from device.his_link.handshake import (
    HELLO_REQUIRED,
    Accepted,
    BoxEnd,
    HisEnd,
    Ignored,
    Opened,
    Required,
    Say,
)
from device.his_link.seal import (
    BOX_TO_HIS,
    HIS_TO_BOX,
    DeskKey,
    Opener,
    Seal,
    plain_limit,
)

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "his_sealed.json").read_text(encoding="utf-8")
)
KEY = DeskKey.of(bytes.fromhex(VECTORS["key"]))
N1, N2 = (bytes.fromhex(VECTORS[name]) for name in ("host_nonce", "box_nonce"))
TO_BOX, TO_HIS = (bytes.fromhex(VECTORS[n]) for n in ("his_to_box_key", "box_to_his_key"))
REQUIRED = Say(HELLO_REQUIRED)
HELLO = {"type": "hello", "v": 1, "nonce": N1.hex(), "proof": VECTORS["hello_proof"]}


def body(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()


def opened(end: BoxEnd, seq: int, sealed: bytes) -> tuple[BoxEnd, bytes]:
    end, taken = end.take(seq, sealed, bytes(16))
    assert isinstance(taken, Opened), taken
    return end, taken.body


def together(
    box: BoxEnd, his: HisEnd, n1: bytes = N1, n2: bytes = N2
) -> tuple[BoxEnd, HisEnd, Seal]:
    """Say hello; return both ends and what the HIS seals with. Nothing sealed was sent yet."""
    his, hello = his.hello(n1)
    box, said = box.take(1, body(hello), n2)
    assert isinstance(said, Say)
    his, accepted = his.take(1, body(said.message))
    assert isinstance(accepted, Accepted)
    return box, his, accepted.seal


def talking() -> tuple[BoxEnd, HisEnd, Seal, Seal]:
    """Both ends with a session, and what each seals with."""
    box, his, seal = together(BoxEnd(KEY), HisEnd(KEY))
    seal, sealed = seal.seal(2, b"hello")
    box, taken = box.take(2, sealed, bytes(16))
    assert isinstance(taken, Opened)
    assert taken.seal is not None
    box_seal, sealed = taken.seal.seal(1, b"hello_ok")
    his, heard = his.take(1, sealed)
    assert heard == Opened(b"hello_ok")
    return box, his, seal, box_seal


# ------------------------------------------------------------------ the published vectors


def test_proofs_and_keys_are_the_published_ones() -> None:
    assert KEY.his_proof(N1) == VECTORS["hello_proof"]
    assert KEY.box_proof(N1, N2) == VECTORS["hello_ok_proof"]
    assert KEY.directions(N1, N2) == (TO_BOX, TO_HIS)


@pytest.mark.parametrize("vector", VECTORS["bodies"], ids=lambda v: f"{v['direction']} {v['seq']}")
def test_bodies_are_sealed_and_opened_as_published(vector: dict[str, Any]) -> None:
    direction = vector["direction"].encode()
    key = {HIS_TO_BOX: TO_BOX, BOX_TO_HIS: TO_HIS}[direction]
    seq, counter = int(vector["seq"], 16), vector["counter"]
    plain, sealed = vector["plain"].encode(), vector["sealed"].encode()
    assert Seal(key, direction, counter - 1).seal(seq, plain) == (
        Seal(key, direction, counter),
        sealed,
    )
    assert Opener(key, direction, counter - 1).open(seq, sealed) == (
        Opener(key, direction, counter),
        plain,
    )


@pytest.mark.parametrize("vector", VECTORS["must_refuse"], ids=lambda v: v["why"])
def test_what_must_be_refused_is(vector: dict[str, Any]) -> None:
    box = BoxEnd(KEY, Opener(TO_BOX, HIS_TO_BOX, vector["last_counter"]))
    sealed = vector["sealed"].encode()
    assert box.take(int(vector["seq"], 16), sealed, N2) == (box, REQUIRED)


def test_a_conversation_by_the_vectors() -> None:
    box, said = BoxEnd(KEY).take(1, body(HELLO), N2)
    assert said == Say(
        {"type": "hello_ok", "v": 1, "nonce": N2.hex(), "proof": VECTORS["hello_ok_proof"]}
    )
    for vector in VECTORS["bodies"][:2]:
        box, plain = opened(box, int(vector["seq"], 16), vector["sealed"].encode())
        assert plain.decode() == vector["plain"]


# ------------------------------------------------------------------ what must stay shut


@pytest.mark.parametrize(
    "message",
    [
        {**HELLO, "proof": "0" * 64},
        {**HELLO, "proof": VECTORS["hello_ok_proof"]},
        {**HELLO, "proof": VECTORS["hello_proof"].upper()},
        {**HELLO, "nonce": N2.hex()},
        {**HELLO, "nonce": N1.hex().upper()},
        {**HELLO, "nonce": ""},
        {**HELLO, "v": 2},
        {**HELLO, "type": "hello_ok"},
        {"type": "hello", "v": 1},
        {"type": "pay", "id": "T1", "amount_fen": 1, "business": "outpatient_fee"},
        {**HELLO, "proof": 7},
    ],
)
def test_whatever_is_not_sealed_but_a_proven_hello_is_refused(message: dict[str, Any]) -> None:
    for box in (BoxEnd(KEY), talking()[0]):
        assert box.take(1, body(message), N2) == (box, REQUIRED)


@pytest.mark.parametrize("junk", [b"", b"E1.", b"E1.A", b"E1.AAAA=", b"E1. AAAA", b"E2.AAAA", b"{"])
def test_junk_is_refused_and_changes_nothing(junk: bytes) -> None:
    box = talking()[0]
    assert box.take(1, junk, N2) == (box, REQUIRED)


def test_a_hello_in_xml_is_a_hello() -> None:
    text = "<hello><v>1</v><nonce>{}</nonce><proof>{}</proof></hello>"
    _, said = BoxEnd(KEY).take(1, text.format(N1.hex(), VECTORS["hello_proof"]).encode(), N2)
    assert isinstance(said, Say)
    assert said.message["type"] == "hello_ok"


def test_a_replayed_body_does_not_open_again_at_either_end() -> None:
    box, his, seal, box_seal = talking()
    _, sealed = seal.seal(3, b"pay")
    box, _ = opened(box, 3, sealed)
    assert box.take(3, sealed, N2) == (box, REQUIRED)
    _, sealed = box_seal.seal(2, b"paid")
    his, _ = his.take(2, sealed)
    assert his.take(2, sealed) == (his, Ignored())


def test_a_body_opens_only_under_its_own_seq_and_in_its_own_direction() -> None:
    box, his, seal, box_seal = talking()
    _, sealed = seal.seal(3, b"pay")
    assert box.take(4, sealed, N2) == (box, REQUIRED)
    assert his.take(3, sealed) == (his, Ignored())
    _, mine = box_seal.seal(3, b"paid")
    assert box.take(3, mine, N2) == (box, REQUIRED)


def test_counters_may_skip_but_never_go_back() -> None:
    box, _, seal, _ = talking()
    later, lost = seal.seal(3, b"lost")
    _, sealed = later.seal(4, b"next")
    box, plain = opened(box, 4, sealed)
    assert plain == b"next"
    assert box.take(3, lost, N2) == (box, REQUIRED)


@given(at=st.integers(0, 400), bit=st.integers(0, 7))
def test_one_changed_bit_anywhere_and_nothing_opens(at: int, bit: int) -> None:
    box, _, seal, _ = talking()
    _, sealed = seal.seal(3, b'{"type":"query","id":"T1"}')
    changed = bytearray(sealed)
    changed[at % len(sealed)] ^= 1 << bit
    box_after, taken = box.take(3, bytes(changed), N2)
    if isinstance(taken, Opened):  # base64: the last character has bits that carry nothing
        assert taken.body == b'{"type":"query","id":"T1"}'
    else:
        assert box_after == box


# ------------------------------------------------------------------ sessions follow each other


def test_the_old_session_stays_until_the_first_body_opens_under_the_new_keys() -> None:
    box, his, seal, _ = talking()
    box, new_his, new_seal = together(box, his, b"\x05" * 16, b"\x06" * 16)
    seal, sealed = seal.seal(3, b"old")
    box, plain = opened(box, 3, sealed)
    assert plain == b"old"
    _, sealed = new_seal.seal(4, b"new")
    box, taken = box.take(4, sealed, N2)
    assert isinstance(taken, Opened)
    assert taken.seal is not None
    _, sealed = seal.seal(5, b"old again")
    assert box.take(5, sealed, N2) == (box, REQUIRED)
    _, sealed = taken.seal.seal(2, b"hello_ok")
    assert new_his.take(2, sealed)[1] == Opened(b"hello_ok")


def test_a_replayed_hello_changes_nothing_for_the_session() -> None:
    box, _, seal, _ = talking()
    box, said = box.take(1, body(HELLO), b"\x07" * 16)
    assert isinstance(said, Say)
    assert said.message["type"] == "hello_ok"
    _, sealed = seal.seal(3, b"pay")
    assert opened(box, 3, sealed)[1] == b"pay"


def test_after_a_restart_of_the_box_the_his_says_hello_and_asks_again() -> None:
    _, his, seal, _ = talking()
    box = BoxEnd(KEY)
    _, sealed = seal.seal(3, b"query")
    box, said = box.take(3, sealed, N2)
    assert said == REQUIRED
    his, heard = his.take(1, body(HELLO_REQUIRED))
    assert heard == Required()
    box, his, seal = together(box, his, b"\x05" * 16, b"\x06" * 16)
    _, sealed = seal.seal(5, b"query")
    assert opened(box, 5, sealed)[1] == b"query"


def test_another_key_opens_no_door() -> None:
    his, hello = HisEnd(DeskKey.of(b"\x01" * 32)).hello(N1)
    box, said = BoxEnd(KEY).take(1, body(hello), N2)
    assert (box, said) == (BoxEnd(KEY), REQUIRED)
    his, hello = HisEnd(KEY).hello(N1)
    _, said = BoxEnd(KEY).take(1, body(hello), N2)
    assert isinstance(said, Say)
    forged = {**said.message, "nonce": "0" * 32}
    assert his.take(1, body(forged)) == (his, Ignored(unproved=True))


def test_a_box_that_is_not_sealed_is_not_believed() -> None:
    his, _ = HisEnd(KEY).hello(N1)
    plain = {"type": "hello_ok", "v": 1, "box": "BOX-0001", "desk": "MZ-03"}
    assert his.take(1, body(plain)) == (his, Ignored(unproved=True))
    paid = {"type": "result", "id": "T1", "status": "paid", "revision": 1}
    assert his.take(1, body(paid)) == (his, Ignored())


def test_a_replayed_hello_ok_answers_no_second_hello() -> None:
    his, hello = HisEnd(KEY).hello(N1)
    _, said = BoxEnd(KEY).take(1, body(hello), N2)
    assert isinstance(said, Say)
    his, _ = his.take(1, body(said.message))
    assert his.take(1, body(said.message)) == (his, Ignored())
    his, _ = his.hello(b"\x05" * 16)
    assert his.take(1, body(said.message)) == (his, Ignored(unproved=True))


# ------------------------------------------------------------------ sizes, and what is not shown


@pytest.mark.parametrize("limit", [SERIAL_BODY_BYTES, TCP_BODY_BYTES])
def test_the_longest_plain_body_just_fits_sealed(limit: int) -> None:
    seal = Seal(TO_BOX, HIS_TO_BOX)
    longest = plain_limit(limit)
    assert (
        len(seal.seal(1, b"x" * longest)[1]) <= limit < len(seal.seal(1, b"x" * (longest + 1))[1])
    )


def test_no_key_nonce_or_body_stands_in_a_repr() -> None:
    box, his, seal, _ = talking()
    shown = repr((KEY, box, his, seal, Opened(b"secret"), Say({"proof": "secret"})))
    for secret in (KEY.key, TO_BOX, TO_HIS, N1):
        assert repr(secret) not in shown
    assert "secret" not in shown
    assert handshake.HELLO_REQUIRED == {"type": "error", "code": "hello_required"}
