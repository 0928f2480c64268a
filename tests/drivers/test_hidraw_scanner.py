import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from device.drivers import plugged
from device.drivers.hid_pos import layout_of
from device.drivers.hidraw_scanner import HidrawScanner, Machine, PosNode, PosScanner, find
from device.errors import HardwareError

if TYPE_CHECKING:
    from tests.drivers.conftest import Collected

WECHAT = "134567890123456789"
# A scanner with report number 2: length, 56 bytes of data, and the bit that says that more follows.
POS = bytes.fromhex(
    "05 8C 09 02 A1 01 85 02 75 08 95 01 05 01 09 3B 81 02"
    "05 8C 95 38 09 FE 82 02 01 75 01 95 01 09 FF 81 02 95 07 81 03 C0"
)
KEYBOARD = bytes.fromhex("05 01 09 06 A1 01 05 07 19 E0 29 E7 15 00 25 01 75 01 95 08 81 02 C0")


def report(text: str, more: int = 0) -> bytes:
    return bytes([2, len(text)]) + text.encode().ljust(56, b"\0") + bytes([more])


class Kernel:
    """/sys/class/hidraw and /dev as file trees; a node is the end of a packet socket."""

    def __init__(self, folder: Path) -> None:
        self.nodes, self.dev = folder / "class", folder / "dev"
        self.nodes.mkdir()
        self.dev.mkdir()
        self.ends: dict[str, tuple[socket.socket, socket.socket]] = {}

    def seen(self) -> Machine:
        return Machine(self.dev, self.nodes, self.open)

    def plug(self, number: int, product: str = "00000B61", descriptor: bytes = POS) -> str:
        name = f"hidraw{number}"
        device = self.nodes / name / "device"
        device.mkdir(parents=True)
        (device / "report_descriptor").write_bytes(descriptor)
        (device / "uevent").write_text(f"DRIVER=hid-generic\nHID_ID=0003:00000C2E:{product}\n")
        (self.dev / name).touch()
        self.ends[str(self.dev / name)] = socket.socketpair(type=socket.SOCK_SEQPACKET)
        return name

    def open(self, path: Path) -> int:
        end = self.ends[str(path)][1]
        end.settimeout(0)
        return os.dup(end.fileno())

    def send(self, name: str, data: bytes) -> None:
        self.ends[str(self.dev / name)][0].send(data)

    def unplug(self, name: str) -> None:
        for end in self.ends.pop(str(self.dev / name)):
            end.close()
        (self.dev / name).unlink()
        (self.nodes / name).rename(self.nodes / "gone")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    machine = Kernel(tmp_path)
    monkeypatch.setattr(plugged, "POLL_S", 60.0)
    yield machine
    for ends in machine.ends.values():
        for end in ends:
            end.close()


def found(machine: Kernel, match: str) -> int:
    opened = find(match, machine.seen())
    for node in opened:
        os.close(node.fd)
    return len(opened)


def test_a_scanner_is_found_by_its_number_its_path_or_by_being_the_only_one(
    machine: Kernel,
) -> None:
    name = machine.plug(0)
    machine.plug(1, descriptor=KEYBOARD)
    for match in ("auto", "0c2e:0b61", "0C2E:0B61", str(machine.dev / name)):
        assert found(machine, match) == 1


@pytest.mark.parametrize("match", ["0c2e:0b62", "/dev/hidraw9"])
def test_another_scanner_is_not_taken(machine: Kernel, match: str) -> None:
    machine.plug(0)
    with pytest.raises(HardwareError, match="没有符合"):
        find(match, machine.seen())


def test_auto_refuses_to_guess(machine: Kernel) -> None:
    machine.plug(0)
    machine.plug(1, "00000B62")
    with pytest.raises(HardwareError, match=r'有 2 个.*"0c2e:0b61"、"0c2e:0b62"'):
        find("auto", machine.seen())


def test_two_equal_scanners_are_told_apart_by_their_paths(machine: Kernel) -> None:
    names = [machine.plug(number) for number in range(2)]
    with pytest.raises(HardwareError) as refused:
        find("auto", machine.seen())
    assert all(f'"{machine.dev / name}"' in str(refused.value) for name in names)


async def test_scans_unplugging_and_plugging_in_again(
    machine: Kernel, collected: "Collected"
) -> None:
    name = machine.plug(0)
    scanner = HidrawScanner("auto", collected.sink, machine=machine.seen())
    task = asyncio.create_task(scanner.run())
    await collected.until(lambda: scanner.online)
    machine.send(name, b"\x03 something else")
    machine.send(name, report(WECHAT[:5], more=1))
    machine.send(name, report(WECHAT[5:] + "\r"))
    await collected.until(lambda: collected.scans)
    machine.send(name, report("12345", more=1))
    machine.unplug(name)
    await collected.until(lambda: not scanner.online)
    assert (collected.texts, collected.garbled) == ([WECHAT], ["unplugged"])
    machine.send(machine.plug(3), report("987"))
    await collected.until(lambda: scanner.online)
    machine.send("hidraw3", report(WECHAT[::-1]))
    await collected.until(lambda: len(collected.scans) == 2)
    assert collected.texts[1] == WECHAT[::-1]  # what was read before it was open is forgotten
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_the_whole_code_has_the_time_of_its_report(collected: "Collected") -> None:
    layout = layout_of(POS)
    assert layout
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    ours.settimeout(0)
    scanner = PosScanner(
        PosNode("hidraw0", ours.fileno(), layout), collected.sink, monotonic=lambda: 7.0
    )
    theirs.send(report(WECHAT))
    scanner.read()
    assert collected.scans == [(WECHAT, 7.0)]
    theirs.close()
    with pytest.raises(OSError, match="no more reports"):
        scanner.read()
    ours.close()
