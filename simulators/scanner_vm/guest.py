"""What runs in the guest: the box's scanner drivers, and a few things the host may ask for.

One JSON object a line on the second serial port, in both directions.
"""

import asyncio
import contextlib
import json
import os
import struct
import sys
import termios
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device.drivers.evdev_scanner import EvdevScanner
from device.drivers.hidraw_scanner import HidrawScanner
from device.drivers.input_nodes import EV_KEY, Event, Node, find_nodes
from device.drivers.scan_sink import ScanSink
from device.drivers.serial_scanner import SerialScanner

if TYPE_CHECKING:
    from device.drivers.plugged import PluggedScanner

LINE = "/dev/ttyS1"
KEYBOARD = "0627:0001"  # QEMU's
SERIAL = "/dev/ttyUSB0"
NODES = {"keyboard": "input/event*", "pos": "hidraw*", "serial": "ttyUSB*"}
UHID = "/dev/uhid"
UHID_DESTROY, UHID_CREATE2, UHID_INPUT2 = 1, 11, 12
CREATE2 = struct.Struct("<I128s64s64sHHIIII4096s")
INPUT2 = struct.Struct("<IH4096s")
BUS_USB = 3


class Guest:
    """The drivers and the line to the host."""

    def __init__(self) -> None:
        self._line = os.open(LINE, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._line, termios.TCSANOW)
        self._waiting = b""
        self._pos = -1
        self.downs = 0
        self._scanners: dict[str, PluggedScanner | SerialScanner] = {
            "keyboard": EvdevScanner(KEYBOARD, self._sink("keyboard"), self._find),
            "pos": HidrawScanner("auto", self._sink("pos")),
            "serial": SerialScanner(SERIAL, 9600, self._sink("serial")),
        }

    async def run(self) -> None:
        """Serve until the host is gone."""
        asyncio.get_running_loop().add_reader(self._line, self._read)
        self._say(hello=sys.version.split()[0], kernel=os.uname().release)
        await asyncio.gather(*(scanner.run() for scanner in self._scanners.values()))

    def _sink(self, name: str) -> ScanSink:
        sink = ScanSink(
            lambda text, first_s: self._say(
                **{name: text},
                ms=round(sink.took_ms[-1]),
                by=sink.ended_by,
                age_ms=round((time.monotonic() - first_s) * 1000),
            ),
            lambda why: self._say(**{name: f"({why})"}),
            lambda online: self._online(name, online=online),
        )
        return sink

    def _online(self, name: str, *, online: bool) -> None:
        created_s = max(
            (file.stat().st_ctime for file in Path("/dev").glob(NODES[name])), default=0
        )
        self._say(**{name: online}, held_ms=round((time.time() - created_s) * 1000))

    def _find(self, match: str) -> list[Node]:
        return [CountedNode(node, self) for node in find_nodes(match)]

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._waiting += os.read(self._line, 4096)
        *lines, self._waiting = self._waiting.split(b"\n")
        for line in lines:
            self._asked(**json.loads(line))

    def _asked(self, do: str, **how: Any) -> None:
        if do == "block":  # what must never happen: the loop does not read
            time.sleep(how["seconds"])
        elif do == "grab":
            self._say(grab=_second_grab())
        elif do == "keys":
            self._say(keys=self.downs)
            self.downs = 0
        elif do == "plug":
            self._pos = os.open(UHID, os.O_RDWR)
            os.write(self._pos, _created(bytes.fromhex(how["descriptor"])))
        elif do == "report":
            report = bytes.fromhex(how["report"])
            os.write(self._pos, INPUT2.pack(UHID_INPUT2, len(report), report))
        elif do == "unplug":
            os.close(self._pos)  # the kernel takes the device away
        self._say(done=do)

    def _say(self, **what: object) -> None:
        os.write(self._line, json.dumps(what).encode() + b"\n")


class CountedNode:
    """A node whose key-downs are counted: what the kernel gave, whatever the drivers made of it."""

    def __init__(self, node: Node, guest: Guest) -> None:
        self.fd, self.path, self._node, self._guest = node.fd, node.path, node, guest
        self.held, self.grab, self.close = node.held, node.grab, node.close

    def read(self) -> Iterator[Event]:
        """See `Node`."""
        for event in self._node.read():
            self._guest.downs += (event.type, event.value) == (EV_KEY, 1)
            yield event


def _created(descriptor: bytes) -> bytes:
    ids = (BUS_USB, 0x0C2E, 0x0B61, 0, 0)
    return CREATE2.pack(UHID_CREATE2, b"FakeScan", b"", b"", len(descriptor), *ids, descriptor)


def _second_grab() -> int:
    """Return the error number with which the kernel refuses a second reader."""
    (node,) = find_nodes(KEYBOARD)
    try:
        node.grab()
    except OSError as error:
        return error.errno or 0
    finally:
        node.close()
    return 0


if __name__ == "__main__":
    asyncio.run(Guest().run())
