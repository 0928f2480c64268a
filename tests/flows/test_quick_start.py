"""The quick start's frames, sent as they stand on the page, get the answers that stand there."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from device.domain.screens import AmountDue
from device.drivers.streams import open_stream
from device.his_link import frames
from device.his_link.acceptance.visit import Raw

if TYPE_CHECKING:
    from tests.flows.conftest import Desk

DOCS = Path(__file__).parents[2] / "docs"
OWN = {
    "out_trade_no": r"[A-Z0-9]{32}",
    "out_refund_no": r"[A-Z0-9]{32}",
    "provider_trade_no": r"[0-9]{28}",
    "provider_refund_no": r"[0-9]{28,29}",
    "paid_at": r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00",
    "refunded_at": r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00",
}
"""Other at each desk and each time."""


@pytest.fixture(scope="session")
def page() -> ModuleType:
    path = DOCS / "generate_quick_start.py"
    spec = importlib.util.spec_from_file_location("generate_quick_start", path)
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


async def opened(desk: "Desk") -> Raw:
    raw = Raw()
    raw.stream = await open_stream(desk.address, raw)
    return raw


async def answered(raw: Raw, count: int) -> frames.Frame:
    """The frame that comes as the count-th on this line."""
    await raw.until(lambda: len(raw.of(frames.Frame)) >= count, 20.0, "no answer")
    said: frames.Frame = raw.of(frames.Frame)[count - 1]
    return said


def like(said: frames.Frame, shown: Any) -> None:
    """The same SEQ, the same fields in the same order, the same values but for this desk's own."""
    told, written = json.loads(said.body), json.loads(shown.body)
    assert said.seq == shown.seq
    assert list(told) == list(written)
    for name in OWN.keys() & told.keys():
        for fields in (told, written):
            assert re.fullmatch(OWN[name], fields.pop(name)), name
    assert told == written


async def test_the_page_holds_at_a_real_box(desk: "Desk", page: ModuleType) -> None:
    desk.his.close()
    exchanges = page.exchanges()
    pay, _, paid, received = exchanges["pay"]
    raw = await opened(desk)
    raw.write(pay.raw)
    await desk.glass.until(AmountDue)
    assert raw.bytes == b"\x0601"
    desk.scan(desk.code("wechat"))
    like(await answered(raw, 1), paid)
    raw.stream.close()  # the line is lost: the answer is as if it had never come
    raw = await opened(desk)
    raw.write(exchanges["lost"][1].raw)
    like(await answered(raw, 1), paid)  # byte for byte, as the page says, but for the names
    raw.write(received.raw)
    back, refunded, taken, _ = exchanges["refund"]
    raw.write(back.raw)
    like(await answered(raw, 2), refunded)
    raw.write(taken.raw)
    changed = json.loads((await answered(raw, 3)).body)
    assert (changed["id"], changed["revision"], changed["refunded_fen"]) == ("MZ0000017", 3, 2345)
    raw.write(frames.encode(5, b'{"type":"received","id":"MZ0000017","revision":3}'))
    raw.write(frames.encode(6, b'{"type":"hello"}'))
    hello = json.loads((await answered(raw, 4)).body)
    assert hello["undelivered"] == []
    assert [event.seq for event in raw.of(frames.Ack)] == [1, 2, 3, 4, 5, 6]
    assert desk.held_fen() == page.PAID.amount_fen - page.REFUNDED.amount_fen
    raw.stream.close()
