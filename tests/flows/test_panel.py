"""The real panel thread and driver before a payment, on a controller built from its datasheet."""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import pytest

from device import config as paybox_config
from device.app.box import Box
from device.display import panel as panel_module
from device.display.narrow import AMOUNT_TOP
from device.display.oled import Oled
from device.display.panel import ThreadPanel
from device.display.render import render
from device.domain.screens import AmountDue, PaidScreen
from device.domain.words import Wallet
from simulators.panel_model import PanelModel, model

if TYPE_CHECKING:
    from tests.flows.conftest import Desk

LOWER = (0, AMOUNT_TOP, 128, 64)
PATIENCE_S = 10.0


class RealPanel:
    """The box of a desk with a real panel in place of the one that only keeps screens."""

    def __init__(self, desk: "Desk") -> None:
        self.desk = desk
        self.glass: PanelModel = model("ssd1306")
        self.panel = ThreadPanel(lambda: Oled("ssd1306", 128, 64, self.glass), 128, 64)

    async def start(self) -> None:
        await self.desk.power_off()
        self.panel.start()
        loaded = paybox_config.load(self.desk._write_config())
        self.desk.box = await Box.open(loaded, self.panel)
        self.desk._run = asyncio.create_task(self.desk.box.run())
        await self.until(lambda: bool(self.desk.box.address))
        await self.desk.connect(self.desk.box.address)

    def shows_amount(self, fen: int) -> bool:
        amount = render(AmountDue(fen, "门诊收费"), 128, 64).crop(LOWER)
        return self.glass.picture().crop(LOWER).tobytes() == amount.tobytes()

    def shows_paid(self, fen: int) -> bool:
        paid = render(PaidScreen(fen, Wallet.WECHAT), 128, 64)
        return self.glass.picture().tobytes() == paid.tobytes()

    async def pay(self, his_id: str, fen: int, seen: Callable[[], bool]) -> "asyncio.Task[Any]":
        asked = self.desk.pay(his_id, fen)
        await self.until(seen)
        return asked

    async def scan_until(self, asked: "asyncio.Task[Any]") -> Any:
        """Hold up a phone, and again as a patient does, until it is over."""
        while not asked.done():
            self.desk.scan(self.desk.code("wechat"))
            await asyncio.wait([asked], timeout=1.0)
        return (await asked)["status"]

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not reached():  # noqa: ASYNC110  a panel tells nobody
                await asyncio.sleep(0.01)


@pytest.fixture
async def real(desk: "Desk") -> AsyncIterator[RealPanel]:
    started = RealPanel(desk)
    await started.start()
    yield started
    started.panel.close()


async def test_the_amount_and_the_success_stand_on_the_glass(real: RealPanel) -> None:
    asked = await real.pay("T1", 1234, lambda: real.shows_amount(1234))
    assert await real.scan_until(asked) == "paid"
    await real.until(lambda: real.shows_paid(1234))


async def test_a_panel_that_fails_in_mid_payment_stops_nothing_and_comes_back(
    real: RealPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_module, "REOPEN_S", (0.05,))
    asked = await real.pay("T1", 1234, lambda: real.shows_amount(1234))
    real.glass.fault = OSError(errno.EIO, "loose wire")
    assert await real.scan_until(asked) == "paid"
    await real.until(lambda: not real.panel.working)
    asked = await real.pay("T2", 500, lambda: True)
    assert await real.scan_until(asked) == "paid"  # 0.3 s after arming a code counts
    real.glass.power_cycle()
    real.glass.fault = None
    asked = await real.pay("T3", 700, lambda: real.shows_amount(700))
    assert real.panel.working
    assert await real.scan_until(asked) == "paid"
    await real.until(lambda: real.shows_paid(700))
