import asyncio
import contextlib
import errno
import os
import struct
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

from device.drivers import evdev_scanner
from device.drivers.evdev_scanner import EvdevScanner
from device.drivers.input_nodes import Node
from device.errors import HardwareError

if TYPE_CHECKING:
    from tests.drivers.conftest import Collected

pytest.importorskip("evdev", reason="evdev is built from source; the card has it")
from evdev.eventio import EventIO
from evdev.events import InputEvent

WECHAT = "134567890123456789"
EVENT = struct.Struct("llHHi")
EV_SYN, EV_KEY, EV_MSC = 0, 1, 4
SYN_DROPPED = 3
SHIFT, ENTER = 42, 28
CODES = {char: 2 + i for i, char in enumerate("1234567890")} | {"\r": ENTER, "a": 30}
PACE_US = 8000


class PipeNode(EventIO):
    """The kernel's stream over a pipe, read by python-evdev's own reader."""

    def __init__(self) -> None:
        self.fd, self._writing = os.pipe()
        os.set_blocking(self.fd, False)
        self.now_us = 100_000_000
        self.gone = self.grabbed = self.closed = self.busy = False
        self.keys_down: list[int] = []

    def read(self) -> Iterator[InputEvent]:
        yield from super().read()
        if self.gone:  # as the kernel does: first what is waiting, then the error
            raise OSError(errno.ENODEV, "No such device")

    def held(self) -> tuple[list[int], bool]:
        return self.keys_down, False

    def grab(self) -> None:
        if self.busy:
            raise OSError(errno.EBUSY, "Device or resource busy")
        self.grabbed = True

    def close(self) -> None:
        self.closed = True
        for fd in (self.fd, self._writing):
            with contextlib.suppress(OSError):
                os.close(fd)

    def emit(self, *events: tuple[int, int, int]) -> None:
        stamp = divmod(self.now_us, 1_000_000)
        os.write(self._writing, b"".join(EVENT.pack(*stamp, *event) for event in events))

    def tap(self, text: str) -> None:
        """Six events a key, as measured on a real one."""
        for char in text:
            code = CODES[char]
            scan_code = (EV_MSC, 4, 0x70000 + code)
            self.emit(scan_code, (EV_KEY, code, 1), (EV_SYN, 0, 0))
            self.emit(scan_code, (EV_KEY, code, 0), (EV_SYN, 0, 0))
            self.now_us += PACE_US

    def unplug(self) -> None:
        self.gone = True
        self.emit((EV_SYN, 0, 0))  # wakes the reader as the kernel does


class Bench:
    """A scanner whose device may be missing, come and go."""

    def __init__(self) -> None:
        self.nodes: list[PipeNode] = []
        self.next: list[PipeNode] = []
        self.fault = ""

    def find(self, _match: str) -> list[Node]:
        if self.fault or not self.nodes:
            raise HardwareError(self.fault or "no scanner fits")
        found, self.nodes = self.nodes, self.next or self.nodes
        return list(found)

    def plug(self) -> PipeNode:
        self.nodes = [PipeNode()]
        return self.nodes[0]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(evdev_scanner, "POLL_S", 0.01)
    monkeypatch.setattr(evdev_scanner, "SETTLE_S", 0.01)
    bench = Bench()
    yield bench
    for node in bench.nodes:
        node.close()


@pytest.fixture
async def scanner(bench: Bench, collected: "Collected") -> AsyncIterator[EvdevScanner]:
    bench.plug()
    scanner = EvdevScanner("auto", collected.sink, bench.find)
    task = asyncio.create_task(scanner.run())
    await collected.until(lambda: collected.online)
    yield scanner
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_scan_is_one_code_with_the_time_of_its_first_key(
    scanner: EvdevScanner, bench: Bench, collected: "Collected"
) -> None:
    bench.nodes[0].tap(WECHAT + "\r")
    await collected.until(lambda: collected.scans)
    assert collected.scans == [(WECHAT, 100.0)]
    assert scanner.online
    assert not scanner.fault


@pytest.mark.usefixtures("scanner")
async def test_keys_lost_by_the_kernel_never_give_a_shortened_code(
    bench: Bench, collected: "Collected"
) -> None:
    node = bench.nodes[0]
    node.emit((EV_SYN, SYN_DROPPED, 0), (EV_KEY, CODES["9"], 1), (EV_SYN, 0, 0))
    node.tap("3456789\r")
    await collected.until(lambda: collected.garbled)
    node.tap(WECHAT + "\r")
    await collected.until(lambda: collected.scans)
    assert collected.garbled == ["overrun"]
    assert collected.texts == [WECHAT]


