import errno
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from device.drivers import input_nodes
from device.drivers.input_nodes import SCANNER_KEYS, EvdevNode, find_nodes
from device.errors import HardwareError

MOUSE_BUTTON = 272


@dataclass
class Info:
    vendor: int
    product: int


@dataclass
class FakeDevice:
    """What of evdev.InputDevice is used."""

    path: str
    info: Info
    phys: str
    keys: list[int] = field(default_factory=lambda: sorted(SCANNER_KEYS))
    uniq: str = ""
    name: str = "Scanner"
    fd: int = 0
    closed: bool = False

    def capabilities(self) -> dict[int, list[int]]:
        return {0: [0, 1], 1: self.keys}

    def close(self) -> None:
        self.closed = True


SCANNER = (0x0C2E, 0x0B61)


def scanner(number: int, phys: str = "usb-1/input0", **changes: Any) -> FakeDevice:
    return FakeDevice(f"/dev/input/event{number}", Info(*SCANNER), phys, **changes)


def mouse(number: int) -> FakeDevice:
    return FakeDevice(f"/dev/input/event{number}", Info(1, 2), "usb-9/input0", [MOUSE_BUTTON])


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Any:
    def plugged(*devices: FakeDevice) -> None:
        monkeypatch.setattr(
            input_nodes, "_open_all", lambda: ([EvdevNode(d) for d in devices], None)
        )
        monkeypatch.setattr(EvdevNode, "use_monotonic_clock", lambda _node: None)

    return plugged


def found(match: str) -> list[str]:
    return [node.device.path[-1] for node in find_nodes(match) if isinstance(node, EvdevNode)]


@pytest.mark.parametrize("match", ["auto", "0c2e:0b61", "0C2E:0B61", "/dev/input/event1"])
def test_all_nodes_of_the_scanner_are_taken_and_no_other(plug: Any, match: str) -> None:
    control = scanner(2, "usb-1/input1", keys=[113, 114])
    other = mouse(3)
    plug(scanner(1), control, other)
    assert found(match) == ["1", "2"]
    assert other.closed
    assert not control.closed


def test_auto_refuses_to_guess_between_two_keyboards(plug: Any) -> None:
    first = scanner(1, name="Honeywell Scanner")
    second = FakeDevice(
        "/dev/input/event2", Info(0x46D, 0xC31C), "usb-2/input0", name="USB Keyboard"
    )
    plug(first, second)
    with pytest.raises(HardwareError) as refused:
        find_nodes("auto")
    assert str(refused.value) == (
        "有 2 个键盘类设备，请在 [scanner] match 写明是哪一个："
        '"0c2e:0b61"（Honeywell Scanner）、"046d:c31c"（USB Keyboard）'
    )
    assert first.closed
    assert second.closed


def test_two_equal_scanners_are_told_apart_by_their_paths(plug: Any) -> None:
    plug(scanner(1, "usb-1/input0"), scanner(2, "usb-2/input0"))
    with pytest.raises(HardwareError, match='"/dev/input/event1"（Scanner）、"/dev/input/event2"'):
        find_nodes("auto")


def test_nodes_that_may_not_be_opened_are_no_missing_scanner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = PermissionError(errno.EACCES, "not allowed")
    monkeypatch.setattr(input_nodes, "_open_all", lambda: ([], refused))
    with pytest.raises(HardwareError, match="input 组"):
        find_nodes("auto")


def test_two_equal_scanners_are_both_taken_by_their_number(plug: Any) -> None:
    plug(scanner(1, "usb-1/input0"), scanner(2, "usb-2/input0"))
    assert found("0c2e:0b61") == ["1", "2"]


def test_a_path_takes_only_that_one_of_two_equal_scanners(plug: Any) -> None:
    plug(scanner(1, "usb-1/input0"), scanner(2, "usb-2/input0"))
    assert found("/dev/input/event2") == ["2"]


def test_a_link_by_id_is_followed(plug: Any, tmp_path: Path) -> None:
    link = tmp_path / "usb-Honeywell-event-kbd"
    link.symlink_to("/dev/input/event1")
    plug(scanner(1))
    assert found(str(link)) == ["1"]


@pytest.mark.parametrize("match", ["auto", "ffff:ffff", "/dev/input/event7"])
def test_no_scanner_is_a_hardware_error(plug: Any, match: str) -> None:
    plug(mouse(1), *([] if match == "auto" else [scanner(2)]))
    with pytest.raises(HardwareError, match="没有符合"):
        find_nodes(match)


def test_a_machine_without_input_devices_has_no_scanner(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("evdev")
    monkeypatch.setattr(input_nodes, "INPUT", tmp_path / "input")
    with pytest.raises(HardwareError, match="没有符合"):
        find_nodes("auto")


def test_a_node_that_cannot_be_opened_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("evdev")
    (tmp_path / "event0").write_text("no device")
    monkeypatch.setattr(input_nodes, "INPUT", tmp_path)
    with pytest.raises(HardwareError, match="没有符合"):
        find_nodes("auto")


def test_a_laptop_without_evdev_gets_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(input_nodes.__dict__["__builtins__"], "__import__", _refuse)
    with pytest.raises(HardwareError, match="未安装"):
        find_nodes("auto")


def _refuse(name: str, *_args: Any) -> None:
    raise ImportError(name)
