"""The buses panels hang on: I2C by luma alone, SPI by luma over lgpio.

luma's SPI wants spidev and RPi.GPIO, of which the latter does not work on newer boards. lgpio is
on the card anyway (gpiozero uses it) and can do both, so it is given to luma in their place.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from device.display.controllers import Bus, faults

SPI_HZ = 8_000_000  # the SSD1322 takes 10 MHz (datasheet, table 13-4); luma knows 8 and 16
HEADER_CHIP = "pinctrl-"  # begins the label of the chip with the 40-pin header, on every Pi
RESET_S = 0.001  # the SSD1322 wants 100 us low, and as long after it (datasheet 8.9)
CHIPS = Path("/dev")


def open_i2c(port: int, address: int) -> Bus:
    """Open the bus; HardwareError if it is not there or may not be used."""
    with faults():
        from luma.core.interface.serial import i2c  # noqa: PLC0415  40 ms: not before it is needed

        bus: Bus = i2c(port=port, address=address)
    return bus


def open_spi(port: int, device: int, dc: int, reset: int, wires: Any = None) -> Bus:
    """Open `/dev/spidev<port>.<device>` and the two pins (BCM numbers); HardwareError if not there.

    `wires` has the functions of the module lgpio, which is the default.
    """
    with faults():
        from luma.core.interface.serial import spi  # noqa: PLC0415  see above

        wires = wires or _lgpio()
        pins = _Pins(wires)
        try:
            bus: Bus = spi(
                spi=_Spi(wires),
                gpio=pins,
                port=port,
                device=device,
                bus_speed_hz=SPI_HZ,
                gpio_DC=dc,
                gpio_RST=reset,
                reset_hold_time=RESET_S,
                reset_release_time=RESET_S,
            )
        except BaseException:
            pins.close()
            raise
    return _Closing(bus, pins)


def _lgpio() -> Any:
    import lgpio  # noqa: PLC0415  absent on laptops

    return lgpio


class _Pins:
    """What luma uses of RPi.GPIO."""

    OUT = HIGH = 1
    LOW = 0

    def __init__(self, wires: Any) -> None:
        self._wires = wires
        self._chip = _header(wires)

    def setup(self, pin: int, _mode: int) -> None:
        """Take a pin."""
        with _mapped(self._wires):
            self._wires.gpio_claim_output(self._chip, pin, self.HIGH)

    def output(self, pin: int, level: int) -> None:
        """Set a pin."""
        with _mapped(self._wires):
            self._wires.gpio_write(self._chip, pin, level)

    def close(self) -> None:
        """Let go of the pins."""
        self._wires.gpiochip_close(self._chip)


class _Spi:
    """What luma uses of spidev."""

    def __init__(self, wires: Any) -> None:
        self._wires = wires
        self._handle: int | None = None

    def open(self, port: int, device: int) -> None:
        """Open the device."""
        with _mapped(self._wires):
            self._handle = self._wires.spi_open(port, device, SPI_HZ)

    def writebytes(self, data: list[int]) -> None:
        """Send bytes, at most 4,096 at once."""
        with _mapped(self._wires):
            self._wires.spi_write(self._handle, bytes(data))

    def close(self) -> None:
        """Close the device."""
        if self._handle is not None:
            self._wires.spi_close(self._handle)


class _Closing:
    """luma cleans up no pins that it was given."""

    def __init__(self, bus: Bus, pins: _Pins) -> None:
        self.command = bus.command
        self.data = bus.data
        self._bus, self._pins = bus, pins

    def cleanup(self) -> None:
        """Close both."""
        self._bus.cleanup()
        self._pins.close()


@contextlib.contextmanager
def _mapped(wires: Any) -> Iterator[None]:
    """Lgpio's one exception, as the OSError it is."""
    try:
        yield
    except wires.error as fault:
        raise OSError(str(fault)) from fault


def _header(wires: Any) -> int:
    """Open the chip that has the header; OSError if there is none."""
    with _mapped(wires):
        for node in sorted(CHIPS.glob("gpiochip*")):
            chip: int = wires.gpiochip_open(int(node.name.removeprefix("gpiochip")))
            if str(wires.gpio_get_chip_info(chip)[3]).startswith(HEADER_CHIP):
                return chip
            wires.gpiochip_close(chip)
    raise OSError("no GPIO header")
