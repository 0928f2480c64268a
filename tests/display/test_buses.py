from pathlib import Path
from typing import Any

import pytest

from device.display import buses
from device.display.buses import open_i2c, open_spi
from device.errors import HardwareError

DC, RESET = 24, 25


class Wires:
    """The functions of lgpio that are used, on a board with two chips."""

    class error(Exception):  # noqa: N801  lgpio's own name
        pass

    LABELS = ("something else", "pinctrl-rp1")

    def __init__(self) -> None:
        self.levels: dict[int, int] = {}
        self.sent: list[tuple[int, bytes]] = []
        """Level of the data pin, bytes."""
        self.open_chips: set[int] = set()
        self.spi: tuple[int, int, int] | None = None
        self.broken = ""

    def gpiochip_open(self, number: int) -> int:
        self.open_chips.add(number)
        return number

    def gpio_get_chip_info(self, chip: int) -> list[Any]:
        return [0, 54, f"gpiochip{chip}", self.LABELS[chip]]

    def gpiochip_close(self, chip: int) -> None:
        self.open_chips.remove(chip)

    def gpio_claim_output(self, _chip: int, pin: int, level: int) -> None:
        self._may("pins")
        self.levels[pin] = level

    def gpio_write(self, chip: int, pin: int, level: int) -> None:
        assert chip == 1
        self.levels[pin] = level

    def spi_open(self, port: int, device: int, hz: int) -> int:
        self._may("spi")
        self.spi = (port, device, hz)
        return 7

    def spi_write(self, handle: int, data: bytes) -> None:
        assert handle == 7
        self._may("write")
        self.sent.append((self.levels[DC], data))

    def spi_close(self, _handle: int) -> None:
        self.spi = None

    def _may(self, what: str) -> None:
        if self.broken == what:
            raise self.error(what)


@pytest.fixture
def wires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wires:
    for number in range(2):
        (tmp_path / f"gpiochip{number}").touch()
    monkeypatch.setattr(buses, "CHIPS", tmp_path)
    return Wires()


def test_commands_and_data_are_told_apart_by_a_pin(wires: Wires) -> None:
    bus = open_spi(0, 1, DC, RESET, wires)
    bus.command(0x15)
    bus.data([28, 91])
    assert wires.sent == [(0, b"\x15"), (1, bytes([28, 91]))]
    assert wires.spi == (0, 1, 8_000_000)
    assert wires.levels[RESET] == 1


def test_the_chip_of_the_header_is_found_by_its_label(wires: Wires) -> None:
    open_spi(0, 0, DC, RESET, wires)
    assert wires.open_chips == {1}


def test_closing_lets_go_of_device_and_pins(wires: Wires) -> None:
    open_spi(0, 0, DC, RESET, wires).cleanup()
    assert (wires.spi, wires.open_chips) == (None, set())


@pytest.mark.parametrize("what", ["pins", "spi"])
def test_what_cannot_be_opened_is_a_hardware_error_and_nothing_stays_open(
    wires: Wires, what: str
) -> None:
    wires.broken = what
    with pytest.raises(HardwareError, match=what):
        open_spi(0, 0, DC, RESET, wires)
    assert wires.open_chips == set()


def test_a_fault_in_the_middle_is_an_os_error_as_on_every_bus(wires: Wires) -> None:
    bus = open_spi(0, 0, DC, RESET, wires)
    wires.broken = "write"
    with pytest.raises(OSError, match="write"):
        bus.command(0xAF)


def test_a_machine_without_a_header_is_a_hardware_error(
    wires: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wires, "LABELS", ("one", "other"))
    with pytest.raises(HardwareError, match="no GPIO header"):
        open_spi(0, 0, DC, RESET, wires)
    assert wires.open_chips == set()


def test_the_real_library_on_a_machine_without_pins_is_a_hardware_error() -> None:
    with pytest.raises(HardwareError):
        open_spi(0, 0, DC, RESET)


def test_a_missing_i2c_bus_is_a_hardware_error() -> None:
    with pytest.raises(HardwareError, match="Device"):
        open_i2c(31, 0x3C)
