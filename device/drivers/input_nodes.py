"""Finding and opening the event nodes of a keyboard scanner (host-links-and-scanners §2.4).

A composite scanner has several nodes (keyboard, consumer control): all are taken, so that nothing
it sends reaches the console. `eventN` is not stable; a vendor and product number is.
"""

import struct
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from typing import Any, Protocol

from device.drivers.key_decoder import LED_CAPSL
from device.drivers.plugged import fault_of
from device.errors import HardwareError, NotPluggedIn

INPUT = Path("/dev/input")
EV_KEY = 1
SCANNER_KEYS = frozenset({*range(2, 12), 28})  # KEY_1 ... KEY_0, KEY_ENTER
EVIOCSCLOCKID = 0x400445A0  # python-evdev does not wrap it
CLOCK_MONOTONIC = 1


class Event(Protocol):
    """One input event; `sec` and `usec` are CLOCK_MONOTONIC."""

    sec: int
    usec: int
    type: int
    code: int
    value: int


class Node(Protocol):
    """An open event node. `read` raises OSError: EAGAIN when empty, ENODEV when unplugged."""

    fd: int
    path: str

    def read(self) -> Iterator[Event]:
        """What is waiting, at most 64 events."""

    def held(self) -> tuple[list[int], bool]:
        """Keys that are down now, and whether CapsLock is lit."""

    def grab(self) -> None:
        """Take the node for us alone; OSError EBUSY if somebody else has it."""

    def close(self) -> None:
        """Close it."""


class EvdevNode:
    """A node of the kernel by python-evdev (1.6 and 2.0)."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self.fd: int = device.fd
        self.path: str = device.path

    def use_monotonic_clock(self) -> None:
        """The wall clock of a box without RTC jumps; keys are timed by the other."""
        ioctl(self.fd, EVIOCSCLOCKID, struct.pack("i", CLOCK_MONOTONIC))

    def read(self) -> Iterator[Event]:
        """See `Node`."""
        events: Iterator[Event] = self.device.read()
        return events

    def held(self) -> tuple[list[int], bool]:
        """See `Node`."""
        return self.device.active_keys(), LED_CAPSL in self.device.leds()

    def grab(self) -> None:
        """See `Node`."""
        self.device.grab()

    def close(self) -> None:
        """See `Node`."""
        self.device.close()


def find_nodes(match: str) -> list[Node]:
    """Open every node of the scanner that `match` names (`vendor:product`, a path or `auto`).

    HardwareError with one clear line if there is none, or not exactly one for `auto` (it names
    them), or none may be opened.
    """
    opened, refused = _open_all()
    try:
        wanted = _wanted(match, [node.device for node in opened])
    except HardwareError as fault:
        for node in opened:
            node.close()
        if refused and isinstance(fault, NotPluggedIn):
            raise HardwareError(fault_of(refused)) from None
        raise
    chosen: list[Node] = []
    for node in opened:
        if node.device.path in wanted:
            node.use_monotonic_clock()
            chosen.append(node)
        else:
            node.close()
    return chosen


def _open_all() -> tuple[list[EvdevNode], OSError | None]:
    """Open every node; beside them why one may not be opened."""
    try:
        from evdev import InputDevice  # noqa: PLC0415  absent on laptops: a fault, not a crash
    except ImportError as absent:
        raise HardwareError("未安装 python-evdev") from absent
    opened: list[EvdevNode] = []
    refused: OSError | None = None
    for path in sorted(INPUT.glob("event*")):
        try:
            opened.append(EvdevNode(InputDevice(str(path))))
        except PermissionError as error:  # perhaps they are still being set
            refused = error
        except OSError:  # gone again
            continue
    return opened, refused


def _wanted(match: str, devices: list[Any]) -> set[str]:
    """Return the paths of the nodes to open, siblings included."""
    bodies: dict[tuple[object, ...], list[Any]] = {}
    for device in devices:
        bodies.setdefault(_body(device), []).append(device)
    scanners = [nodes for nodes in bodies.values() if any(map(_types_digits, nodes))]
    fitting = [nodes for nodes in scanners if _fits(match, nodes)]
    if not fitting:
        raise NotPluggedIn(f"没有符合 {match} 的扫码枪")
    if match == "auto" and len(fitting) > 1:
        raise HardwareError(_which_of([nodes[0] for nodes in fitting]))
    return {node.path for nodes in fitting for node in nodes}


def _which_of(devices: list[Any]) -> str:
    """Return the line that names each and what to write: its number, or, if equal, its path."""
    numbers = [_number(device) for device in devices]
    keys = numbers if len(set(numbers)) == len(numbers) else [device.path for device in devices]
    named = [f'"{key}"（{device.name}）' for key, device in zip(keys, devices, strict=True)]
    return f"有 {len(named)} 个键盘类设备，请在 [scanner] match 写明是哪一个：{'、'.join(named)}"


def _number(device: Any) -> str:
    return f"{device.info.vendor:04x}:{device.info.product:04x}"


def _body(device: Any) -> tuple[object, ...]:
    """What nodes of one piece of hardware have in common."""
    info = device.info
    return info.vendor, info.product, device.uniq, device.phys.rpartition("/")[0]


def _types_digits(device: Any) -> bool:
    return SCANNER_KEYS.issubset(device.capabilities().get(EV_KEY, ()))


def _fits(match: str, nodes: list[Any]) -> bool:
    if match == "auto":
        return True
    if match.startswith("/"):
        real = str(Path(match).resolve())
        return any(node.path == real for node in nodes)
    return _number(nodes[0]) == match.lower()
