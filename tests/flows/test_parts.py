"""The serial cable, missing parts, restarts: what a technician and a power cut do."""

import asyncio
import os
import signal
import socket
from typing import TYPE_CHECKING, Any

import pytest

from device import config as paybox_config
from device.app.box import Box
from device.app.diagnosis import diagnose
from device.domain.screens import (
    AmountDue,
    ClockNotSet,
    Idle,
    OfflineScreen,
    OperatorView,
    PaidScreen,
)
from device.errors import ConfigError
from simulators.gateway.scripts import read_binding

if TYPE_CHECKING:
    from tests.flows.conftest import Desk


def relay(source: int, sink: int) -> None:
    """Pass on what has come."""
    os.write(sink, os.read(source, 4096))


async def restart(desk: "Desk", changes: dict[str, dict[str, object]]) -> None:
    """Switch off, change the configuration, switch on and connect."""
    await desk.power_off()
    desk.changes = changes
    await desk.power_on()
    if desk.address.startswith("tcp"):
        await desk.connect()


async def part(desk: "Desk", name: str) -> dict[str, Any]:
    """One line of the diagnosis."""
    parts = (await desk.ask("status"))["parts"]
    return next(dict(p) for p in parts if p["part"] == name)


async def test_a_his_on_a_serial_cable_collects(desk: "Desk") -> None:
    near = os.openpty()  # one pty for the box; a relay makes the cable's other half
    far = os.openpty()
    loop = asyncio.get_running_loop()
    for source, sink in ((near[0], far[0]), (far[0], near[0])):
        loop.add_reader(source, relay, source, sink)
    box_port, his_port = os.ttyname(near[1]), os.ttyname(far[1])
    await restart(desk, {"his": {"link": "serial"}, "his.serial": {"port": box_port}})
    await desk.connect(f"serial://{his_port}?baudrate=9600")
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    assert (await asked)["status"] == "paid"
    for source in (near[0], far[0]):
        loop.remove_reader(source)


async def test_a_wrong_key_is_one_clear_line_and_the_other_wallet_works(desk: "Desk") -> None:
    wrong = desk.directory / "wrong.key"
    wrong.write_text("0" * 32)
    await restart(desk, {"channels.wechat": {"api_key_file": str(wrong)}})
    while (line := await part(desk, "wechat"))["state"] == "warn":  # noqa: ASYNC110  the HIS polls
        await asyncio.sleep(0.05)
    assert line["state"] == "fail"
    refused = await desk.pay("T1", 100, wallet="wechat")
    assert (refused["code"], refused["reason"]) == ("offline", "channel_not_verified")
    asked = desk.pay("T2", 100)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("alipay"))
    assert (await asked)["status"] == "paid"


async def test_a_missing_key_file_switches_off_its_wallet_alone(desk: "Desk") -> None:
    await restart(desk, {"channels.wechat": {"api_key_file": "nowhere.key"}})
    line = await part(desk, "wechat")
    assert line["state"] == "fail"
    assert "api_key_file" in line["text"]
    assert (await part(desk, "alipay"))["state"] in {"ok", "warn"}


async def test_without_the_vpn_no_amount_is_armed(desk: "Desk") -> None:
    await restart(desk, {"network": {"vpn_interface": "wg-none0"}})
    refused = await desk.pay("T1", 100)
    assert (refused["code"], refused["reason"]) == ("offline", "vpn")
    await desk.glass.until(OfflineScreen)


async def test_without_the_time_no_amount_is_armed(desk: "Desk") -> None:
    await restart(desk, {"clock": {"source": "timesyncd"}})
    assert (await desk.pay("T1", 100))["code"] == "clock_not_set"
    await desk.glass.until(ClockNotSet)
    assert (await part(desk, "clock"))["state"] == "fail"


