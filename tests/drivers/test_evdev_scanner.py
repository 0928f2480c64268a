import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from device.drivers import plugged
from device.drivers.evdev_scanner import EvdevScanner

if TYPE_CHECKING:
    from tests.drivers.conftest import Bench, Collected

pytest.importorskip("evdev", reason="evdev is built from source; the card has it")

WECHAT = "134567890123456789"
EV_SYN, EV_KEY = 0, 1
SYN_DROPPED = 3
SHIFT = 42
DIGIT_1, DIGIT_9 = 2, 10


@pytest.fixture
async def scanner(bench: "Bench", collected: "Collected") -> AsyncIterator[EvdevScanner]:
    bench.plug()
    scanner = EvdevScanner("auto", collected.sink, bench.find, bench.folder)
    task = asyncio.create_task(scanner.run())
    await collected.until(lambda: collected.online)
    yield scanner
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_scan_is_one_code_with_the_time_of_its_first_key(
    scanner: EvdevScanner, bench: "Bench", collected: "Collected"
) -> None:
    began_s = bench.nodes[0].now_us / 1e6
    bench.nodes[0].tap(WECHAT + "\r")
    await collected.until(lambda: collected.scans)
    ((text, first_s),) = collected.scans
    assert text == WECHAT
    assert first_s == pytest.approx(began_s)
    assert scanner.online
    assert not scanner.fault


@pytest.mark.usefixtures("scanner")
async def test_keys_lost_by_the_kernel_never_give_a_shortened_code(
    bench: "Bench", collected: "Collected"
) -> None:
    node = bench.nodes[0]
    node.emit((EV_SYN, SYN_DROPPED, 0), (EV_KEY, DIGIT_9, 1), (EV_SYN, 0, 0))
    node.tap("3456789\r")
    await collected.until(lambda: collected.garbled)
    node.tap(WECHAT + "\r")
    await collected.until(lambda: collected.scans)
    assert collected.garbled == ["overrun"]
    assert collected.texts == [WECHAT]


@pytest.mark.usefixtures("scanner")
async def test_keys_held_during_the_loss_are_asked_for(
    bench: "Bench", collected: "Collected"
) -> None:
    node = bench.nodes[0]
    node.emit((EV_KEY, SHIFT, 1), (EV_SYN, SYN_DROPPED, 0), (EV_SYN, 0, 0))
    node.tap("\ra\r")
    await collected.until(lambda: collected.scans)
    assert collected.texts == ["a"]  # the release of Shift was lost


@pytest.mark.usefixtures("scanner")
async def test_autorepeat_is_no_character(bench: "Bench", collected: "Collected") -> None:
    node = bench.nodes[0]
    node.emit((EV_KEY, DIGIT_1, 1), (EV_SYN, 0, 0))
    for _ in range(5):
        node.emit((EV_KEY, DIGIT_1, 2), (EV_SYN, 0, 1))
    node.emit((EV_KEY, DIGIT_1, 0), (EV_SYN, 0, 0))
    node.tap("2\r")
    await collected.until(lambda: collected.scans)
    assert collected.texts == ["12"]


async def test_what_was_typed_before_the_grab_is_forgotten(
    bench: "Bench", collected: "Collected"
) -> None:
    bench.plug().tap("999")
    scanner = EvdevScanner("auto", collected.sink, bench.find, bench.folder)
    task = asyncio.create_task(scanner.run())
    await collected.until(lambda: scanner.online)
    assert bench.nodes[0].grabbed
    bench.nodes[0].tap(WECHAT + "\r")
    await collected.until(lambda: collected.scans)
    assert collected.texts == [WECHAT]
    task.cancel()


async def test_unplugging_drops_the_part_and_plugging_in_resumes(
    scanner: EvdevScanner, bench: "Bench", collected: "Collected"
) -> None:
    node = bench.nodes[0]
    node.tap(WECHAT[:9])
    node.unplug()
    bench.nodes = []
    await collected.until(lambda: collected.online == [True, False])
    assert (collected.garbled, node.closed, scanner.online) == (["unplugged"], True, False)
    bench.plug()
    await collected.until(lambda: collected.online == [True, False, True])
    bench.nodes[0].tap(WECHAT + "\r")
    await collected.until(lambda: collected.scans)
    assert collected.texts == [WECHAT]