@pytest.mark.usefixtures("scanner")
async def test_keys_held_during_the_loss_are_asked_for(
    bench: Bench, collected: "Collected"
) -> None:
    node = bench.nodes[0]
    node.emit((EV_KEY, SHIFT, 1), (EV_SYN, SYN_DROPPED, 0), (EV_SYN, 0, 0))
    node.tap("\ra\r")
    await collected.until(lambda: collected.scans)
    assert collected.texts == ["a"]  # the release of Shift was lost


@pytest.mark.usefixtures("scanner")
async def test_autorepeat_is_no_character(bench: Bench, collected: "Collected") -> None:
    node = bench.nodes[0]
    node.emit((EV_KEY, CODES["1"], 1), (EV_SYN, 0, 0))
    for _ in range(5):
        node.emit((EV_KEY, CODES["1"], 2), (EV_SYN, 0, 1))
    node.tap("2\r")
    await collected.until(lambda: collected.scans)
    assert collected.texts == ["12"]


async def test_what_was_typed_before_the_grab_is_forgotten(
    bench: Bench, collected: "Collected"
) -> None:
    bench.plug().tap("999")
    scanner = EvdevScanner("auto", collected.sink, bench.find)
    task = asyncio.create_task(scanner.run())
    await collected.until(lambda: scanner.online)
    assert bench.nodes[0].grabbed
    bench.nodes[0].tap(WECHAT + "\r")
    await collected.until(lambda: collected.scans)
    assert collected.texts == [WECHAT]
    task.cancel()


async def test_unplugging_drops_the_part_and_plugging_in_resumes(
    scanner: EvdevScanner, bench: Bench, collected: "Collected"
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
    bench: Bench, collected: "Collected"
) -> None:
    node = bench.plug()
    node.busy = True
    scanner = EvdevScanner("auto", collected.sink, bench.find)
    task = asyncio.create_task(scanner.run())
    await asyncio.sleep(0)
    assert scanner.fault == "扫码器被其他程序占用"
    assert not scanner.online
    assert node.closed
    assert collected.online == []
    task.cancel()


async def test_all_nodes_of_a_device_are_held_and_let_go_together(
    bench: Bench, collected: "Collected"
) -> None:
    bench.nodes = [PipeNode(), PipeNode()]
    keyboard, other = bench.nodes
    scanner = EvdevScanner("auto", collected.sink, bench.find)
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


async def test_a_scanner_just_plugged_in_is_opened_when_all_its_nodes_are_there(
    bench: Bench, collected: "Collected"
) -> None:
    scanner = EvdevScanner("auto", collected.sink, bench.find)
    task = asyncio.create_task(scanner.run())
    await asyncio.sleep(0)
    assert scanner.fault
    first = bench.plug()
    bench.next = [PipeNode(), PipeNode()]
    await collected.until(lambda: scanner.online)
    assert first.closed
    assert [node.grabbed for node in bench.nodes] == [True, True]
    task.cancel()


async def test_two_scanners_never_mix_their_keys(bench: Bench, collected: "Collected") -> None:
    bench.nodes = [PipeNode(), PipeNode()]
    scanner = EvdevScanner("0c2e:0b61", collected.sink, bench.find)
    task = asyncio.create_task(scanner.run())
    await collected.until(lambda: scanner.online)
    for char in "1\r":
        for node in bench.nodes:
            node.tap(char)
    await collected.until(lambda: len(collected.scans) == 2)
    assert collected.texts == ["1", "1"]
    task.cancel()


async def test_a_missing_scanner_is_a_state_with_one_clear_line(
    bench: Bench, collected: "Collected", caplog: pytest.LogCaptureFixture
) -> None:
    bench.fault = "no scanner fits 0c2e:0b61"
    scanner = EvdevScanner("0c2e:0b61", collected.sink, bench.find)
    task = asyncio.create_task(scanner.run())
    await asyncio.sleep(0.05)  # several looks
    assert not task.done()
    assert scanner.fault == bench.fault
    assert len(caplog.records) == 1
    task.cancel()


async def test_ending_the_task_lets_the_scanner_go(
    scanner: EvdevScanner, bench: Bench, collected: "Collected"
) -> None:
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await collected.until(lambda: not scanner.online)
    assert bench.nodes[0].closed
