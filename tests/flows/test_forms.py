"""A HIS that writes XML is told in XML, also after it and the box were away."""

from typing import TYPE_CHECKING

import pytest

from device.domain.screens import AmountDue
from device.domain.words import Form
from device.drivers.streams import open_stream
from device.his_link.body import Writing
from device.his_link.host import Client
from device.his_link.session import Line

if TYPE_CHECKING:
    from tests.flows.conftest import Desk

XML = Writing("gbk", Form.XML)
GBK = Writing("gbk")


class Watched(Client):
    """Keeps every body as it came."""

    def __init__(self, line: Line, writing: Writing, *, key: bytes | None = None) -> None:
        super().__init__(line, writing, key=key)
        self.bodies: list[bytes] = []

    def on_message(self, seq: int, body: bytes) -> None:
        self.bodies.append(body)
        super().on_message(seq, body)


async def connect(desk: "Desk", writing: Writing) -> Watched:
    desk.his.close()
    client = await Watched.connect(desk.address, open_stream, writing)
    desk.his = client
    return client


@pytest.mark.parametrize("order", ["pay", "refund"])
async def test_results_told_unasked_keep_the_form_over_a_reboot(desk: "Desk", order: str) -> None:
    desk.changes = {"his": {"encoding": "gbk"}}
    await desk.power_off()
    await desk.power_on()
    his = await connect(desk, XML)
    asked = desk.pay("T1", 1234, title="门诊收费")
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    answer = await asked
    assert (answer["status"], answer["amount_fen"], answer["booked"]) == ("paid", 1234, False)
    assert his.bodies[-1].decode("gb18030").startswith("<result><re>01</re><id>T1</id>")
    if order == "refund":
        await his.tell("received", {"id": "T1", "revision": answer["revision"]})
        answer = await desk.ask("refund", id="F1", pay_id="T1", amount="0.34")
        assert (answer["status"], answer["amount_fen"]) == ("refunded", 34)
    await desk.power_off()
    await desk.power_on()
    his = await connect(desk, GBK)
    assert (await desk.ask("status"))["type"] == "status_result"
    assert (await desk.unasked(answer["status"]))["id"] == answer["id"]
    assert any(b.startswith(f"<{answer['type']}><id>".encode()) for b in his.bodies)
    assert any(b.startswith(b'{"type":"status_result"') for b in his.bodies)
