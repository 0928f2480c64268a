import asyncio
import contextlib
import errno
import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from device.drivers import plugged
from device.drivers.input_nodes import Event, Node
from device.drivers.scan_sink import ScanSink
from device.errors import HardwareError

PATIENT_S = 5.0


class Collected:
    """What a scanner told, and a way to wait for it."""

    def __init__(self) -> None:
        self.scans: list[tuple[str, float]] = []
        self.garbled: list[str] = []
        self.online: list[bool] = []
        self._news = asyncio.Event()
        self.sink = ScanSink(self._on_scan, self._on_garbled, self._on_online)

    @property
    def texts(self) -> list[str]:
        return [text for text, _ in self.scans]

    async def until(self, done: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENT_S):
            while not done():
                self._news.clear()
                await self._news.wait()

    def _on_scan(self, text: str, first_s: float) -> None:
        self.scans.append((text, first_s))
        self._news.set()

    def _on_garbled(self, why: str) -> None:
        self.garbled.append(why)
        self._news.set()

    def _on_online(self, online: Any) -> None:
        self.online.append(online)
        self._news.set()


@pytest.fixture
def collected() -> Collected:
    return Collected()


EVENT = struct.Struct("llHHi")
EV_SYN, EV_KEY, EV_MSC = 0, 1, 4
SHIFT, ENTER = 42, 28
CODES = {char: 2 + i for i, char in enumerate("1234567890")}
CODES |= {"\r": ENTER, "\n": 101, "\t": 15, "a": 30, "]": 27, "q": 16, "h": 35}
SHIFTED = {char: CODES[digit] for char, digit in zip("!@#$%^&*()", "1234567890", strict=True)}
PACE_US = 8000


class PipeNode:
    """The kernel's stream over a pipe, read by python-evdev's own reader."""

    def __init__(self, now_us: int | None = None) -> None:
        from evdev.eventio import EventIO  # noqa: PLC0415  built from source: absent somewhere

        self.fd, self._writing = os.pipe()
        self.path = f"/dev/input/event{self.fd}"
        os.set_blocking(self.fd, False)
        self._reader = EventIO()
        self._reader.fd = self.fd  # type: ignore[attr-defined]  # InputDevice's, which it reads
        self.now_us = int(time.monotonic() * 1e6) if now_us is None else now_us
        self.gone = self.grabbed = self.closed = self.busy = False
        self.keys_down: list[int] = []

    def read(self) -> Iterator[Event]:
        yield from self._reader.read()
        if self.gone:  # as the kernel does: first what is waiting, then the error
            raise OSError(errno.ENODEV, "No such device")

    def held(self) -> tuple[list[int], bool]:
        return self.keys_down, False

    def grab(self) -> None:
        if self.busy or self.grabbed:
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

    def press(self, code: int, value: int = 1) -> None:
        """Three events, as measured on a real one."""
        self.emit((EV_MSC, 4, 0x70000 + code), (EV_KEY, code, value), (EV_SYN, 0, 0))

    def tap(self, text: str, pace_us: int = PACE_US) -> None:
        for char in text:
            shift = char in SHIFTED
            code = SHIFTED[char] if shift else CODES[char]
            if shift:
                self.press(SHIFT)
            self.press(code)
            self.press(code, 0)
            if shift:
                self.press(SHIFT, 0)
            self.now_us += pace_us

    def unplug(self) -> None:
        self.gone = True
        self.emit((EV_SYN, 0, 0))  # wakes the reader as the kernel does


class Opened:
    """One opening of a node: another one of a node that is held neither reads nor lets go of it."""

    def __init__(self, node: PipeNode) -> None:
        self._node = node
        self.fd, self.path = node.fd, node.path
        self.read, self.held = node.read, node.held
        self._grabbed = False

    def grab(self) -> None:
        self._node.grab()
        self._grabbed = True

    def close(self) -> None:
        if self._grabbed or not self._node.grabbed:
            self._node.close()


class Bench:
    """A scanner whose device may be missing, come and go; `folder` stands for /dev/input."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes: list[PipeNode] = []
        self.fault = ""
        self.looks = 0

    def find(self, _match: str) -> list[Node]:
        self.looks += 1
        if self.fault or not self.nodes:
            raise HardwareError(self.fault or "no scanner fits")
        return [Opened(node) for node in self.nodes]

    async def until(self, done: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENT_S):
            while not done():  # noqa: ASYNC110  the driver tells nobody of it
                await asyncio.sleep(0)

    def make(self) -> PipeNode:
        return PipeNode()

    def plug(self, count: int = 1) -> PipeNode:
        self.nodes = [self.make() for _ in range(count)]
        self.appear()
        return self.nodes[0]

    def appear(self) -> None:
        """Make a node in the folder: that is what inotify sees."""
        (self.folder / f"event{len(list(self.folder.iterdir()))}").touch()


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bench]:
    monkeypatch.setattr(plugged, "POLL_S", 60.0)  # plugging in is heard of, not looked for
    bench = Bench(tmp_path)
    yield bench
    for node in bench.nodes:
        node.close()
