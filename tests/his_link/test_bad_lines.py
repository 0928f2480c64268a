"""Box and HIS over lines that delay, split, lose and damage bytes: one story, many lines.

Both ends are the real session on real connections; only the line and the hands of the clock are
made up, so a run is a function of its seed.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from device.domain.replies import Result
from device.domain.requests import Pay
from device.his_link.connection import Connection
from device.his_link.frames import SERIAL_BODY_BYTES, TCP_BODY_BYTES
from device.his_link.session import Line, Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from device.his_link.link import HisLink
    from tests.his_link.conftest import Hands, TinyDesk

BAUD_S = 10 / 9600
SERIAL = Line(SERIAL_BODY_BYTES, closes=False, byte_s=BAUD_S, asks=True)
TCP = Line(TCP_BODY_BYTES, closes=True, asks=True)


@dataclass
class BadLine:
    """One direction: takes chunks, gives bytes later, perhaps fewer or others."""

    hands: Hands
    chance: random.Random
    delay_s: float = 0.0
    one_by_one: bool = False
    lost_chunks: float = 0.0
    damaged_bytes: float = 0.0
    noise: float = 0.0
    is_closed: bool = False
    free_at_s: float = 0.0
    sink: Callable[[bytes], None] = print
    """Who is at the far end; set once both ends exist."""

    def write(self, data: bytes) -> None:
        if self.chance.random() < self.lost_chunks:
            return
        data = bytes(
            self.chance.randrange(256) if self.chance.random() < self.damaged_bytes else byte
            for byte in data
        )
        if self.chance.random() < self.noise:
            data = self.chance.randbytes(3) + data
        size = 1 if self.one_by_one else len(data)
        for part in (data[i : i + size] for i in range(0, len(data), size)):
            self.free_at_s = max(self.free_at_s, self.hands.now_s) + self.delay_s
            self.hands.call_later(self.free_at_s - self.hands.now_s, partial(self.sink, part))

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Till:
    """A HIS that asks until it is answered, as every HIS must."""

    answers: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    def on_message(self, seq: int, body: bytes) -> None:
        assert seq
        message = json.loads(body)
        self.answers.setdefault(message["id"], []).append(message)

    def on_sent(self, token: object, seq: int) -> None:
        pass

    def on_acknowledged(self, token: object) -> None:
        pass

    def on_here(self) -> None:
        pass

    def on_up(self, up: bool) -> None:  # noqa: FBT001  Listener's signature
        pass


LINES: dict[str, dict[str, Any]] = {
    "clean": {},
    "byte at a time": {"one_by_one": True, "delay_s": BAUD_S},
    "slow": {"delay_s": 0.7},
    "20 % lost": {"lost_chunks": 0.2},
    "damaged": {"damaged_bytes": 0.003, "one_by_one": True, "delay_s": BAUD_S},
    "noisy": {"noise": 0.3},
    "all of it": {"lost_chunks": 0.1, "damaged_bytes": 0.001, "noise": 0.1, "delay_s": 0.05},
}


def pay(number: int) -> Message:
    body = {"type": "pay", "id": f"T{number}", "amount_fen": number, "business": "registration"}
    return Message(json.dumps(body).encode(), token=f"T{number}")


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("seed", range(5))
def test_every_pay_is_answered_rightly_over_a_bad_serial_line(
    link: HisLink, desk: TinyDesk, hands: Hands, name: str, seed: int
) -> None:
    chance = random.Random(seed)
    till = Till()
    to_his, to_box = BadLine(hands, chance, **LINES[name]), BadLine(hands, chance, **LINES[name])
    his = Connection(to_box, SERIAL, hands, till)
    to_his.sink = his.data_received
    to_box.sink = link.attach(to_his, "serial", baudrate=9600).data_received
    for number in range(1, 21):
        for _ in range(30):  # asks again after a silence, with the same words
            if f"T{number}" in till.answers:
                break
            his.send(pay(number))
            hands.advance(20.0)
    assert {i: {a["amount_fen"] for a in answers} for i, answers in till.answers.items()} == {
        f"T{n}": {n} for n in range(1, 21)
    }
    asked = [request for _, _, request in desk.requests]
    assert {(r.id, r.amount_fen) for r in asked if isinstance(r, Pay)} == {
        (f"T{n}", n) for n in range(1, 21)
    }


@pytest.mark.parametrize("name", ["clean", "byte at a time", "slow"])
def test_a_line_that_loses_nothing_delivers_everything_once(
    link: HisLink, desk: TinyDesk, hands: Hands, name: str
) -> None:
    till = Till()
    chance = random.Random(1)
    to_his, to_box = BadLine(hands, chance, **LINES[name]), BadLine(hands, chance, **LINES[name])
    his = Connection(to_box, TCP, hands, till)
    to_his.sink = his.data_received
    to_box.sink = link.attach(to_his).data_received
    for number in range(1, 301):
        his.send(pay(number))
    for revision in range(2, 52):
        link.send(1, Result("U", 1, revision, "paid", amount_fen=7))
    hands.advance(3000.0)
    asked = [request for _, _, request in desk.requests]
    assert [r.id for r in asked if isinstance(r, Pay)] == [f"T{n}" for n in range(1, 301)]
    assert [a["revision"] for a in till.answers.pop("U")] == list(range(2, 52))
    assert [len(answers) for answers in till.answers.values()] == [1] * 300
    assert not to_his.is_closed
    assert not to_box.is_closed
