import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from PIL import Image

from device.display import panel as panel_module
from device.display.panel import NO_PANEL_S, NoPanel, ThreadPanel, Wish
from device.display.panels import bus_node, make_panel
from device.display.render import render
from device.display.rest import REST_S
from device.domain.screens import (
    AmountDue,
    Idle,
    Password,
    ScannerMissing,
    Screen,
    Starting,
    Stopped,
)
from device.domain.words import Wallet
from device.errors import HardwareError

Told = TypeVar("Told")
FIRST, SECOND, THIRD = (AmountDue(fen, "门诊收费") for fen in (100, 200, 300))
PATIENT_S = 5.0  # a test waits no longer for the drawing thread


def bits(screen: Screen) -> bytes:
    return render(screen, 128, 64).tobytes()


class FakeGlass:
    """Says what was put on it; may be held up or broken by the test."""

    def __init__(self) -> None:
        self.pictures: queue.Queue[bytes] = queue.Queue()
        self.free = threading.Event()
        self.free.set()
        self.entered = threading.Event()
        self.broken = False
        self.light: list[str] = []
        self.opened = self.closed = self.renewed = 0

    def open(self) -> "FakeGlass":
        self.opened += 1
        if self.broken:
            raise HardwareError("no panel")
        return self

    def put(self, image: Image.Image) -> None:
        self.entered.set()
        self.free.wait(PATIENT_S)
        if self.broken:
            raise HardwareError("panel gone")
        self.pictures.put(image.tobytes())

    def dim(self, *, dimmed: bool) -> None:
        self.light.append("dim" if dimmed else "full")

    def renew(self) -> None:
        self.renewed += 1

    def close(self) -> None:
        self.closed += 1

    def next(self) -> bytes:
        return self.pictures.get(timeout=PATIENT_S)


@pytest.fixture
def glass() -> FakeGlass:
    return FakeGlass()


@pytest.fixture
def panel(glass: FakeGlass) -> Iterator[ThreadPanel]:
    panel = ThreadPanel(glass.open, 128, 64)
    yield panel
    glass.free.set()
    panel.close()


