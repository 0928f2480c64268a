"""The serial port over real ptys: data, unplugging, replugging, a stuck line."""

import asyncio
import os
import termios
import time
import tty
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from device.drivers.serial_port import WRITE_LIMIT_BYTES, SerialPort

REOPEN_S = 0.02


class Cable:
    """A pty pair behind a symlink, which stands for the USB adapter under /dev/serial/by-id."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plug()

    def plug(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.path.symlink_to(os.ttyname(self.slave))

    def unplug(self) -> None:
        self.path.unlink(missing_ok=True)
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)
        self.master = self.slave = -1

    def read(self) -> bytes:
        try:
            return os.read(self.master, 65536)
        except BlockingIOError:
            return b""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  the other end is a kernel device, not our code
            await asyncio.sleep(0.002)


def ignore(_: object) -> None:
    pass


class Desk:
    """What the port's owner sees."""

    def __init__(self, path: Path) -> None:
        self.received = bytearray()
        self.opened: list[bool] = []
        self.port = SerialPort(
            str(path), 9600, self.received.extend, self.opened.append, reopen_s=REOPEN_S
        )
        self.task = asyncio.create_task(self.port.run())


@pytest.fixture
async def cable(tmp_path: Path) -> AsyncIterator[Cable]:
    cable = Cable(tmp_path / "usb-if00")
    yield cable
    cable.unplug()


@pytest.fixture
async def desk(cable: Cable) -> AsyncIterator[Desk]:
    desk = Desk(cable.path)
    await until(lambda: desk.port.is_open)
    yield desk
    desk.port.close()
    await asyncio.wait_for(desk.task, 1)


async def test_bytes_pass_both_ways(cable: Cable, desk: Desk) -> None:
    os.write(cable.master, b"12.34J\r\n")
    await until(lambda: desk.received == b"12.34J\r\n")
    desk.port.write(b"\x06\x30\x31")
    await until(lambda: cable.read() == b"\x06\x30\x31")
    assert desk.opened == [True]


async def test_what_was_waiting_is_thrown_away(cable: Cable) -> None:
    os.write(cable.master, b"9999.00J\r\n")
    desk = Desk(cable.path)
    await until(lambda: desk.port.is_open)
    os.write(cable.master, b"new")
    await until(lambda: bytes(desk.received) == b"new")
    desk.port.close()
    await desk.task


async def test_unplugged_is_told_and_replugged_is_found(cable: Cable, desk: Desk) -> None:
    cable.unplug()
    await until(lambda: not desk.port.is_open)
    assert desk.opened == [True, False]
    desk.port.write(b"to nobody")
    cable.plug()
    await until(lambda: desk.port.is_open)
    os.write(cable.master, b"again")
    await until(lambda: desk.received == b"again")
    assert desk.opened == [True, False, True]
    assert cable.read() == b""


async def test_a_port_just_plugged_in_is_open_before_the_next_look(tmp_path: Path) -> None:
    """Heard of by inotify, also where the folder itself appears with the first device."""
    folder = tmp_path / "serial" / "by-id"
    opened = asyncio.Event()
    port = SerialPort(
        str(folder / "usb-if00"), 9600, ignore, lambda _open: opened.set(), reopen_s=600
    )
    task = asyncio.create_task(port.run())
    await asyncio.sleep(0)
    folder.parent.mkdir()
    folder.mkdir()
    cable = Cable(folder / "usb-if00")
    async with asyncio.timeout(5):
        await opened.wait()
    port.close()
    await task
    cable.unplug()


async def test_a_pattern_is_the_first_port_that_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "ttyACM0").touch()  # not a serial port
    cable = Cable(tmp_path / "ttyACM1")
    desk = Desk(tmp_path / "ttyACM*")
    await until(lambda: desk.port.is_open)
    os.write(cable.master, b"12.34J")
    await until(lambda: bytes(desk.received) == b"12.34J")
    desk.port.close()
    await desk.task
    cable.unplug()


async def test_a_missing_port_is_waited_for_without_a_busy_loop(tmp_path: Path) -> None:
    tries = 0

    class Counting(SerialPort):
        def _open(self) -> bool:
            nonlocal tries
            tries += 1
            return super()._open()

    port = Counting(str(tmp_path / "none"), 9600, ignore, ignore, reopen_s=REOPEN_S)
    task = asyncio.create_task(port.run())
    await asyncio.sleep(10 * REOPEN_S)
    assert not task.done()
    assert 2 <= tries <= 11
    assert not port.is_open
    port.close()
    await task


async def test_an_unplugged_port_costs_no_cpu(cable: Cable, desk: Desk) -> None:
    os.close(cable.master)
    cable.master = -1
    await until(lambda: not desk.port.is_open)
    before = time.process_time()
    await asyncio.sleep(0.2)
    assert time.process_time() - before < 0.15


async def test_the_port_is_ours_alone(cable: Cable, desk: Desk) -> None:
    other = Desk(cable.path)
    await asyncio.sleep(3 * REOPEN_S)
    assert desk.port.is_open
    assert not other.port.is_open
    other.port.close()
    await other.task


async def test_a_stuck_line_drops_whole_writes_and_never_blocks(cable: Cable, desk: Desk) -> None:
    frame = b"f" * 1000
    started = time.monotonic()
    for _ in range(200):
        desk.port.write(frame)
    assert time.monotonic() - started < 0.5
    assert len(desk.port._out) <= WRITE_LIMIT_BYTES
    got = bytearray()

    def drained() -> bool:
        arrived = cable.read()
        got.extend(arrived)
        return not arrived and not desk.port._out

    await until(drained)
    assert len(got) >= 2 * len(frame)
    assert len(got) % len(frame) == 0
    desk.port.write(b"after")
    await until(lambda: cable.read() == b"after")


@pytest.mark.parametrize("baudrate", [-1, 10**12])
async def test_a_setting_the_port_refuses_is_an_unopened_port(cable: Cable, baudrate: int) -> None:
    port = SerialPort(str(cable.path), baudrate, ignore, ignore, reopen_s=REOPEN_S)
    task = asyncio.create_task(port.run())
    await asyncio.sleep(3 * REOPEN_S)
    assert not task.done()
    assert not port.is_open
    port.close()
    await task


async def test_closing_twice_and_before_opening_is_harmless(tmp_path: Path) -> None:
    port = SerialPort(str(tmp_path / "none"), 9600, ignore, ignore)
    port.close()
    port.close()
    await asyncio.wait_for(port.run(), 1)


async def test_cancelling_the_task_closes_the_port(cable: Cable) -> None:
    desk = Desk(cable.path)
    await until(lambda: desk.port.is_open)
    desk.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await desk.task
    assert desk.opened == [True, False]


async def test_the_rate_may_be_switched_while_open_and_while_not(tmp_path: Path) -> None:
    cable = Cable(tmp_path / "tty")
    desk = Desk(cable.path)
    desk.port.set_baudrate(4800)
    task = asyncio.create_task(desk.port.run())
    await until(lambda: desk.port.is_open)
    assert speed(cable.slave) == termios.B4800
    desk.port.set_baudrate(300)
    assert speed(cable.slave) == termios.B300
    desk.port.set_baudrate(-1)  # no port can do this: it is opened anew
    assert not desk.port.is_open
    desk.port.close()
    await task
    cable.unplug()


def speed(fd: int) -> int:
    rate: int = termios.tcgetattr(fd)[5]
    return rate
