"""A HIS that nobody may touch: amounts from an LED8N display and a voice announcer."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gpiozero.pins.mock import MockFactory

from device import config
from device.app.box import Box
from device.domain.desk import view
from device.domain.screens import AmountDue, GivenBack, Idle, PaidScreen, SameAmount, UndoOffered
from device.drivers import gpio
from device.drivers.tcp import TcpStream, connect
from device.errors import ConfigError
from simulators.gateway.identities import Identities
from simulators.gateway.server import Gateway

if TYPE_CHECKING:
    from tests.flows.conftest import Desk, Pty

CANCEL_PIN = 23  # the default of [lamp] cancel_button
TOTAL, PAID, CHANGE = b"\x1bs2", b"\x1bs3", b"\x1bs4"
INPATIENT = {"default_business": "inpatient_deposit", "default_department": "inpatient"}


def number(yuan: str) -> bytes:
    return b"\x1bQA" + yuan.encode() + b"\r"


@pytest.fixture
async def old(
    tmp_path: Path, keys: Identities, make_desk: type["Desk"], make_pty: type["Pty"]
) -> AsyncIterator["Desk"]:
    """A desk in place of an LED8N display, with the old display behind it."""
    (tmp_path / "box.key").write_text("0" * 63 + "1")
    line, tee = make_pty(), make_pty()
    async with Gateway(keys) as gateway:
        desk = make_desk(tmp_path, gateway, keys)
        desk.line, desk.tee = line, tee
        desk.changes["his"] = {"link": "customer_display", **INPATIENT}
        desk.changes["his.customer_display"] = {"port": line.path, "tee_port": tee.path}
        await desk.power_on()
        await desk.glass.until(Idle)
        yield desk
        await desk.power_off()
    for cable in (desk.line, tee, desk.scanner):
        cable.close()


async def test_an_amount_on_the_display_is_paid_on_the_glass(old: "Desk") -> None:
    old.line.write(b"\x1b@" + TOTAL + number("12.34"))
    due = await old.glass.until(AmountDue)
    assert (due.amount_fen, due.title) == (1234, "住院押金")
    old.scan(old.code("wechat"))
    assert (await old.glass.until(PaidScreen)).amount_fen == 1234
    assert old.held_fen() == 1234
    assert os.read(old.tee.near, 100) == b"\x1b@" + TOTAL + number("12.34")


async def test_the_amount_sent_again_and_again_is_paid_once(
    old: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "RESULT_STAYS_S", 0.3)
    old.line.write(TOTAL + number("12.34"))
    await old.glass.until(AmountDue)
    old.scan(old.code("wechat"))
    await old.glass.until(PaidScreen)
    for _ in range(3):
        old.line.write(b"\x0c" + TOTAL + number("12.34"))
        await asyncio.sleep(0.2)
        old.scan(old.code("alipay"))
    await old.glass.until(SameAmount)
    old.scan(old.code("alipay"))
    old.line.write(TOTAL + number("5"))
    assert (await old.glass.until(AmountDue)).amount_fen == 500
    assert old.held_fen() == 1234


async def test_cash_takes_the_amount_off_the_glass(old: "Desk") -> None:
    old.line.write(TOTAL + number("12.34"))
    await old.glass.until(AmountDue)
    old.line.write(PAID + number("20") + CHANGE + number("7.66"))
    await old.glass.until(Idle)
    old.scan(old.code("wechat"))
    assert old.held_fen() == 0


async def test_the_rate_is_followed_and_the_line_may_be_plugged_anew(old: "Desk") -> None:
    old.line.write(b"\x02B0")
    await asyncio.sleep(0.1)
    old.line.write(TOTAL + number("3.00"))
    assert (await old.glass.until(AmountDue)).amount_fen == 300
    assert old.box._one_way
    assert [p.baudrate for p in old.box._one_way.ports] == [9600, 9600]  # type: ignore[attr-defined]


async def test_after_a_restart_what_was_paid_is_not_armed_by_itself(old: "Desk") -> None:
    old.line.write(TOTAL + number("12.34"))
    await old.glass.until(AmountDue)
    old.scan(old.code("wechat"))
    await old.glass.until(PaidScreen)
    await old.power_off()
    await old.power_on()
    await old.glass.until(Idle)
    old.line.write(TOTAL + number("12.34"))
    await old.glass.until(SameAmount)
    assert old.held_fen() == 1234


async def test_the_button_held_and_pressed_again_gives_the_last_payment_back(
    old: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = MockFactory()
    monkeypatch.setattr(gpio, "open_pins", lambda: pins)
    monkeypatch.setattr(gpio, "AGAIN_S", 0.0)
    monkeypatch.setattr(gpio.CancelButton.__init__, "__kwdefaults__", {"hold_s": 0.05})
    await old.power_off()
    old.changes["his"]["undo_by_button"] = True
    old.changes["lamp"] = {"driver": "gpio"}
    await old.power_on()
    button = pins.pin(CANCEL_PIN)
    old.line.write(TOTAL + number("12.34"))
    await old.glass.until(AmountDue)
    old.scan(old.code("wechat"))
    await old.glass.until(PaidScreen)
    button.drive_low()
    assert (await old.glass.until(UndoOffered)).amount_fen == 1234
    button.drive_high()
    assert old.held_fen() == 1234
    button.drive_low()
    button.drive_high()
    await old.glass.until(GivenBack)
    assert old.held_fen() == 0


class Ignore:
    def data_received(self, data: bytes) -> None:
        raise AssertionError(data)

    def closed(self) -> None:
        """The box has closed."""


async def test_an_announcer_may_come_by_tcp(
    tmp_path: Path, keys: Identities, make_desk: type["Desk"]
) -> None:
    (tmp_path / "box.key").write_text("0" * 63 + "1")
    async with Gateway(keys) as gateway:
        desk = make_desk(tmp_path, gateway, keys)
        desk.changes["his"] = {"link": "announcer"}
        desk.changes["his.announcer"] = {"listen": "127.0.0.1:0"}
        await desk.power_on()
        await desk.glass.until(Idle)
        host, port = desk.address.removeprefix("tcp://").split(":")
        his: TcpStream = await connect(host, int(port), Ignore())
        await asyncio.sleep(0.1)
        his.write(b"W234.56J")
        assert (await desk.glass.until(AmountDue)).amount_fen == 23456
        desk.scan(desk.code("alipay"))
        await desk.glass.until(PaidScreen)
        assert desk.held_fen() == 23456
        await desk.power_off()
        desk.scanner.close()


async def test_an_address_that_is_taken_is_one_line(
    tmp_path: Path, keys: Identities, make_desk: type["Desk"]
) -> None:
    (tmp_path / "box.key").write_text("0" * 63 + "1")
    async with Gateway(keys) as gateway:
        taken = gateway.wechat_url.removeprefix("http://").split("/")[0]
        desk = make_desk(tmp_path, gateway, keys)
        desk.changes["his"] = {"link": "announcer"}
        desk.changes["his.announcer"] = {"listen": taken}
        box = await Box.open(config.load(desk._write_config()), desk.glass)  # type: ignore[arg-type]  # a panel by its shape
        with pytest.raises(ConfigError, match=r"\[his.announcer\] listen = .*a free address"):
            await box.run()
        desk.scanner.close()


async def test_a_line_that_is_lost_takes_its_amount_along(old: "Desk") -> None:
    old.line.write(TOTAL + number("12.34"))
    await old.glass.until(AmountDue)
    old.line.close()
    await old.glass.until(Idle)
    old.line = type(old.line)()  # closed with the desk
