import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from device.drivers.stdin_scanner import StdinScanner

if TYPE_CHECKING:
    from tests.drivers.conftest import Collected

WECHAT = "134567890123456789"


@asynccontextmanager
async def running(scanner: StdinScanner) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(scanner.run())
    await asyncio.sleep(0)
    yield task
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        with contextlib.suppress(OSError):
            os.close(fd)


async def test_each_line_is_a_code(ends: tuple[int, int], collected: "Collected") -> None:
    async with running(StdinScanner(collected.sink, ends[0], monotonic=lambda: 7.0)):
        os.write(ends[1], f"{WECHAT}\n{WECHAT[::-1]}\n".encode())
        await collected.until(lambda: len(collected.scans) == 2)
    assert collected.scans == [(WECHAT, 7.0), (WECHAT[::-1], 7.0)]


async def test_a_slow_hand_is_no_gap(ends: tuple[int, int], collected: "Collected") -> None:
    times = iter([1.0, 50.0])
    async with running(StdinScanner(collected.sink, ends[0], monotonic=lambda: next(times))):
        os.write(ends[1], WECHAT[:5].encode())
        await asyncio.sleep(0.02)
        os.write(ends[1], f"{WECHAT[5:]}\n".encode())
        await collected.until(lambda: collected.scans)
    assert collected.scans == [(WECHAT, 1.0)]


async def test_the_end_of_the_input_is_a_state_and_does_not_spin(
    ends: tuple[int, int], collected: "Collected"
) -> None:
    scanner = StdinScanner(collected.sink, ends[0])
    async with running(scanner) as task:
        os.write(ends[1], b"123")
        os.close(ends[1])
        await collected.until(lambda: collected.online == [True, False])
        assert not task.done()
        assert scanner.fault
    assert collected.garbled == ["unplugged"]
    assert not asyncio.get_running_loop().remove_reader(ends[0])


async def test_a_plain_file_is_offline(tmp_path: Path, collected: "Collected") -> None:
    (tmp_path / "codes").write_text(WECHAT)
    with (tmp_path / "codes").open() as file:
        scanner = StdinScanner(collected.sink, file.fileno())
        async with running(scanner):
            assert not scanner.online
    assert collected.online == [False]
