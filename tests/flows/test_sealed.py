"""A sealed desk, whole: it collects, refuses strangers, and both sides may be restarted."""

import asyncio
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from device.domain.screens import AmountDue
from device.domain.words import Form
from device.drivers.streams import open_stream
from device.his_link.body import Writing
from device.his_link.calls import NoAnswer
from device.his_link.host import Client
from simulators.pki import make_pki

if TYPE_CHECKING:
    from tests.flows.conftest import Desk


async def seal(desk: "Desk", changes: dict[str, dict[str, object]]) -> bytes:
    """Switch on with a key for the HIS; return the key."""
    key = secrets.token_bytes(32)
    (desk.directory / "his.key").write_text(key.hex() + "\n")
    await desk.power_off()
    desk.changes = {**changes, "his": {"security": "aes", **changes.get("his", {})}}
    await desk.power_on()
    return key


async def test_a_sealed_desk_collects_and_gives_back(desk: "Desk") -> None:
    key = await seal(desk, {})
    desk.his = await Client.connect(desk.address, open_stream, key=key)
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    assert (await asked)["status"] == "paid"
    desk.his.close()
    desk.his = await Client.connect(desk.address, open_stream, Writing(form=Form.XML), key=key)
    assert (await desk.ask("query", id="T1"))["status"] == "paid"
    assert (await desk.ask("refund", id="F1", pay_id="T1", amount="12.34"))["status"] == "refunded"
    assert desk.held_fen() == 0


async def test_strangers_and_plain_programs_get_nothing(desk: "Desk") -> None:
    key = await seal(desk, {})
    with pytest.raises(NoAnswer):
        await Client.connect(desk.address, open_stream, key=bytes(32))
    plain = await Client.connect(desk.address, open_stream)
    plain.post("pay", {"id": "T1", "amount_fen": 1, "business": "outpatient_fee"})
    assert await plain.unasked() == {"type": "error", "code": "hello_required"}
    plain.close()
    desk.his = await Client.connect(desk.address, open_stream, key=key)
    assert (await desk.ask("query", id="T1"))["code"] == "not_found"


async def test_on_a_cable_either_side_may_be_restarted(desk: "Desk") -> None:
    near, far = os.openpty(), os.openpty()
    loop = asyncio.get_running_loop()
    for source, sink in ((near[0], far[0]), (far[0], near[0])):
        loop.add_reader(source, _relay, source, sink)
    box_port, his_port = os.ttyname(near[1]), os.ttyname(far[1])
    address = f"serial://{his_port}?baudrate=9600"
    serial: dict[str, dict[str, object]] = {
        "his": {"link": "serial"},
        "his.serial": {"port": box_port},
    }
    key = await seal(desk, serial)
    desk.his = await Client.connect(address, open_stream, key=key)
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("alipay"))
    assert (await asked)["status"] == "paid"
    await desk.power_off()
    await desk.power_on()  # the box has forgotten the session; the HIS has not
    assert (await desk.ask("query", id="T1"))["status"] == "paid"
    desk.his.close()  # the HIS is restarted; the box has a session still
    with suppress(NoAnswer):
        await desk.his.unasked()
    desk.his = await Client.connect(address, open_stream, key=key)
    assert (await desk.ask("query", id="T1"))["status"] == "paid"
    for source in (near[0], far[0]):
        loop.remove_reader(source)


async def test_a_desk_inside_tls_collects_from_a_his_with_a_certificate(desk: "Desk") -> None:
    pki = make_pki(desk.directory / "pki")
    files: dict[str, object] = {
        "cert_file": str(pki.box_cert),
        "key_file": str(pki.box_key),
        "client_ca_file": str(pki.ca),
    }
    await desk.power_off()
    desk.changes = {"his": {"security": "tls"}, "his.tls": files}
    await desk.power_on()
    address = f"{desk.address.replace('tcp:', 'tls:')}?ca={pki.ca}"
    desk.his = await Client.connect(address, open_stream)  # shows no certificate
    with pytest.raises(NoAnswer):
        await desk.ask("status")
    desk.his = await Client.connect(f"{address}&cert={pki.his_cert}&key={pki.his_key}", open_stream)
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    assert (await asked)["status"] == "paid"


def _relay(source: int, sink: int) -> None:
    os.write(sink, os.read(source, 4096))
