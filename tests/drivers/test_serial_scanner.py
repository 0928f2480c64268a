import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from device.drivers.plugged import BUSY
from device.drivers.serial_scanner import SerialScanner

if TYPE_CHECKING:
    from tests.drivers.conftest import Collected

WECHAT = "134567890123456789"


class Cable:
    """A pty: the test is the scanner's end."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()  # the slave kept open, else the master reads EIO
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)

    def scan(self, text: str) -> None:
        os.write(self.master, text.encode())

    def unplug(self) -> None:
        for fd in (self._slave, self.master):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._slave = self.master = -1


@pytest.fixture
async def cable(collected: "Collected") -> AsyncIterator[Cable]:
    cable = Cable()
    scanner = SerialScanner(cable.path, 9600, collected.sink)
    task = asyncio.create_task(scanner.run())
    await collected.until(lambda: scanner.online)
    yield cable
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    cable.unplug()


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\t"])
async def test_a_code_ends_at_its_terminator(
    cable: Cable, collected: "Collected", end: str
) -> None:
    cable.scan(WECHAT + end)
    await collected.until(lambda: collected.scans)
    assert collected.texts == [WECHAT]


async def test_a_code_without_terminator_ends_by_silence(
    cable: Cable, collected: "Collected"
) -> None:
    start = asyncio.get_running_loop().time()
    cable.scan(WECHAT)
    await collected.until(lambda: collected.scans)
    assert collected.texts == [WECHAT]
    assert asyncio.get_running_loop().time() - start >= 0.1


async def test_a_code_in_two_pieces_is_one(cable: Cable, collected: "Collected") -> None:
    cable.scan(WECHAT[:7])
    await asyncio.sleep(0)
    cable.scan(WECHAT[7:] + "\r")
    await collected.until(lambda: collected.scans)
    assert collected.texts == [WECHAT]


async def test_two_codes_in_one_read_are_two_scans(cable: Cable, collected: "Collected") -> None:
    cable.scan(f"{WECHAT}\r\n{WECHAT[::-1]}\r\n")
    await collected.until(lambda: len(collected.scans) == 2)
    assert collected.texts == [WECHAT, WECHAT[::-1]]


async def test_line_noise_is_garbled_and_the_next_code_is_read(
    cable: Cable, collected: "Collected"
) -> None:
    os.write(cable.master, b"\xff\x00\x81\r")
    cable.scan(WECHAT + "\r")
    await collected.until(lambda: collected.scans)
    assert (collected.garbled, collected.texts) == (["letters"], [WECHAT])


async def test_unplugging_drops_the_part_and_is_a_state(
    cable: Cable, collected: "Collected"
) -> None:
    cable.scan(WECHAT[:9])
    await asyncio.sleep(0.02)
    cable.unplug()
    await collected.until(lambda: collected.online == [True, False])
    assert collected.scans == []
    assert collected.garbled == ["unplugged"]


async def test_a_missing_port_is_a_state_and_no_error(collected: "Collected") -> None:
    scanner = SerialScanner("/dev/does-not-exist", 9600, collected.sink)
    task = asyncio.create_task(scanner.run())
    await asyncio.sleep(0)
    assert not scanner.online
    assert "does-not-exist" in scanner.fault
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_port_that_a_running_box_holds_is_no_fault_of_the_cable(
    cable: Cable, collected: "Collected"
) -> None:
    second = SerialScanner(str(cable.path), 9600, collected.sink)
    looking = asyncio.ensure_future(second.run())
    await asyncio.sleep(0.02)
    assert (second.online, second.fault) == (False, BUSY)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
