"""A scanner in HID-POS mode, read from hidraw: whole codes, no keys, no layout, no pauses.

Such a scanner has no event node at all (host-links-and-scanners §2.1), so nothing it reads can
reach the console, and there is nothing to grab.
"""

import contextlib
import errno
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from device.drivers.hid_pos import Layout, layout_of
from device.drivers.plugged import PluggedScanner, fault_of
from device.drivers.scan_assembler import MOST_CHARS, WHOLE, ScanAssembler
from device.drivers.scan_feed import ScanFeed
from device.drivers.scan_sink import ScanSink
from device.errors import HardwareError, NotPluggedIn

LONGEST_REPORT = 4096  # bytes: HID_MAX_BUFFER_SIZE of the kernel is 16384, a scanner's is 64
HID_ID = re.compile(r"^HID_ID=[0-9A-F]+:0*([0-9A-F]{4}):0*([0-9A-F]{4})$", re.MULTILINE)


def open_node(path: Path) -> int:
    """Open a node for reading without waiting."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the kernel shows its hidraw nodes; tests have another."""

    dev: Path = Path("/dev")
    nodes: Path = Path("/sys/class/hidraw")
    open: Callable[[Path], int] = open_node


class PosNode(NamedTuple):
    """An open hidraw node and how its reports are to be read."""

    name: str
    fd: int
    layout: Layout


class PosScanner:
    """One hidraw node."""

    def __init__(
        self,
        node: PosNode,
        sink: ScanSink,
        most_chars: int = MOST_CHARS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.fd, self._layout = node
        self._feed = ScanFeed(ScanAssembler(WHOLE, most_chars), sink)
        self._monotonic = monotonic

    def open(self) -> None:
        """Forget what was waiting."""
        with contextlib.suppress(BlockingIOError):
            while self._next():
                pass

    def read(self) -> None:
        """Take all reports that are waiting; OSError (EIO) if the scanner is gone."""
        with contextlib.suppress(BlockingIOError):
            while report := self._next():
                self._report(report)

    def unplugged(self) -> None:
        """Drop the part of a code."""
        self._feed.unplugged()

    def close(self) -> None:
        """Close the node."""
        os.close(self.fd)

    def _next(self) -> bytes:
        report = os.read(self.fd, LONGEST_REPORT)
        if not report:  # readable without data is gone: reading on would spin
            raise OSError(errno.EIO, "no more reports")
        return report

    def _report(self, report: bytes) -> None:
        piece = self._layout.read(report)
        if piece is None:
            return
        now = self._monotonic()
        for char in piece.text:
            self._feed.char(char, now)
        if not piece.more:
            self._feed.end(now, "report")


class HidrawScanner(PluggedScanner):
    """The HID-POS scanner that `match` names (`vendor:product`, a path or `auto`)."""

    def __init__(
        self,
        match: str,
        sink: ScanSink,
        *,
        most_chars: int = MOST_CHARS,
        machine: Machine | None = None,
    ) -> None:
        here = machine or Machine()

        def scanners() -> list[PosScanner]:
            return [PosScanner(node, sink, most_chars) for node in find(match, here)]

        super().__init__(here.dev, scanners, sink.on_online)


def find(match: str, machine: Machine) -> list[PosNode]:
    """Open the nodes; HardwareError with one clear line if there is none, or one too many."""
    nodes = [node for node in _scanners(machine.nodes) if _fits(match, node[0], machine.dev)]
    if not nodes:
        raise NotPluggedIn(f"没有符合 {match} 的 HID-POS 扫码枪")
    if match == "auto" and len(nodes) > 1:
        raise HardwareError(_which_of([entry for entry, _ in nodes], machine.dev))
    opened: list[PosNode] = []
    for entry, layout in nodes:
        try:
            fd = machine.open(machine.dev / entry.name)
            opened.append(PosNode(entry.name, fd, layout))
        except OSError as error:
            for node in opened:
                os.close(node.fd)
            raise HardwareError(fault_of(error)) from None
    return opened


def _scanners(nodes: Path) -> Iterator[tuple[Path, Layout]]:
    for entry in sorted(nodes.glob("hidraw*")):
        with contextlib.suppress(OSError):  # gone again
            layout = layout_of((entry / "device/report_descriptor").read_bytes())
            if layout:
                yield entry, layout


def _fits(match: str, entry: Path, dev: Path) -> bool:
    if match == "auto":
        return True
    if match.startswith("/"):
        return Path(match).resolve() == (dev / entry.name).resolve()
    return _number(entry) == match.lower()


def _number(entry: Path) -> str:
    """Return `vendor:product` in lower case; empty if it is gone."""
    try:
        found = HID_ID.search((entry / "device/uevent").read_text())
    except OSError:
        return ""
    return ":".join(found.groups()).lower() if found else ""


def _which_of(entries: list[Path], dev: Path) -> str:
    """Return the line that names each and what to write: its number, or, if equal, its path."""
    numbers = [_number(entry) for entry in entries]
    keys = numbers if len(set(numbers)) == len(numbers) else [str(dev / e.name) for e in entries]
    named = "、".join(f'"{key}"' for key in keys)
    return f"有 {len(keys)} 个 HID-POS 扫码枪，请在 [scanner] match 写明是哪一个：{named}"