class Heard:
    """Collects what `drawn` was told."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self._told = asyncio.Event()

    def __call__(self, at: float) -> None:
        assert asyncio.get_running_loop()  # on the loop, never in the drawing thread
        assert threading.current_thread() is threading.main_thread()
        self.times.append(at)
        self._told.set()

    async def wait(self) -> float:
        await asyncio.wait_for(self._told.wait(), PATIENT_S)
        return self.times[0]


def test_the_starting_screen_needs_no_loop(panel: ThreadPanel, glass: FakeGlass) -> None:
    panel.start()
    assert glass.next() == bits(Starting())


async def test_drawn_is_told_after_the_picture_is_on_the_glass(
    panel: ThreadPanel, glass: FakeGlass
) -> None:
    panel.start()
    glass.next()
    glass.free.clear()
    heard, before = Heard(), time.monotonic()
    panel.show(FIRST, heard)
    await asyncio.to_thread(glass.entered.wait, PATIENT_S)
    assert heard.times == []
    glass.free.set()
    at = await heard.wait()
    assert glass.next() == bits(FIRST)
    assert before < at <= time.monotonic()


async def test_the_newest_screen_wins_and_the_others_are_never_told_drawn(
    panel: ThreadPanel, glass: FakeGlass
) -> None:
    glass.free.clear()
    panel.start()
    await asyncio.to_thread(glass.entered.wait, PATIENT_S)
    old, new = Heard(), Heard()
    panel.show(FIRST, old)
    panel.show(SECOND, old)
    panel.show(THIRD, new)
    glass.free.set()
    await new.wait()
    assert [glass.next(), glass.next()] == [bits(Starting()), bits(THIRD)]
    assert old.times == []


async def test_a_screen_on_the_glass_counts_no_more_once_another_is_wanted(
    panel: ThreadPanel, glass: FakeGlass
) -> None:
    panel.start()
    glass.next()
    old, new = Heard(), Heard()
    panel.show(FIRST, old)
    glass.next()  # the loop stands still: `drawn` can only wait in its queue
    panel.show(SECOND, new)
    await new.wait()
    assert old.times == []


async def test_the_same_screen_again_is_told_again(panel: ThreadPanel, glass: FakeGlass) -> None:
    panel.start()
    glass.next()
    for _ in range(2):
        heard = Heard()
        panel.show(FIRST, heard)
        await heard.wait()


async def test_without_a_panel_drawn_is_told_at_once_and_0_3_s_later_stamped(
    panel: ThreadPanel, glass: FakeGlass
) -> None:
    glass.broken = True
    panel.start()
    first = Heard()
    panel.show(FIRST, first)
    await first.wait()
    assert not panel.working
    before, second = time.monotonic(), Heard()
    panel.show(SECOND, second)
    at = await second.wait()
    assert before + NO_PANEL_S <= at <= time.monotonic() + NO_PANEL_S


async def test_a_screen_asked_for_while_the_panel_is_failing_is_told_too(
    panel: ThreadPanel, glass: FakeGlass
) -> None:
    glass.free.clear()
    panel.start()
    await asyncio.to_thread(glass.entered.wait, PATIENT_S)
    heard, before = Heard(), time.monotonic()
    panel.show(FIRST, heard)
    glass.broken = True
    glass.free.set()
    assert await heard.wait() >= before + NO_PANEL_S


async def test_a_panel_that_comes_back_gets_the_newest_screen(
    panel: ThreadPanel, glass: FakeGlass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_module, "REOPEN_S", (0.01,))
    panel.start()
    glass.next()
    glass.broken = True
    heard = Heard()
    panel.show(FIRST, heard)
    await heard.wait()
    assert glass.closed == 1
    panel.show(SECOND)
    glass.broken = False
    assert await asyncio.to_thread(glass.next) == bits(SECOND)
    assert panel.working
    assert len(heard.times) == 1


async def test_a_bus_that_hangs_does_not_hold_the_amount_up_for_ever(
    panel: ThreadPanel, glass: FakeGlass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_module, "PATIENCE_S", 0.01)
    panel.start()
    glass.next()
    glass.free.clear()
    heard = Heard()
    panel.show(FIRST, heard)
    assert await heard.wait() <= time.monotonic()


async def test_a_bug_in_drawing_ends_neither_the_panel_nor_the_payment(
    panel: ThreadPanel, glass: FakeGlass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_module, "REOPEN_S", (0.01,))
    panel.start()
    glass.next()
    heard = Heard()
    panel.show("no screen", heard)  # type: ignore[arg-type]  # the bug
    await heard.wait()
    panel.show(SECOND)
    assert await asyncio.to_thread(glass.next) == bits(SECOND)


async def test_a_countdown_runs_by_itself(
    panel: ThreadPanel, glass: FakeGlass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_module, "COUNTDOWN_S", 0.001)
    now = [100.0]
    panel = ThreadPanel(glass.open, 128, 64, monotonic=lambda: now[0])
    panel.show(Password(100, Wallet.WECHAT, 9))
    panel.start()
    assert await asyncio.to_thread(glass.next) == bits(Password(100, Wallet.WECHAT, 9))
    now[0] = 102.5
    async with asyncio.timeout(PATIENT_S):  # pictures of before may be waiting in the queue
        while await asyncio.to_thread(glass.next) != bits(Password(100, Wallet.WECHAT, 7)):
            pass
    panel.close()


def test_a_panel_at_rest_is_renewed_now_and_then(
    glass: FakeGlass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_module, "RENEW_S", 0.01)
    panel = ThreadPanel(glass.open, 128, 64)
    panel.start()
    assert [glass.next(), glass.next()] == [bits(Starting())] * 2
    panel.close()
    assert glass.renewed >= 1


async def test_a_panel_at_rest_is_dimmed_and_moved_until_somebody_comes(
    glass: FakeGlass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_module, "RENEW_S", 0.01)
    now = [100.0]
    idle = Idle("市一医院", "MZ-03", ())
    panel = ThreadPanel(glass.open, 128, 64, monotonic=lambda: now[0])
    panel.show(idle)
    panel.start()
    assert await asyncio.to_thread(glass.next) == bits(idle)
    assert set(glass.light) == {"full"}
    now[0] += REST_S
    moved_pictures = {await asyncio.to_thread(glass.next) for _ in range(3)}
    assert moved_pictures - {bits(idle)}
    assert glass.light[-1] == "dim"
    panel.show(FIRST)
    while await asyncio.to_thread(glass.next) != bits(FIRST):
        pass
    assert glass.light[-1] == "full"
    panel.close()


async def test_at_rest_the_thread_wakes_once_a_minute(
    glass: FakeGlass, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float | None] = []

    class Counted(threading.Condition):
        def wait_for(self, predicate: Callable[[], Told], timeout: float | None = None) -> Told:
            waits.append(timeout)
            return super().wait_for(predicate, timeout)

    monkeypatch.setattr(threading, "Condition", Counted)
    panel = ThreadPanel(glass.open, 128, 64)
    monkeypatch.undo()
    panel.show(Idle("市一医院", "MZ-03", ()))
    panel.start()
    await asyncio.to_thread(glass.next)
    panel.close()
    assert set(waits) == {60.0}


def test_a_countdown_ends_at_zero_and_needs_no_more_wakeups() -> None:
    wish = Wish(AmountDue(100, "", seconds_left=3), since=10.0)
    assert wish.now(11.9) == AmountDue(100, "", seconds_left=2)
    assert wish.now(99.0) == AmountDue(100, "", seconds_left=0)
    assert wish.counts_down(12.0)
    assert not wish.counts_down(13.0)
    assert not Wish(ScannerMissing(), since=10.0).counts_down(10.0)


async def test_showing_after_the_loop_has_gone_is_no_error(
    panel: ThreadPanel, glass: FakeGlass
) -> None:
    loop = asyncio.new_event_loop()

    async def ask() -> None:
        panel.show(FIRST, lambda _at: None)

    await asyncio.to_thread(loop.run_until_complete, ask())
    loop.close()
    panel.start()
    assert await asyncio.to_thread(glass.next) == bits(FIRST)
    panel.show(SECOND)
    assert await asyncio.to_thread(glass.next) == bits(SECOND)


def test_what_is_shown_last_is_drawn_before_the_end(glass: FakeGlass) -> None:
    panel = ThreadPanel(glass.open, 128, 64)
    panel.start()
    glass.next()
    panel.show(Stopped())
    panel.close()
    assert glass.next() == bits(Stopped())


def test_a_missing_panel_does_not_hold_the_end_up(glass: FakeGlass) -> None:
    glass.broken = True
    panel = ThreadPanel(glass.open, 128, 64)
    panel.start()
    panel.show(Stopped())
    began = time.monotonic()
    panel.close()
    assert time.monotonic() - began < 1
    assert glass.opened <= 3


def test_closing_ends_the_thread_and_the_glass(glass: FakeGlass) -> None:
    panel = ThreadPanel(glass.open, 128, 64)
    panel.start()
    glass.next()
    panel.close()
    assert glass.closed == 1


def test_a_panel_that_was_never_started_may_be_closed(glass: FakeGlass) -> None:
    ThreadPanel(glass.open, 128, 64).close()
    assert glass.opened == 0


async def test_no_panel_counts_every_amount_as_seen_after_0_3_s() -> None:
    heard = Heard()
    panel = NoPanel(monotonic=lambda: 50.0)
    panel.start()
    panel.show(FIRST, heard)
    assert heard.times == []
    assert await heard.wait() == 50.0 + NO_PANEL_S
    panel.show(SECOND)
    panel.close()


@dataclass(frozen=True, slots=True)
class Section:
    driver: str
    path: Path
    width: int = 128
    height: int = 64
    i2c_port: int = 31
    i2c_address: int = 0x3C
    spi_port: int = 6
    spi_device: int = 2
    spi_dc: int = 24
    spi_reset: int = 25


@pytest.mark.parametrize("driver", ["ssd1306", "sh1106", "ssd1322"])
async def test_a_box_without_its_panel_still_tells_drawn(driver: str, tmp_path: Path) -> None:
    panel = make_panel(Section(driver, tmp_path / "x.png"), "zh")
    panel.start()
    heard = Heard()
    panel.show(FIRST, heard)
    await heard.wait()
    panel.close()
    assert not panel.working


async def test_the_png_panel_shows_the_screen(tmp_path: Path) -> None:
    panel = make_panel(Section("png", tmp_path / "screen.png"), "zh")
    panel.start()
    heard = Heard()
    panel.show(FIRST, heard)
    await heard.wait()
    panel.close()
    with Image.open(tmp_path / "screen.png") as stored:
        assert stored.convert("1").tobytes() == bits(FIRST)


@pytest.mark.parametrize(
    ("driver", "node"),
    [("ssd1306", "/dev/i2c-31"), ("ssd1322", "/dev/spidev6.2"), ("png", None), ("none", None)],
)
def test_the_diagnosis_can_look_for_the_bus(driver: str, node: str | None, tmp_path: Path) -> None:
    assert bus_node(Section(driver, tmp_path)) == (node and Path(node))


def test_none_is_no_panel(tmp_path: Path) -> None:
    assert isinstance(make_panel(Section("none", tmp_path), "zh"), NoPanel)