async def test_a_missing_scanner_is_a_screen_and_a_line(desk: "Desk") -> None:
    await restart(desk, {"scanner": {"port": "/dev/ttyNOWHERE0"}})
    assert (await part(desk, "scanner"))["state"] == "fail"
    asked = desk.pay("T1", 100)
    await desk.glass.until(AmountDue)
    await desk.ask("cancel", id="T1")
    await asked


async def test_a_restart_keeps_every_answer(desk: "Desk") -> None:
    asked = desk.pay("T1", 100)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    before = await asked
    await desk.glass.until(PaidScreen)
    await restart(desk, {})
    after = await desk.unasked("paid")  # nobody had said `received`
    assert {**after, "re": before["re"]} == before
    await desk.glass.until(Idle)


async def test_a_charge_that_was_only_armed_is_not_armed_again(desk: "Desk") -> None:
    asked = desk.pay("T1", 100)
    await desk.glass.until(AmountDue)
    await restart(desk, {})
    asked.cancel()
    answer = await desk.ask("query", id="T1")
    assert (answer["status"], answer["reason"]) == ("not_paid", "restarted")
    assert not any(isinstance(s, AmountDue) for s in desk.glass.screens)


async def test_a_payment_under_way_is_waited_for_at_sigterm(desk: "Desk") -> None:
    asked = desk.pay("T1", 100)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat", {"name": "password", "after_s": 0.4}))
    await asyncio.sleep(0.1)
    await restart(desk, {})
    asked.cancel()
    assert (await desk.settled("T1"))["status"] == "paid"
    assert desk.held_fen() == 100


async def test_an_idle_box_is_gone_at_once(desk: "Desk") -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await desk.power_off()
    assert loop.time() - began < 2.0
    await desk.power_on()
    await desk.connect()


async def test_questions_are_answered_while_a_payment_runs(desk: "Desk") -> None:
    desk.gateway.bind(read_binding({"match": {"amount_fen": 777}, "do": "password_never"}))
    asked = desk.pay("T1", 777)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    loop = asyncio.get_running_loop()
    times = []
    for type_ in ("query", "last", "status") * 5:
        began = loop.time()
        await desk.ask(type_, id="T1")
        times.append(loop.time() - began)
    assert sorted(times)[len(times) // 2] < 0.05
    asked.cancel()


async def test_check_names_every_part_and_leaves_no_trace(desk: "Desk") -> None:
    loaded = paybox_config.load(desk.directory / "paybox.toml")
    events = desk.journal("SELECT count(*) FROM events")
    parts = {p.part: p.state for p in await diagnose(loaded)}
    assert set(parts) == {
        *("scanner", "display", "his_link", "vpn", "wechat"),
        *("alipay", "clock", "disk", "journal", "sync"),
    }
    assert (parts["wechat"], parts["alipay"], parts["journal"]) == ("ok", "ok", "ok")
    assert desk.journal("SELECT count(*) FROM events") == events
    assert desk.held_fen() == 0


async def test_an_address_in_use_is_one_line_that_names_the_key(desk: "Desk") -> None:
    await desk.power_off()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "{}:{}".format(*taken.getsockname())
        desk.changes = {"his.tcp": {"listen": address}}
        box = await Box.open(paybox_config.load(desk._write_config()), desk.glass)  # type: ignore[arg-type]  # a panel by its shape
        with pytest.raises(ConfigError, match=r"\[his.tcp\] listen = 127.0.0.1:\d+: .*allowed"):
            await box.run()
    desk.changes = {}
    await desk.power_on()


async def test_a_technician_sees_the_box_and_its_last_result_on_the_glass(desk: "Desk") -> None:
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    assert (await asked)["status"] == "paid"
    await desk.glass.until(Idle)
    os.kill(os.getpid(), signal.SIGUSR1)
    seen = await desk.glass.until(OperatorView)
    assert seen.last
    assert (seen.last.status, seen.last.fen, seen.desk) == ("paid", 1234, "MZ-03")
    desk.pay("T2", 5).add_done_callback(lambda _: None)
    await desk.glass.until(AmountDue)