async def test_a_scanner_somebody_else_holds_is_never_read_ungrabbed(
    bench: "Bench", collected: "Collected"
) -> None:
    node = bench.plug()
    node.busy = True
    scanner = EvdevScanner("auto", collected.sink, bench.find, bench.folder)
    task = asyncio.create_task(scanner.run())
    await asyncio.sleep(0)
    assert scanner.fault.startswith("扫码枪被其他程序占用")
    assert not scanner.online
    assert node.closed
    assert collected.online == []
    task.cancel()


async def test_all_nodes_of_a_device_are_held_and_let_go_together(
    bench: "Bench", collected: "Collected"
) -> None:
    bench.plug(2)
    keyboard, other = bench.nodes
    scanner = EvdevScanner("auto", collected.sink, bench.find, bench.folder)
    task = asyncio.create_task(scanner.run())
    await collected.until(lambda: scanner.online)
    assert keyboard.grabbed
    assert other.grabbed
    bench.nodes = []
    other.unplug()
    await collected.until(lambda: not scanner.online)
    assert keyboard.closed
    assert other.closed
    task.cancel()


async def test_a_node_that_appears_later_is_held_beside_the_first(
    scanner: EvdevScanner, bench: "Bench", collected: "Collected"
) -> None:
    """Composite scanners: the keyboard works at once, its sister as soon as it is there."""
    keyboard, late = bench.nodes[0], bench.make()
    keyboard.tap(WECHAT[:9])
    bench.nodes = [keyboard, late]
    bench.appear()
    await bench.until(lambda: late.grabbed)
    keyboard.tap(WECHAT[9:] + "\r")
    await collected.until(lambda: collected.scans)
    assert collected.texts == [WECHAT]  # the first was neither let go nor read twice
    assert collected.online == [True]
    bench.nodes = []
    late.unplug()
    await collected.until(lambda: not scanner.online)
    assert keyboard.closed
    assert late.closed


async def test_a_later_node_that_somebody_else_holds_takes_nothing_away(
    scanner: EvdevScanner, bench: "Bench", collected: "Collected"
) -> None:
    keyboard, late = bench.nodes[0], bench.make()
    late.busy = True
    bench.nodes = [keyboard, late]
    bench.appear()
    await bench.until(lambda: late.closed)
    keyboard.tap(WECHAT + "\r")
    await collected.until(lambda: collected.scans)
    assert collected.texts == [WECHAT]
    assert scanner.online
    assert scanner.fault == "扫码枪被其他程序占用"


async def test_another_keyboard_does_not_disturb_the_one_that_is_held(
    scanner: EvdevScanner, bench: "Bench", collected: "Collected"
) -> None:
    """With `auto` it could not be told which one is the scanner, were both there at the start."""
    bench.fault, before = "two keyboards", bench.looks
    bench.appear()
    await bench.until(lambda: bench.looks > before)
    bench.nodes[0].tap(WECHAT + "\r")
    await collected.until(lambda: collected.scans)
    assert (scanner.online, scanner.fault) == (True, "")


async def test_two_scanners_never_mix_their_keys(bench: "Bench", collected: "Collected") -> None:
    bench.plug(2)
    scanner = EvdevScanner("0c2e:0b61", collected.sink, bench.find, bench.folder)
    task = asyncio.create_task(scanner.run())
    await collected.until(lambda: scanner.online)
    for char in "1\r":
        for node in bench.nodes:
            node.tap(char)
    await collected.until(lambda: len(collected.scans) == 2)
    assert collected.texts == ["1", "1"]
    task.cancel()


async def test_a_missing_scanner_is_a_state_with_one_clear_line(
    bench: "Bench",
    collected: "Collected",
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plugged, "POLL_S", 0.01)
    bench.fault = "no scanner fits 0c2e:0b61"
    scanner = EvdevScanner("0c2e:0b61", collected.sink, bench.find, bench.folder)
    task = asyncio.create_task(scanner.run())
    await asyncio.sleep(0.05)  # several looks
    assert not task.done()
    assert scanner.fault == bench.fault
    assert len(caplog.records) == 1
    task.cancel()


async def test_ending_the_task_lets_the_scanner_go(
    scanner: EvdevScanner, bench: "Bench", collected: "Collected"
) -> None:
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await collected.until(lambda: not scanner.online)
    assert bench.nodes[0].closed
